"""The training of all probes of a model: each step draws fresh prompts, runs the model once and moves every probe.

Control task: the probes learn on prompts whose w is all ones. Whatever they then decode on prompts of random w, the
states must say; what they only learned by heart fails there.

Legend: s states at once, t tokens, B prompts, D width.
"""

from collections.abc import Mapping

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from icltool.core.errors import UsageError
from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.regression.data.prompts import Prompts
from icltool.regression.evaluation.hidden_states import Visit, measure_state_scale, visit_hidden_states
from icltool.regression.evaluation.probe_targets import probe_targets
from icltool.regression.models.probes import Probes, probe_gradients
from icltool.regression.studies.measured_model import MeasuredModel
from icltool.regression.studies.probe.config import SCALE_PROMPTS, ProbeConfig
from icltool.training.learner import LearnerState, Number
from icltool.training.optimisers import Optimisers, learning_rate_factor
from icltool.training.resume_file import pack_model, pack_optimisers, unpack_model, unpack_optimisers
from icltool.training.training_config import OptimiserConfig

# What the probes of the states held at once may take. On a CPU they should stay in its caches.
CPU_MEMORY, GPU_MEMORY = 48 * 2**20, 2 * 2**30


class ProbeUpdate:
    """Takes in a step's gradients, then moves every probe; none feels another: Adam is elementwise, nothing clips."""

    def __init__(self, probes: Probes, config: OptimiserConfig) -> None:
        self.probes = probes
        self.optimisers = Optimisers(probes, config)
        self._gradients: list[tuple[Tensor, ...]] = []
        self._losses: list[Tensor] = []

    def add(self, first: int, states: Float[Tensor, "s t B D"], targets: Float[Tensor, "k B d"]) -> None:
        """Take in the states from `first` on; those of a step come once each and in order."""
        loss, gradients = probe_gradients(self.probes.of_states(first, states.shape[0]), states, targets)
        self._losses.append(loss)
        self._gradients.append(tuple(gradients))

    def apply(self, factor: float) -> Float[Tensor, ""]:
        """Step at `factor` times the peak learning rate; returns the mean error of the probes before it."""
        for tensor, *parts in zip(self.probes.tensors(), *self._gradients, strict=True):
            tensor.grad = torch.cat(parts)
        self.optimisers.step(factor)
        loss = torch.stack(self._losses).sum() / (self.probes.sizes.states * self.probes.sizes.targets)
        self._gradients.clear()
        self._losses.clear()
        return loss


class ProbedStates:
    """A model's states as its probes see them.

    Their scale is measured once, on prompts of the seed that no step trains on; under the control task too these have
    random w, or coordinates that a constant w holds still would be blown up where w varies.
    """

    def __init__(self, subject: MeasuredModel, config: ProbeConfig, runtime: Runtime) -> None:
        self.subject = subject
        self.model = subject.model.to(runtime.device)
        self.runtime = runtime
        self.scale = None
        if config.standardise:
            prompts = subject.draw(generator(config.seed, "probe-scale"), batch=SCALE_PROMPTS)
            self.scale = measure_state_scale(self.model, prompts, runtime, loops=subject.loops)

    def visit(self, prompts: Prompts, *, at_once: int, visit: Visit) -> None:
        """Run the model once and hand its states to `visit`, as `visit_hidden_states` does."""

        def standardised(first: int, states: Tensor) -> None:
            if self.scale is not None:
                self.scale.standardise_(first, states)
            visit(first, states)

        prompts = prompts.to(self.runtime.device)
        loops = self.subject.loops
        visit_hidden_states(self.model, prompts, self.runtime, loops=loops, at_once=at_once, visit=standardised)


class ProbeLearner:
    """A `Learner` (icltool.training.learner) whose parameters are the probes; the model stays as it is."""

    def __init__(self, states: ProbedStates, probes: Probes, config: ProbeConfig, runtime: Runtime) -> None:
        self.states = states
        self.probes = probes
        self.config = config
        self.runtime = runtime
        self.settings = config.optimiser_settings
        self.update = ProbeUpdate(probes, self.settings)
        self.at_once = states_at_once(probes, runtime, batch=config.batch)
        self._lr = 0.0

    def advance(self, step: int) -> Mapping[str, Tensor]:
        """One step of every probe; `loss` is their mean squared error, over coordinates, prompts and probes."""
        prompts = training_prompts(self.states.subject, self.config, step)
        targets = probe_targets(prompts, self.config).to(self.runtime.device)
        self.states.visit(
            prompts,
            at_once=self.at_once,
            visit=lambda first, states: self.update.add(first, states, targets),
        )
        factor = learning_rate_factor(self.settings, step)
        self._lr = self.config.lr * factor
        return {"loss": self.update.apply(factor)}

    def conditions(self) -> Mapping[str, Number]:
        """The learning rate and the prompts of a step."""
        return {"lr": self._lr, "prompts": self.config.batch}

    def state(self) -> LearnerState:
        """The probes and Adam's averages; the prompts follow from the step."""
        tensors = {**pack_model(self.probes), **pack_optimisers(self.update.optimisers.members)}
        return LearnerState(tensors=tensors, values={})

    def restore(self, state: LearnerState) -> None:
        """Go back to a state that `state` returned."""
        unpack_model(self.probes, state.tensors)
        unpack_optimisers(self.update.optimisers.members, state.tensors)


def states_at_once(probes: Probes, runtime: Runtime, *, batch: int) -> int:
    """How many states are held and decoded at once on this machine."""
    return probes.states_within(GPU_MEMORY if runtime.device.type == "cuda" else CPU_MEMORY, batch=batch)


def training_prompts(subject: MeasuredModel, config: ProbeConfig, step: int, *, batch: int | None = None) -> Prompts:
    """A step's fresh prompts, a pure function of seed and step; under `control` their w is all ones.

    `batch` asks for another number of them than the settings' own.
    """
    prompts = subject.draw(generator(config.seed, "probe-data", step), batch=batch or config.batch)
    return with_weights_of_one(prompts) if config.control else prompts


def with_weights_of_one(prompts: Prompts) -> Prompts:
    """The same x and the same noise, w all ones. Raises `UsageError` for functions that have no weights."""
    if prompts.weights is None:
        raise UsageError("--control sets the weights of the functions to one; take a linear --task")
    ones = torch.ones_like(prompts.weights)
    moved = einsum(ones - prompts.weights, prompts.xs, "B d, B n d -> B n")
    return Prompts(xs=prompts.xs, ys=prompts.ys + moved, weights=ones)
