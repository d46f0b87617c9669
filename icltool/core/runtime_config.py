"""The settings every computing study shares: seed, and the machine: device, threads, precision, compiler, allocator."""

from typing import Literal, Self

from icltool.core.config import Config, setting

GROUP = "Machine"


class SeedConfig(Config):
    """The seed of a study that draws anything."""

    seed: int = setting(0, "Seed of everything random in the run.", group="Run", ge=0, le=2**63 - 1)


class RuntimeConfig(Config):
    """Where and how a study computes. All of it belongs to a run's identity: each can change the last bits."""

    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto", "Where to compute; auto: a GPU when there is one.", group=GROUP
    )
    threads: int | None = setting(
        None, "CPU threads; unset: as many as this process may use.", group=GROUP, ge=1, le=1024
    )
    precision: Literal["f32", "bf16"] = setting("f32", "Arithmetic of the matrix products.", group=GROUP)
    compile: Literal["auto", "on", "off"] = setting(
        "auto", "torch.compile the model (needs a C++ compiler); auto is off for now.", group=GROUP
    )
    allocator: Literal["keep", "system"] = setting(
        "keep", "keep: hold freed memory for the next step (glibc); system: leave malloc as it is.", group=GROUP
    )

    def resolved(self) -> Self:
        """The config with device and threads fixed for this machine."""
        from icltool.core.device import available_threads, pick_device  # noqa: PLC0415 - `--help` reads the settings and must not load torch

        update = {"device": pick_device(self.device), "threads": self.threads or available_threads()}
        return self.model_copy(update=update)
