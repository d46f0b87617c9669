"""`mask-tokens` in the list of studies."""

from icltool.core.study import Example, Study

MASK_TOKENS = Study(
    name="mask-tokens",
    package="icltool.regression.studies.mask_tokens",
    config_class="MaskTokensConfig",
    summary="Measure a model with all but n pairs of its state masked.",
    examples=(
        Example(
            "Only the last n pairs of the recurrent state, for every n",
            "icltool mask-tokens runs/paper --keep last",
        ),
        Example(
            "The prompt itself cut to its first n pairs",
            "icltool mask-tokens runs/paper --keep first --scope input",
        ),
    ),
    identity_columns=("measure", "model", "role", "keep", "scope", "loop", "pairs"),
)
