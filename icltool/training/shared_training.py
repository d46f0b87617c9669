"""One training by all the processes that torchrun started, as one process would do it.

Every process draws the whole batch of a step and computes some rows of it. Gradients and measures are averaged in one
exchange before anything is done with them, so the clip, the optimisers (Muon's orthogonalisation is not linear) and the
curriculum see what one process would see, and all processes take the same step. Rank 0 leads: it runs the study. The
others follow: they take over its state before its first step, and then take every step that it announces.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from icltool.core.errors import LostProcessError, UsageError
from icltool.core.interrupts import deferred_interrupts
from icltool.core.processes import Processes, launched
from icltool.core.tensor_files import packed, unpacked
from icltool.training.learner import Learner, LearnerState, Number

# The followers wait while the leader evaluates and saves; one that died is noticed by its closed connection.
PATIENCE = timedelta(hours=12)
NO_MORE = -1


class Share:
    """This process's part of the work. Alone, it is all of it, and nothing is exchanged."""

    def __init__(self, processes: Processes | None = None, *, device: torch.device | None = None) -> None:
        self.processes = processes or Processes()
        self.device = device or torch.device("cpu")
        self.within_step = False

    @property
    def together(self) -> bool:
        """Whether there are others."""
        return self.processes.count > 1

    def rows(self, batch: int) -> tuple[int, int]:
        """The first row of a batch that is this process's, and the first after them."""
        rank, count = self.processes.rank, self.processes.count
        return batch * rank // count, batch * (rank + 1) // count

    def require_rows(self, batch: int) -> None:
        """Raise `UsageError` when a batch has fewer rows than there are processes."""
        if batch < self.processes.count:
            raise UsageError(f"--batch {batch} cannot be shared by {self.processes.count} processes; start fewer")

    def average(
        self, parameters: Iterable[nn.Parameter], measures: Mapping[str, Tensor], *, batch: int
    ) -> Mapping[str, Tensor]:
        """The measures of the whole batch from those of the rows; the gradients become those of the whole batch.

        Raises `LostProcessError` when a process has died; the weights are as they were.
        """
        first, last = self.rows(batch)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        values = torch.stack([value.detach().float() for value in measures.values()])
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), values]) * ((last - first) / batch)
        with _exchange():
            distributed.all_reduce(flat)
        *averaged, values = flat.split([*(gradient.numel() for gradient in gradients), len(measures)])
        for gradient, average in zip(gradients, averaged, strict=True):
            gradient.copy_(average.view_as(gradient))
        return dict(zip(measures, values, strict=True))

    def broadcast(self, number: int = 0) -> int:
        """The leader's number, in every process."""
        sent = torch.tensor(number, device=self.device)
        with _exchange():
            distributed.broadcast(sent, src=0)
        return int(sent)

    def broadcast_state(self, state: LearnerState | None = None) -> LearnerState:
        """The leader's state, in every process."""
        content = packed(state.tensors, {"values": dict(state.values)}) if state else b""
        sent = torch.zeros(self.broadcast(len(content)), dtype=torch.uint8)
        if content:
            sent = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        sent = sent.to(self.device)
        with _exchange():
            distributed.broadcast(sent, src=0)
        file = unpacked(sent.cpu().numpy().tobytes())
        return LearnerState(tensors=file.tensors, values=file.header["values"])


@contextmanager
def shared(device: torch.device) -> Generator[Share]:
    """Join the other processes of this run, if there are any; the leader's leaving sends the others home."""
    processes = launched()
    if processes.count == 1:
        yield Share()
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    share = Share(processes, device=device)
    try:
        yield share
    finally:
        if not processes.follows and not share.within_step:
            with suppress(LostProcessError):
                share.broadcast(NO_MORE)
        distributed.destroy_process_group()


class LeadingLearner:
    """The leader's learner: it tells the others of every step before it takes it."""

    def __init__(self, learner: Learner, share: Share) -> None:
        self._learner = learner
        self._share = share
        self._state_sent = False

    def advance(self, step: int) -> Mapping[str, Tensor]:
        """Take a step, all together."""
        self._share.within_step = True
        self._share.broadcast(step)
        if not self._state_sent:
            self._share.broadcast_state(self._learner.state())
            self._state_sent = True
        measures = self._learner.advance(step)
        self._share.within_step = False
        return measures

    def conditions(self) -> Mapping[str, Number]:
        """What held during the last step."""
        return self._learner.conditions()

    def state(self) -> LearnerState:
        """All that the next step depends on."""
        return self._learner.state()

    def restore(self, state: LearnerState) -> None:
        """Go back to a state that `state` returned."""
        self._learner.restore(state)


def lead(learner: Learner, share: Share) -> Learner:
    """The learner to train with, where this process leads; alone, it is the learner itself."""
    return LeadingLearner(learner, share) if share.together else learner


def follow(learner: Learner, share: Share) -> None:
    """Take the leader's steps with it, until it says no more. Signals are the leader's to answer."""
    with deferred_interrupts():
        has_state = False
        while (step := share.broadcast()) != NO_MORE:
            if not has_state:
                learner.restore(share.broadcast_state())
                has_state = True
            learner.advance(step)


@contextmanager
def _exchange() -> Generator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise LostProcessError(f"another process of this run is gone ({reason:.200})") from None
