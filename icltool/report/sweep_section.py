"""A sweep as a section: its figures, each stage's means over the seeds and common settings, and how to repeat it."""

from collections.abc import Sequence

from icltool.core.errors import IcltoolError
from icltool.core.result import Result
from icltool.core.table import as_text
from icltool.report.repeat import sweep_commands
from icltool.report.run_sections import drawn_or_warned, facts_of, setting_facts
from icltool.report.section import Section, Settings
from icltool.sweep.collect import AGGREGATE, RUN, finished_runs
from icltool.sweep.plotting import sweep_figures
from icltool.sweep.tables import aggregates_table, failures_table


def sweep_section(sweep: Result) -> Section:
    """A sweep by its claim's figures, a table and the settings of each stage."""
    warnings: list[str] = []
    figures = drawn_or_warned(lambda: sweep_figures(sweep), warnings)
    stages = list(dict.fromkeys(str(row["stage"]) for row in sweep.select(table=RUN)))
    tables = [aggregates_table(sweep, stage=stage) for stage in stages if sweep.select(table=AGGREGATE, stage=stage)]
    failures = failures_table(sweep)
    config, summary = sweep.config, sweep.summary
    claim = f"Claim {config['claim']}. " if config.get("claim") else ""
    recipe = f" of the recipe {config.get('recipe')}, at the scale {config['scale']}" if config.get("scale") else ""
    return Section(
        title=sweep.label,
        kind="sweep",
        lead=f"{claim}{as_text(summary.get('runs'))} runs{recipe}.",
        path=str(sweep.run),
        facts=facts_of(summary),
        figures=figures,
        tables=[*tables, *([failures] if failures.rows else [])],
        settings=_stage_settings(sweep, stages, warnings),
        machine=facts_of(sweep.environment),
        commands=_commands(sweep, warnings),
        warnings=warnings,
    )


def _stage_settings(sweep: Result, stages: Sequence[str], warnings: list[str]) -> list[Settings]:
    """What is common to the runs of each stage, out of its first run."""
    found: list[Settings] = []
    for stage in stages:
        try:
            runs = finished_runs(sweep, stage)
        except IcltoolError as error:
            warnings.append(f"the runs of the stage {stage} cannot be read: {error}")
            continue
        if runs:
            varied, result = runs[0]
            facts = [fact for fact in setting_facts(result) if fact.name not in varied]
            varying = f", over {', '.join(varied)}" if varied else ""
            title = f"Settings of the stage {stage} ({len(runs)} runs of {result.kind}{varying})"
            found.append(Settings(title=title, facts=facts))
    return found


def _commands(sweep: Result, warnings: list[str]) -> list[str]:
    try:
        return sweep_commands(sweep)
    except IcltoolError as error:
        warnings.append(f"how to repeat it is not known: {error}")
        return []
