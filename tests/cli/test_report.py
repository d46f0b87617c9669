"""`icltool report`: one page, its path on stdout; the commands it names repeat the run to the byte."""

import html
import json
import re
from pathlib import Path

from tests.cli.conftest import Call


def test_a_page_and_its_path(call: Call, trained: Path):
    outcome = call(f"report {trained} --out page.html")
    assert (outcome.code, outcome.out) == (0, "page.html\n")
    assert "reported 1 input with 2 figures" in outcome.err
    text = Path("page.html").read_text()
    assert not re.search(r"""<(?:link|script|img|iframe)[^>]+(?:src|href)=["']?(?!data:)""", text), "nothing is loaded"
    piped = call("report - --out piped.html --json --quiet", stdin=f"{trained}/model.safetensors\n")
    assert piped.err == ""
    assert json.loads(piped.out) == {"kind": "report", "files": ["piped.html"]}
    assert Path("piped.html").read_text() == text, "the same page every time"


def test_the_commands_on_the_page_repeat_the_run(call: Call, trained: Path):
    call(f"report {trained} --out page.html --quiet")
    (block,) = re.findall(r'<pre class="commands"><code>(.*?)</code>', Path("page.html").read_text(), re.DOTALL)
    commands = html.unescape(block).splitlines()
    assert len(commands) == 2
    for place, command in enumerate(commands):
        line = re.sub(r" --out \S+$", "", command.removeprefix("icltool "))
        assert call(f"{line} --out again-{place} --quiet").code == 0
        again = Path(f"again-{place}/model.safetensors").read_bytes()
        assert again == (trained / "model.safetensors").read_bytes()


def test_where_it_goes_unless_told(call: Call, tiny: str):
    run = call(f"train {tiny} --out run --quiet").out.strip()
    assert call(f"report {run} --quiet").out == "run/report.html\n"
    assert call(f"report run {run} --quiet").out == "report.html\n"
    recipe = Path(__file__).parents[2] / "recipes" / "probing"
    assert call(f"report {recipe} --quiet").out == "report-probing.html\n"
    assert call(f"report {recipe / 'recipe.toml'} --quiet").out == "report-probing.html\n"
    assert call(f"train {tiny} --out run --force --quiet").code == 0
    assert not Path("run/report.html").exists(), "a page of a run that is gone"


def test_what_cannot_be_reported(call: Call):
    Path("folder").mkdir()
    assert "not a run, sweep or recipe" in call("report folder").error
    assert "no run, sweep or recipe missing" in call("report missing").error
    folder = call("report folder --out folder")
    assert folder.code == 2
    assert "folder/report.html" in folder.error
    assert call("report").code == 2
    assert "cannot write" in call(f"report {Path(__file__).parents[2]}/recipes/masked-state --out nowhere/a.html").error
    assert [path.name for path in Path().iterdir()] == ["folder"]
