"""Pictures: a legend is whole also where the reader's font is wider than the one it was measured in."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from icltool.figures.curve_figures import learning_curves
from icltool.figures.export import ROOM, with_room, write_images
from icltool.figures.marks import add_band_line
from icltool.figures.theme import HEIGHT, WIDTH, figure, log_range


def test_a_legend_in_an_svg_is_not_clipped_and_has_room():
    look = figure(title="Two lines", x="x", y="y")
    for name in ("one line", "another line with a long name"):
        look.add_scatter(x=[1, 2], y=[1, 2], name=name)
    [file] = write_images({"lines": look}, Path(), formats=["svg"])
    picture = ET.parse(file).getroot()
    drawn = [element.get("clip-path", "") for element in picture.iter()]
    assert any("xyplot" in clip for clip in drawn)
    assert not any("legend" in clip for clip in drawn)
    assert (picture.get("width"), picture.get("viewBox")) == (f"{WIDTH + ROOM}", f"0 0 {WIDTH + ROOM} {HEIGHT}")
    ground = next(element for element in picture if element.tag.endswith("rect"))
    assert ground.get("width") == f"{WIDTH + ROOM}"
    again = file.read_bytes()
    assert with_room(again) == again


def test_a_picture_is_as_high_as_its_legend_needs() -> None:
    look = figure(title="", x="", y="")
    for index in range(20):
        add_band_line(look, [{"x": 0, "mean": index, "low": 0, "high": index}], x="x", name=f"run {index}", index=index)
    (file,) = write_images({"many": look}, Path(), formats=["svg"])
    told = ET.parse(file).getroot()
    assert float(told.attrib["height"]) >= 20 * 30
    shown = [text for node in told.iter() if "legendtext" in node.attrib.get("class", "") for text in node.itertext()]
    assert shown == [f"run {index}" for index in range(20)]


def test_a_table_becomes_a_picture_too() -> None:
    look = figure(title="", x="", y="")
    look.add_table(header={"values": ["learner"]}, cells={"values": [["transformer"]]})
    (file,) = write_images({"table": look}, Path(), formats=["svg"])
    assert b"transformer" in file.read_bytes()


def test_lines_past_the_last_colour_differ_in_their_dashes() -> None:
    look = figure(title="", x="", y="")
    for index in range(14):
        add_band_line(look, [{"x": 0, "mean": 1, "low": 1, "high": 1}], x="x", name=str(index), index=index)
    drawn: Any = look.to_dict()
    looks = {(line["color"], line["dash"]) for trace in drawn["data"] if (line := trace["line"]).get("dash")}
    assert len(looks) == 14


@pytest.mark.parametrize(
    ("values", "labels"), [([50.0], "~g"), ([50.0, 100.0], "~g"), ([0.02, 0.5], "~g"), ([1e-3, 5.0], None)]
)
def test_a_log_axis_has_a_decade_and_labels_that_can_be_read(values: list[float], labels: str | None) -> None:
    look = figure(title="", x="", y="", log_x=True)
    look.add_scatter(x=values, y=values)
    log_range(look, side="x")
    drawn: Any = look.to_dict()
    axis = drawn["layout"]["xaxis"]
    low, high = axis["range"]
    assert high - low >= 1
    assert 10**low < min(values) <= max(values) < 10**high
    assert axis.get("tickformat") == labels
    assert axis["dtick"] == ("D2" if labels else 1)


def test_a_learning_curve_of_little_change_has_labels_too() -> None:
    rows = [{"step": step, "loss": 1.0, "error": 0.9} for step in (1, 2)]
    look: Any = learning_curves({"m": rows}, loss="loss", held_out="error", title="", y="").to_dict()
    assert look["layout"]["yaxis"]["tickformat"] == "~g"
    assert [trace["name"] for trace in look["data"]] == ["m: loss", "m: training loss", "m: held-out error"]
    running: Any = learning_curves({"m": rows}, loss="error", held_out="error", title="", y="").to_dict()
    assert running["data"][1]["name"] == "m: training error"
