"""Pictures: a legend is whole also where the reader's font is wider than the one it was measured in."""

import xml.etree.ElementTree as ET
from pathlib import Path

from icltool.figures.export import ROOM, with_room, write_images
from icltool.figures.theme import HEIGHT, WIDTH, figure


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
