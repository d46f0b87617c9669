"""Numbers as people read them: every border of the formats, written by hand."""

import math

import pytest

from icltool.core.table import as_text, banded, counted


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        # Three significant digits.
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.123456, "0.123"),
        (0.12, "0.12"),
        (12.345, "12.3"),
        (-12.345, "-12.3"),
        (999.0, "999"),
        (999.4, "999"),
        # Whole from where three digits round to a thousand, up to a million.
        (-999.49, "-999"),
        (999.5, "1000"),
        (999.9, "1000"),
        (1e3, "1000"),
        (-1e3, "-1000"),
        (1234.4, "1234"),
        (1234.6, "1235"),
        (999_999.4, "999999"),
        (999_999.6, "1000000"),
        (1e6, "1e+06"),
        (-1_234_567.0, "-1.23e+06"),
        # Below a thousandth one digit is left.
        (1e-3, "0.001"),
        (-1e-3, "-0.001"),
        (0.0010049, "0.001"),
        (0.00123456, "0.00123"),
        (0.000999, "1e-03"),
        (0.00094, "9e-04"),
        (-1.26e-7, "-1e-07"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        # What is counted stands whole, what is not a number as it is.
        (0, "0"),
        (-7, "-7"),
        (1234, "1234"),
        (12_345_678, "12345678"),
        (True, "True"),
        (False, "False"),
        (None, "-"),
        ("", ""),
        ("adam", "adam"),
    ],
)
def test_a_number(value: object, shown: str) -> None:
    assert as_text(value) == shown


@pytest.mark.parametrize(
    ("band", "shown"),
    [
        ((0.5, 0.4, 0.6), "0.5 [0.4, 0.6]"),
        ((0.5, 0.5, 0.6), "0.5 [0.5, 0.6]"),
        ((0.5, 0.5, 0.5), "0.5"),
        ((0.5, 0.50001, 0.49999), "0.5"),
        ((1234.4, 1e3, 1e6), "1234 [1000, 1e+06]"),
        ((0.5, None, None), "0.5 [-, -]"),
        ((None, None, None), "-"),
        ((math.nan, math.nan, math.nan), "nan"),
        ((3, 3.0, 3), "3"),
    ],
)
def test_a_mean_with_its_band_unless_all_three_read_the_same(band: tuple[object, object, object], shown: str) -> None:
    assert banded(*band) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (21, "21 runs"), (-1, "-1 runs")]
)
def test_one_run_and_two_runs(count: int, shown: str) -> None:
    assert counted(count, "run") == shown
