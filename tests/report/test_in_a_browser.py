"""The page in a real browser, on a desk and in a hand: nothing scrolls sideways, and nothing is cut
off.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixture import write_run

sys.path.insert(0, str(Path(__file__).parent.parent / "review"))
from browser import CHROMIUM, Browser, Tab, wait_until

from selfteach.report.page import write_report

pytest.importorskip("websockets.sync.client")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium")]
WIDTHS = (1280, 390)
OUTSIDE = """[...document.querySelectorAll('main *, header *, footer *')].filter(e => {
    const box = e.getBoundingClientRect(), frame = e.closest('.scroll, pre, svg, .unseen');
    const page = document.documentElement.clientWidth;
    return box.width > 0 && (!frame || frame === e) && box.right > page + 1;
}).slice(0, 5).map(e => e.tagName + '.' + e.className)"""
"""What reaches beyond the right edge, unless it stands in something that scrolls by itself."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def shown(browser: Browser, page: Path, width: int) -> Tab:
    """The page at a width, every fold of it open."""
    tab = browser.tab()
    tab.screen(width, 900, dark=False)
    tab.goto(page.as_uri())
    wait_until(
        lambda: tab.js("document.readyState === 'complete' && !!document.querySelector('main')"),
        "the page",
    )
    tab.js("document.querySelectorAll('details').forEach(e => e.open = true)")
    return tab


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_of_a_report_scrolls_sideways(browser: Browser, folder: Path, width: int) -> None:
    tab = shown(browser, write_report(folder), width)
    assert tab.js("document.documentElement.clientWidth") == width
    assert tab.js(OUTSIDE) == []
    assert tab.js("document.documentElement.scrollWidth") <= width
    tab.close()


@pytest.mark.training
@pytest.mark.parametrize("width", WIDTHS)
def test_nor_that_of_a_run_of_the_toy(
    browser: Browser, talker: Path, tmp_path_factory: pytest.TempPathFactory, width: int
) -> None:
    from talker import feedback_command, run_json

    run = tmp_path_factory.getbasetemp() / "report-in-a-browser"
    if not run.exists():
        assert (
            run_json(
                feedback_command(
                    talker, run, "--set", "train.max_steps=2", "--set", "balance.rounds=0"
                )
            )[0]
            == 0
        )
    tab = shown(browser, run / "report.html", width)
    assert tab.js(OUTSIDE) == []
    assert tab.js("document.documentElement.scrollWidth") <= width
    tab.close()


def test_the_check_can_fail(browser: Browser, tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run"))
    page.write_text(
        page.read_text()
        .replace("<main>", "<main><p>" + "x" * 400 + "</p>")
        .replace("overflow-wrap", "no-wrap")
    )
    tab = shown(browser, page, 390)
    assert tab.js("document.documentElement.scrollWidth") > 390
    tab.close()
