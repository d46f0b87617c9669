"""`--help` as a page to read: on a terminal of 80 columns, with examples that work, output and exit codes."""

import inspect
import re
import shlex

import pytest

from icltool.cli.command_table import Command, all_commands
from icltool.cli.help_text import EXIT_CODES
from icltool.core.study import Study
from icltool.studies import STUDIES
from tests.cli.conftest import Call

COMMANDS = {command.name: command for command in all_commands()}


def calls_of(command: Command) -> list[list[str]]:
    """The words of each icltool call in the command's examples."""
    lines = [call.strip() for example in command.examples for call in example.command.split("|")]
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("name", ["", *COMMANDS])
@pytest.mark.parametrize("width", [80, 120])
def test_help_fits_the_terminal_and_says_what_comes_out(
    name: str, width: int, call: Call, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = call(f"{name} --help")
    assert outcome.code == 0
    assert max(map(len, outcome.out.splitlines())) <= width
    said = " ".join(outcome.out.split())
    assert all(f"{code} {meaning.split(' (')[0]}" in said for code, meaning in EXIT_CODES.items())
    assert "stdout: " in said
    assert (COMMANDS[name].prints if name else "one path a line") in said
    assert not re.search(r"<\w+", said), "a type's name is for programmers"
    # A command starts on a line of its own, right under what it does.
    for example in COMMANDS[name].examples if name else ():
        shown = rf"{re.escape(example.what)}:\s*\n\s*{re.escape(example.command[:60])}"
        assert re.search(shown, outcome.out), example


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_examples_are_of_commands_and_options_that_exist(command: Command):
    assert len(command.examples) > 1
    assert any(words[1] == command.name for words in calls_of(command))
    for words in calls_of(command):
        assert words[0] == "icltool"
        names = set(inspect.signature(COMMANDS[words[1]].load()).parameters)
        options = [word.removeprefix("--").replace("-", "_") for word in words[2:] if word.startswith("--")]
        assert set(options) - {"format"} <= names, words


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_settings_of_examples_are_accepted(study: Study):
    configs = {entry.name: entry.config() for entry in STUDIES}
    for words in calls_of(COMMANDS[study.name]):
        if words[1] not in configs:
            continue
        config = configs[words[1]]
        values: dict[str, object] = {"checkpoint": "x"} if "checkpoint" in config.model_fields else {}
        preset = None
        for option, value in zip(words[2:], [*words[3:], "--"], strict=False):
            name = option.removeprefix("--").replace("-", "_")
            if option == "--preset":
                preset = value
            elif option.startswith("--") and name in config.model_fields:
                # A comma list is a grid; a flag is followed by the next option.
                values[name] = True if value.startswith("--") else value.split(",")[0]
        config.create(values, preset=preset)
