"""Named, independent random generators from one seed; the global generator is never used.

A generator is a pure function of (seed, names): `generator(7, "data", 120)` gives the same stream in every process, so
a run resumed at step 120, or shared out over processes, draws what it would have drawn uninterrupted and alone.
"""

import hashlib

import torch


def derived_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed from a seed and names, through SHA-256 (so that near seeds give unrelated streams)."""
    label = "/".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A fresh CPU generator for this seed and these names.

    Always on the CPU: the same prompts and weights on every device.
    """
    return torch.Generator(device="cpu").manual_seed(derived_seed(seed, *names))
