"""The settings every computing study shares: seed, and the machine: device, threads, precision, compiler, allocator."""

from typing import Literal, Self

from icltool.core.config import Config, setting
from icltool.core.processes import available_threads, pick_device

GROUP = "Machine"
# Compiling takes seconds, once for a machine.
STEPS_WORTH_COMPILING = 200


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
        "auto",
        "Compile the transformer's blocks from C++ (on a GPU: torch.compile); auto: for long CPU trainings, where a "
        "compiler exists.",
        group=GROUP,
    )
    allocator: Literal["keep", "system"] = setting(
        "keep",
        "keep: hold freed memory for the next step (glibc, in processes of icltool's own); system: leave malloc.",
        group=GROUP,
    )

    def resolved(self) -> Self:
        """The config with device and threads fixed for this machine."""
        update = {"device": pick_device(self.device), "threads": self.threads or available_threads()}
        return self.model_copy(update=update)

    def compile_for(self, steps: int) -> Literal["on", "off"]:
        """What `auto` means for a training of so many steps here: `on` where it pays and a compiler exists."""
        from icltool.core.compiler import find_compiler  # noqa: PLC0415 - loads torch

        if self.compile != "auto":
            return self.compile
        worth_it = steps >= STEPS_WORTH_COMPILING and pick_device(self.device) == "cpu"
        return "on" if worth_it and find_compiler() else "off"
