"""Paths as sections: recipes and results, in the order given; runs of one study together."""

from collections.abc import Sequence
from pathlib import Path

from icltool.core.errors import InputError
from icltool.core.result import Result, load_result
from icltool.report.recipe_section import recipe_section
from icltool.report.run_sections import run_sections
from icltool.report.section import Section
from icltool.report.sweep_section import sweep_section
from icltool.sweep.collect import KIND
from icltool.sweep.recipe import nearest_recipe

RECIPE = "recipe.toml"


def sections_of(paths: Sequence[Path]) -> list[Section]:
    """The sections of run and sweep folders, result.json files, checkpoints beside one, and recipes.

    Raises `InputError` for a path that is none of them.
    """
    found: dict[str, list[Path | Result]] = {}
    for path in paths:
        entry = path if is_recipe(path) else _result(path)
        found.setdefault(entry.kind if isinstance(entry, Result) else RECIPE, []).append(entry)
    sections: list[Section] = []
    for kind, entries in found.items():
        recipes = [entry for entry in entries if isinstance(entry, Path)]
        results = [entry for entry in entries if isinstance(entry, Result)]
        sections += [recipe_section(path) for path in recipes]
        if kind == KIND:
            sections += [sweep_section(sweep) for sweep in results]
        elif results:
            sections += run_sections(results)
    return sections


def is_recipe(path: Path) -> bool:
    """Whether a path is a recipe's folder or file."""
    return path.suffix == ".toml" or (path / RECIPE).exists()


def _result(path: Path) -> Result:
    """A result, also by the checkpoint beside it: what `icltool train` prints."""
    if not path.exists():
        near = nearest_recipe(path)
        raise InputError(
            f"there is no run, sweep or recipe {path}; {f'did you mean {near}?' if near else 'check the path'}"
        )
    if path.suffix == ".safetensors":
        if not (path.parent / "result.json").exists():
            raise InputError(f"{path} has no result.json beside it; give a run folder, a result or a recipe")
        path = path.parent
    if path.is_dir() and not (path / "result.json").exists() and not (path / "config.toml").exists():
        raise InputError(f"{path} is not a run, sweep or recipe (no result.json or recipe.toml); check the path")
    return load_result(path)
