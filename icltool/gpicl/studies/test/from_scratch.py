"""What fitting an MLP to every context from scratch by gradient descent (SGD) gets right on the same sequences.

Nothing is meta-trained. The number of steps and their size are chosen on training tasks with training images, which
are never measured afterwards.
"""

from collections.abc import Sequence

import torch

from icltool.core.result import Row, Value
from icltool.core.runtime import Runtime
from icltool.core.seeding import generator
from icltool.core.table import spread
from icltool.gpicl.evaluation.accuracy_records import IMPROVEMENT, accuracy_records, last_accuracy
from icltool.gpicl.evaluation.in_context_accuracy import SequenceTest, SequenceTestSize, right_answers, sequences_of
from icltool.gpicl.learners.context_mlp import ContextSGD, Descent, number_of_weights
from icltool.gpicl.studies.test.config import CHOOSING_SEQUENCES, PLACES, STEP_SIZES, STEPS
from icltool.gpicl.studies.train.config import OWN_TESTS

NAME = "sgd from scratch"


def sgd_records(
    tests: Sequence[SequenceTest], size: SequenceTestSize, runtime: Runtime, *, width: int
) -> tuple[list[Row], dict[str, Value]]:
    """The records of the tests on unseen tasks, at nine places of a sequence, and figures for the summary.

    The first test's data set is the one the descent is chosen on.
    """
    data = tests[0].data
    learner = ContextSGD(
        inputs=data.inputs,
        classes=data.classes,
        width=width,
        descent=Descent(steps=STEPS[0], step_size=STEP_SIZES[0]),
        generator=generator(size.seed, "sgd"),
    ).to(runtime.device)
    chosen = _choose(learner, SequenceTest(data=data, tasks="seen", images="train"), size, runtime)
    last = size.context - 1
    positions = spread(last, PLACES + 1)
    rows: list[Row] = []
    for test in tests:
        if test.tasks == "unseen":
            right = right_answers(learner, test, size, runtime, positions=positions)
            rows += accuracy_records(NAME, test, right, positions=positions)
    return rows, {
        "sgd_accuracy": last_accuracy(rows, tests[0].name)["mean"],
        "sgd_improvement": next(row["mean"] for row in rows if row["measure"] == IMPROVEMENT),
        **{f"sgd_{test.data.name}_accuracy": last_accuracy(rows, test.name)["mean"] for test in tests[OWN_TESTS:]},
        "sgd_steps": chosen.steps,
        "sgd_step_size": chosen.step_size,
        # Nothing is learned before the context; the fitted weights are what it leaves behind.
        "sgd_parameters": 0,
        "sgd_state_size": number_of_weights(learner.start),
    }


def _choose(learner: ContextSGD, test: SequenceTest, size: SequenceTestSize, runtime: Runtime) -> Descent:
    choosing = SequenceTestSize(
        sequences=CHOOSING_SEQUENCES,
        context=size.context,
        seed=size.seed,
        task_seed=size.task_seed,
        tasks=size.tasks,
    )
    drawn = [sequences.to(runtime.device) for sequences in sequences_of(test, choosing)]
    return learner.choose(
        torch.cat([sequences.inputs for sequences in drawn]),
        torch.cat([sequences.previous_labels() for sequences in drawn]),
        torch.cat([sequences.labels for sequences in drawn]),
        step_sizes=STEP_SIZES,
        steps=STEPS,
    )
