"""The adapter: every setting of every study is exactly one option, with its help, its default and its choices."""

import inspect
import re
from typing import Any, get_args

import pytest

from icltool.cli.commands import plot
from icltool.cli.options import WIDEST, parameters_of
from icltool.cli.study_command import study_command
from icltool.core.config import Config, choices_of, setting, traits_of
from icltool.core.study import Study
from icltool.figures import export
from icltool.regression.studies.import_checkpoint.config import ImportCheckpointConfig
from icltool.regression.studies.predict.config import PredictConfig
from icltool.studies import STUDIES
from tests.cli.conftest import Call


class Example(Config):
    """A bool, an optional number and a text."""

    warm: bool = setting(default=True, help="Keep warm.")
    count: int | None = setting(None, "How many.", ge=1)
    title: str = setting("a, b", "What it is called.")


def option_of(parameter: inspect.Parameter) -> Any:
    """Typer's description of a parameter."""
    return get_args(parameter.annotation)[1]


def spelled(parameter: inspect.Parameter) -> list[str]:
    """The flags of an option (in an annotation, Typer keeps the first as its default)."""
    option = option_of(parameter)
    return [*f"{option.default}".split("/"), *option.param_decls]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_setting_is_one_option(study: Study):
    fields = study.config().model_fields
    names = list(inspect.signature(study_command(study)).parameters)
    assert set(fields) < set(names)
    assert names[-2:] == ["quiet", "json"], "how a command prints stands last"


@pytest.mark.parametrize("config", [*(study.config() for study in STUDIES), PredictConfig, ImportCheckpointConfig])
def test_an_option_says_what_its_setting_says(config: type[Config]):
    for parameter in parameters_of(config):
        field = config.model_fields[parameter.name]
        option = option_of(parameter)
        assert field.description, parameter.name
        assert option.help.startswith(field.description)
        if traits_of(field).argument:
            continue
        assert spelled(parameter)[0] == "--" + parameter.name.replace("_", "-")
        assert parameter.default is None, "what was not given must be told from what was"
        shown = re.search(r"default: ([^;]*)\]\[/dim\]", option.help)
        if field.is_required():
            assert option.help.endswith(r"[dim]\[required][/dim]")
        elif field.default is None:
            assert shown is None
        else:
            assert shown is not None, parameter.name
            plain = {"True": "yes", "False": "no"}
            assert shown[1] == plain.get(str(field.default), str(field.default))


@pytest.mark.parametrize("config", [*(study.config() for study in STUDIES), PredictConfig])
def test_choices_are_shown_and_completed(config: type[Config]):
    for parameter in parameters_of(config):
        choices = choices_of(config.model_fields[parameter.name])
        if choices:
            option = option_of(parameter)
            if option.metavar == "CHOICE":
                assert f"one of {', '.join(choices)}" in option.help
            else:
                assert option.metavar == "|".join(choices)
                assert len(option.metavar) <= WIDEST
            assert option.autocompletion("") == list(choices)
            assert option.autocompletion(choices[0][:2])[0] == choices[0]
            assert option.autocompletion("\0") == []


def test_a_bool_is_a_pair_of_flags():
    warm = parameters_of(Example)[0]
    assert spelled(warm) == ["--warm", "--no-warm"]
    assert "default: yes" in option_of(warm).help


def test_arguments_stand_first():
    names = [parameter.name for parameter in parameters_of(PredictConfig)]
    assert names[:2] == ["checkpoint", "data"]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_help_lists_every_option_with_its_text(study: Study, call: Call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "300")
    outcome = call(f"{study.name} --help")
    assert outcome.code == 0
    for name, field in study.config().model_fields.items():
        if traits_of(field).argument:
            assert name.upper() in outcome.out
        else:
            assert len(re.findall(rf"--{name.replace('_', '-')}(?![\w-])(?=[ ,/].*\S)", outcome.out)) >= 1, name
            assert str(field.description).split(":")[0] in outcome.out, name


def test_completion_offers_a_setting_and_its_choices(monkeypatch: pytest.MonkeyPatch, call: Call):
    monkeypatch.setenv("_ICLTOOL_COMPLETE", "complete_bash")
    for words, offered in (
        ("icltool train --ar", "--architecture"),
        ("icltool train --architecture lo", "looped"),
        ("icltool train --preset prob", "probing"),
        ("icltool sweep x --engine r", "ray"),
        ("icltool plot x --format svg,p", ["svg,png", "svg,pdf"]),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert call("").out.split() == ([offered] if isinstance(offered, str) else offered)


def test_the_formats_offered_are_those_that_are_written():
    assert plot.FORMATS == export.FORMATS
