"""What `gpicl-train` minimises: the cross-entropy of ρ(y_t) at every position (Kirsch et al. 2022, equation 2)."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.gpicl.data.classification_data import ClassificationData
from icltool.gpicl.data.task_augmentation import CachedTasks, TaskFamily
from icltool.gpicl.data.task_sequences import SequencePlan, TaskSequences
from icltool.gpicl.evaluation.in_context_accuracy import draw_tasks
from icltool.gpicl.studies.train.config import GpiclTrainConfig
from icltool.training.learner import Number

# The running accuracy looks at this part of the sequence, its end.
LAST_PART = 0.2


class TaskBatches:
    """The sequences of a step, a pure function of the settings and the step."""

    def __init__(self, data: ClassificationData, config: GpiclTrainConfig, device: torch.device) -> None:
        self.data = data
        self.config = config
        family = TaskFamily(config.seed, inputs=data.inputs, classes=data.classes, device=device)
        self._tasks = CachedTasks(family, tasks=config.tasks)

    def __call__(self, step: int) -> TaskSequences:
        """The training sequences of a step."""
        random = generator(self.config.seed, "sequences", step)
        tasks = draw_tasks(self.config.batch, random, tasks=self.config.tasks)
        return self.data.train.draw(self._tasks, tasks, random, self.plan_at(step))

    def plan_at(self, step: int) -> SequencePlan:
        """How many classes and components are in use at a step."""
        config = self.config
        joint = config.curriculum == "joint"
        classes = grown(
            step, start=config.classes_start, end=self.data.classes, steps=config.steps, until=config.classes_until
        )
        components = grown(
            step, start=config.components_start, end=self.data.inputs, steps=config.steps, until=config.components_until
        )
        return SequencePlan(
            context=config.context,
            classes=classes if joint else None,
            features=components if joint and config.features == "components" else None,
            fixed_labels=round(config.bias_fraction * config.batch),
        )


def grown(step: int, *, start: int, end: int, steps: int, until: float) -> int:
    """A whole number that grows evenly from `start` at step 1 to `end` after `until` of the steps."""
    start = min(start, end)
    span = until * steps
    if step - 1 >= span:
        return end
    return start + int((end - start) * (step - 1) / span)


class InContextObjective:
    """Draws a step's sequences and measures the learner on them."""

    def __init__(
        self, model: nn.Module, batches: TaskBatches, source: Callable[[int], TaskSequences], runtime: Runtime
    ) -> None:
        """`source(step)` is `batches(step)`, by way of a prefetcher."""
        self.model = model
        self.batches = batches
        self.source = source
        self.runtime = runtime
        self._conditions: dict[str, Number] = {}

    def measure(self, step: int) -> Mapping[str, Tensor]:
        """`loss`, and `running_accuracy`: of the last fifth of the positions."""
        sequences = self.source(step).to(self.runtime.device)
        logits = self.model(sequences.inputs, sequences.previous_labels())
        loss = cross_entropy(rearrange(logits, "B t C -> (B t) C"), rearrange(sequences.labels, "B t -> (B t)"))
        last = -max(1, round(LAST_PART * sequences.labels.shape[1]))
        right = logits[:, last:].argmax(dim=-1) == sequences.labels[:, last:]
        plan = self.batches.plan_at(step)
        self._conditions = {
            "classes": plan.classes or self.batches.data.classes,
            "components": plan.features or self.batches.data.inputs,
            "prompts": len(sequences.labels),
        }
        return {"loss": loss, "running_accuracy": right.float().mean()}

    def observe(self, measures: Mapping[str, Tensor]) -> None:
        """Nothing: the data do not depend on how well it goes."""

    def conditions(self) -> Mapping[str, Number]:
        """Classes and components in use at the last step, and its sequences."""
        return self._conditions

    def state(self) -> Mapping[str, Any]:
        """Nothing: everything follows from the step."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to go back to."""
