"""Probe a trained model: what can be decoded from its state after each loop or layer."""

from icltool.core.study import Example, Study

PROBE = Study(
    name="probe",
    package="icltool.regression.studies.probe",
    config_class="ProbeConfig",
    summary="Decode what a trained model knows after each loop or layer.",
    examples=(
        Example("Least squares, loop by loop", "icltool probe runs/paper --target Wols"),
        Example(
            "Ten steps of gradient descent, in loops beyond training too",
            "icltool probe runs/paper --target gd:10 --loops 60",
        ),
        Example(
            "With the control task, and straight to a figure",
            "icltool train --L 1 --b 20 | icltool probe - --control | icltool plot -",
        ),
    ),
    shown=("loss", "held_out_error"),
    headline=("best_error", "embedding_error", "last_error"),
    identity_columns=("measure", "model", "role", "state", "index", "loop", "layer", "prefix"),
)
