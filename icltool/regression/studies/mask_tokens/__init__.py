"""How many of a prompt's pairs a looped model's state must carry from loop to loop."""

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
    headline=("error_with_all_pairs", "error_with_all_pairs_but_one", "error_with_half_of_the_pairs"),
    identity_columns=("measure", "model", "role", "keep", "scope", "loop", "pairs"),
)
