"""The page in a real headless Chromium (it fails, not skips, without one): drawn, readable, alive, and harmless."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from icltool.report.inputs import sections_of
from icltool.report.page import write_page
from tests.report.browser import Page, chromium

WIDTHS = (1280, 390)
# Of text and of lines against their ground (WCAG 2 asks 4.5 of text).
TEXT, LINE = 4.5, 2.0

FIGURES = """[...document.querySelectorAll(".figure")].map((place) => ({
  title: place.getAttribute("aria-label"),
  width: place.querySelector(".main-svg")?.clientWidth ?? 0,
  height: place.querySelector(".main-svg")?.clientHeight ?? 0,
  marks: place.querySelectorAll(".trace, .hm image, .heatmaplayer image").length,
  texts: [...place.querySelectorAll(".main-svg text")].filter((text) => text.textContent.trim())
    .map((text) => getComputedStyle(text).fill),
  lines: [...place.querySelectorAll(".js-line")].map((line) => getComputedStyle(line).stroke)
    .filter((stroke) => stroke !== "none"),
}))"""
PICTURES = """[...document.querySelectorAll("img.picture")].map((img) => ({
  width: img.clientWidth,
  filter: getComputedStyle(img).filter,
  moves: img.parentElement.scrollWidth > img.parentElement.clientWidth,
}))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
GROUND = "getComputedStyle(document.body).backgroundColor"
FIRST = """((box) => ({x: box.x + box.width / 2, y: box.y + box.height / 2}))"""


def luminance(colour: str) -> float:
    """WCAG's relative luminance of `rgb(...)`."""
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG's contrast, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


async def require_readable(page: Page, *, width: int, scheme: str, figures: int) -> None:
    """Every figure is drawn within the window, and what it says stands out from the ground."""
    ground = await page.ask(GROUND)
    assert (luminance(ground) > 0.5) == (scheme == "light")
    assert await page.ask(OVERFLOW) == 0, f"the page scrolls sideways at {width}"
    drawn: Sequence[dict[str, Any]] = await page.ask(FIGURES)
    assert len(drawn) == figures
    for figure in drawn:
        assert figure["title"]
        assert figure["marks"] > 0, figure["title"]
        assert 0.6 * min(width, 960) < figure["width"] <= width
        assert figure["height"] >= 300
        assert min(contrast(fill, ground) for fill in figure["texts"]) >= TEXT, figure
        assert min(contrast(stroke, ground) for stroke in figure["lines"]) >= LINE, figure


async def require_hover_and_legend(page: Page) -> None:
    """The mouse over a point shows its label, a click in the legend hides a line."""
    await page.ask("document.querySelector('.figure').scrollIntoView()")
    point = await page.ask(f"{FIRST}(document.querySelector('.figure .points .point').getBoundingClientRect())")
    await page.mouse("mouseMoved", point["x"] - 3, point["y"])
    await page.mouse("mouseMoved", point["x"], point["y"])
    await page.until("document.querySelector('.figure .hoverlayer .hovertext')")
    entry = await page.ask(f"{FIRST}(document.querySelector('.figure .legendtoggle').getBoundingClientRect())")
    hidden = "document.querySelector('.figure').data.filter((trace) => trace.visible === 'legendonly').length"
    assert await page.ask(hidden) == 0
    await page.mouse("mousePressed", entry["x"], entry["y"])
    await page.mouse("mouseReleased", entry["x"], entry["y"])
    await page.until(f"{hidden} > 0")


@pytest.fixture(scope="module")
def pages(trained: Path, hostile: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of one run, and one of everything hostile."""
    folder = tmp_path_factory.mktemp("pages")
    return {
        "run": write_page(sections_of([trained]), folder / "run.html"),
        "hostile": write_page(sections_of([hostile, recipe, trained]), folder / "hostile.html"),
    }


def test_the_page_is_drawn_readable_and_alive_in_both_lights_and_widths(pages: dict[str, Path]):
    async def visit() -> None:
        async with chromium() as page:
            for width, schemes in zip(WIDTHS, (("light", "dark"), ("dark", "light")), strict=True):
                await page.look(width=width, scheme=schemes[0])
                await page.open(pages["run"])
                await require_readable(page, width=width, scheme=schemes[0], figures=3)
                await require_hover_and_legend(page)
                await page.look(width=width, scheme=schemes[1])
                drawn_anew = "!document.querySelector('.figure').data.some((trace) => trace.visible === 'legendonly')"
                await page.until(drawn_anew)
                await require_readable(page, width=width, scheme=schemes[1], figures=3)
            papers = "[...document.querySelectorAll('.figure')].map((place) => place.layout.paper_bgcolor)"
            (light,) = set(await page.ask(papers))
            await page.look(width=WIDTHS[0], scheme="dark")
            # The dark drawing comes by itself a little later, and would lie over the one for paper.
            await page.until(f"{papers}.every((paper) => paper !== '{light}')")
            await page.ask("window.dispatchEvent(new Event('beforeprint')) && 0")
            assert set(await page.ask(papers)) == {"white"}, "ink on paper"
            assert page.complaints == []
            assert page.requests == [pages["run"].as_uri()] * 2, "the page must need nothing else"

    asyncio.run(visit())


def test_what_files_say_becomes_neither_script_nor_markup(pages: dict[str, Path]):
    async def visit() -> None:
        async with chromium() as page:
            await page.look(width=390, scheme="light")
            await page.open(pages["hostile"])
            assert await page.ask("document.title") == "icltool report"
            assert (
                await page.ask("document.querySelectorAll('[onerror], img:not(.picture), iframe, main b').length") == 0
            )
            assert await page.ask("document.scripts.length") == 2
            assert await page.ask("[...document.links].map((link) => link.href).filter((to) => !to.includes('#'))") == [
                "https://example.com/page"
            ]
            assert await page.ask("document.querySelectorAll('.figure a').length") == 0
            sizes = "[...document.querySelectorAll('img.picture')].map((img) => [img.naturalWidth, img.naturalHeight])"
            assert await page.ask(sizes) == [[40, 30], [40, 20]]
            assert "onerror" in await page.ask("document.querySelector('main').textContent"), "it is shown as text"
            assert await page.ask(OVERFLOW) == 0
            assert page.complaints == []
            assert page.requests == [pages["hostile"].as_uri()]

    asyncio.run(visit())


def test_the_figures_of_a_recipe_are_in_its_page_and_large_enough_to_read(recipe: Path, tmp_path: Path):
    """On a telephone a figure keeps its size and moves under the finger; the page itself never moves sideways."""
    file = write_page(sections_of([recipe]), tmp_path / "recipe.html")

    async def visit() -> None:
        async with chromium() as page:
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    await page.look(width=width, scheme=scheme)
                    await page.open(file)
                    assert await page.ask(OVERFLOW) == 0
                    shown = await page.ask(PICTURES)
                    assert len(shown) == 2
                    assert all((picture["filter"] == "none") == (scheme == "light") for picture in shown)
                    if width < 640:
                        assert all(picture["width"] > width and picture["moves"] for picture in shown)
            await page.send("Emulation.setEmulatedMedia", media="print")
            assert all(picture["width"] <= WIDTHS[1] for picture in await page.ask(PICTURES))
            assert page.complaints == []
            assert page.requests == [file.as_uri()] * 4

    asyncio.run(visit())
