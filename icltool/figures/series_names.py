"""A legend's names: a result's label, and where labels repeat, what sets its run apart in few words."""

import re
from collections.abc import Sequence

from icltool.core.result import Result

# So many settings, and letters of a value, still make a legend that leaves room for the figure.
MOST_SETTINGS = 2
LONGEST_VALUE = 20


def series_names(results: Sequence[Result]) -> list[str]:
    """A name for each result, distinct unless a run is there twice."""
    return distinct_names([result.label for result in results], results)


def distinct_names(names: Sequence[str], results: Sequence[Result]) -> list[str]:
    """The names of these results, each that repeats followed by what sets its run apart.

    That is the settings in which the runs differ, where they are few, else the part of the folders' names that differs.
    """
    distinct = list(names)
    for name in {name for name in names if names.count(name) > 1}:
        places = [place for place, other in enumerate(names) if other == name]
        for place, apart in zip(places, _apart([results[place] for place in places]), strict=True):
            distinct[place] = f"{name} ({apart})"
    return distinct


def _apart(results: Sequence[Result]) -> list[str]:
    folders = [result.run.name for result in results]
    if not _distinct(folders):
        return _paths(results)
    return next(
        (names for names in (_settings(results), _parts(folders, hashed=False), _parts(folders)) if _distinct(names)),
        folders,
    )


def _paths(results: Sequence[Result]) -> list[str]:
    """As much of the folders' paths, from their ends, as tells them apart; the names where one run is there twice."""
    parts = [result.run.parts for result in results]
    ends = (["/".join(path[-length:]) for path in parts] for length in range(2, max(map(len, parts)) + 1))
    return next(filter(_distinct, ends), [result.run.name for result in results])


def _settings(results: Sequence[Result]) -> list[str]:
    """`seed 0`, `seed 1`: nothing where the runs differ in many settings or in long ones."""
    differing = [key for key in results[0].config if len({str(result.config.get(key)) for result in results}) > 1]
    values = [[str(result.config.get(key)) for key in differing] for result in results]
    if len(differing) > MOST_SETTINGS or any(len(value) > LONGEST_VALUE for row in values for value in row):
        return []
    names = [key.replace("_", " ") for key in differing]
    return [", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True)) for row in values]


def _parts(folders: Sequence[str], *, hashed: bool = True) -> list[str]:
    """The folders' names without the words, between hyphens, with which all of them begin and end.

    Without `hashed` also without the hash of the settings at their end. A number keeps the word before it: `seed-0`.
    """
    words = [folder.split("-") for folder in folders]
    if not hashed:
        words = [row[:-1] if re.fullmatch("[0-9a-f]{8}", row[-1]) else row for row in words]
    first = _common(words)
    last = _common([row[first:][::-1] for row in words])
    if first and any(row[first : first + 1] and row[first][:1].isdigit() for row in words):
        first -= 1
    return ["-".join(row[first : len(row) - last]) for row in words]


def _common(words: Sequence[Sequence[str]]) -> int:
    """How many words at the beginning are the same in all rows."""
    shortest = min(map(len, words))
    return next((place for place in range(shortest) if len({row[place] for row in words}) > 1), shortest)


def _distinct(names: Sequence[str]) -> bool:
    return bool(names) and all(names) and len(set(names)) == len(names)
