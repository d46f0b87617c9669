"""Test a learner that learns in context: tasks seen in training, unseen ones, other data sets."""

from icltool.core.study import Example, Study

GPICL_TEST = Study(
    name="gpicl-test",
    package="icltool.gpicl.studies.test",
    config_class="GpiclTestConfig",
    summary="Test a meta-trained learner on seen and unseen tasks and other data.",
    examples=(
        Example("Seen tasks and unseen ones", "icltool gpicl-test runs/gpicl-train/NAME"),
        Example("On other images too", "icltool gpicl-train | icltool gpicl-test - --elsewhere random,kmnist"),
    ),
    headline=("unseen_tasks_accuracy", "unseen_tasks_improvement", "seen_tasks_accuracy"),
    identity_columns=("measure", "model", "test", "dataset", "tasks", "images", "examples"),
)
