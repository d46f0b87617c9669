"""Measure a trained model: error along the context and along the loops, beside classical learners."""

from icltool.core.study import Example, Study

EVALUATE = Study(
    name="eval",
    package="icltool.regression.studies.evaluate",
    config_class="EvaluateConfig",
    summary="Measure a trained model along the context and the loops.",
    examples=(
        Example(
            "The error by example and by loop, every shift and every baseline",
            "icltool eval runs/paper --shifts all --baselines all",
        ),
        Example("Prompts cut from a real table", "icltool eval runs/paper --table diabetes"),
        Example(
            "Far beyond the loops in training, stopping where the state settles",
            "icltool train --L 1 --b 20 | icltool eval - --loops 60 --halt-tol 0.01",
        ),
    ),
    headline=("held_out_error", "best_loop", "error_after_b_loops", "trained_steps"),
    identity_columns=("measure", "model", "role", "shift", "loop", "examples", "seed", "tolerance", "asked"),
)
