"""Runs of a study as sections: several compared first, then each by itself."""

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go

from icltool.core.errors import IcltoolError
from icltool.core.result import Result, Value
from icltool.core.table import Table, as_text
from icltool.figures.series_names import series_names
from icltool.report.drawing import drawn
from icltool.report.repeat import config_of, run_commands, settings_of_run
from icltool.report.section import DrawnFigure, Fact, Section, Settings
from icltool.studies import find_study

_WORDS = {None: "unset", True: "yes", False: "no"}


def run_sections(results: Sequence[Result]) -> list[Section]:
    """The sections of runs of one study, their figures overlaid."""
    if len(results) == 1:
        return [_of_run(results[0], title=results[0].label, draw=True)]
    titles = series_names(results)
    alone = [_of_run(result, title=title, draw=False) for title, result in zip(titles, results, strict=True)]
    return [_compared(results, titles), *alone]


def facts_of(table: Mapping[str, Value]) -> list[Fact]:
    """Names and values as people read them."""
    return [Fact(name=name.replace("_", " "), value=as_text(value)) for name, value in table.items()]


def _of_run(result: Result, *, title: str, draw: bool) -> Section:
    figures, warnings = _drawn_by_study(result.kind, [result]) if draw else ([], [])
    return Section(
        title=title,
        kind=result.kind,
        lead=_summary_of(result.kind),
        path=str(result.run),
        facts=facts_of(result.summary),
        figures=figures,
        tables=_tables(result, warnings),
        settings=[Settings(title="Settings", facts=setting_facts(result))],
        machine=facts_of(result.environment),
        commands=run_commands(result),
        warnings=warnings,
    )


def _compared(results: Sequence[Result], titles: Sequence[str]) -> Section:
    kind = results[0].kind
    figures, warnings = _drawn_by_study(kind, results)
    names = list(dict.fromkeys(name for result in results for name in result.summary))
    table = Table(
        title="Side by side",
        columns=["", *(name.replace("_", " ") for name in names)],
        rows=[
            [title, *(as_text(result.summary.get(name)) for name in names)]
            for title, result in zip(titles, results, strict=True)
        ],
    )
    return Section(
        title=f"{len(results)} runs compared",
        kind=kind,
        lead=_summary_of(kind),
        figures=figures,
        tables=[table],
        warnings=warnings,
    )


def setting_facts(result: Result) -> list[Fact]:
    """Each setting with its help, marked where it is not the default."""
    config = config_of(result.kind)
    facts: list[Fact] = []
    for name, value in settings_of_run(result).items():
        field = config.model_fields.get(name) if config else None
        facts.append(
            Fact(
                name=name,
                value=_WORDS[value] if value is None or isinstance(value, bool) else str(value),
                help=(field.description or "") if field else "",
                apart=field is not None and value is not None and value != field.default,
            )
        )
    return facts


def _summary_of(kind: str) -> str:
    study = find_study(kind)
    return "" if study is None else study.summary


def _tables(result: Result, warnings: list[str]) -> list[Table]:
    study = find_study(result.kind)
    if study is None:
        return []
    try:
        return [study.table()(result)]
    except (IcltoolError, LookupError, TypeError, ValueError) as error:
        warnings.append(_unusable("table", error))
        return []


def _drawn_by_study(kind: str, results: Sequence[Result]) -> tuple[list[DrawnFigure], list[str]]:
    warnings: list[str] = []
    study = find_study(kind)
    return ([] if study is None else drawn_or_warned(lambda: study.figures()(results), warnings)), warnings


def drawn_or_warned(draw: Callable[[], Mapping[str, go.Figure]], warnings: list[str]) -> list[DrawnFigure]:
    """The figures; or none and a warning, since a page without them still says what was run."""
    try:
        return [drawn(figure, name=name) for name, figure in draw().items()]
    except (IcltoolError, LookupError, TypeError, ValueError) as error:
        warnings.append(_unusable("figures", error))
        return []


def _unusable(what: str, error: Exception) -> str:
    """One line; an error that is not ours comes from records this version does not know."""
    reason = (
        str(error)
        if isinstance(error, IcltoolError)
        else f"{type(error).__name__} in its records (of another version?)"
    )
    return f"its {what} cannot be made: {reason}"
