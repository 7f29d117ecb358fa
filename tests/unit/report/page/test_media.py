"""``index.html`` by day and night, on paper, on a phone, without its script."""

from __future__ import annotations

from pathlib import Path

from farm.report.summary import failures
from tests.unit.report.page.conftest import Open
from tests.unit.report.pages import Shown

_PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def test_light_and_dark(opened: Open, small: tuple[Path, Shown]):
    path, _ = small
    background = "getComputedStyle(document.body).backgroundColor"
    colours = {}
    for scheme in ("light", "dark"):
        with opened(path, color_scheme=scheme) as page:
            colours[scheme] = page.evaluate(background)
            page.keyboard.press("t")
            colours[f"not {scheme}"] = page.evaluate(background)
    assert colours["light"] == colours["not dark"] != colours["dark"] == colours["not light"]


def test_paper_has_what_is_out_of_sight(opened: Open, small: tuple[Path, Shown]):
    path, _ = small
    rows = "table.grid tbody:not(.gap) tr"
    with opened(path, color_scheme="dark", viewport={"width": 1000, "height": 500}) as page:
        assert page.locator(rows).count() < 40
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator(rows).count() == 40
        assert page.locator("#static article").last.is_visible()
        assert not page.locator("#nav").is_visible()
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 31, 38)"
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(rows).count() < 40
    with opened(path, "view=jobs&outcome=failed") as page:
        assert page.pdf().startswith(b"%PDF")


def test_a_phone_scrolls_in_one_direction(opened: Open, small: tuple[Path, Shown]):
    path, shown = small
    job = failures(shown.record.jobs)[0].job.id
    with opened(path, **_PHONE) as page:
        for fragment in ("", "view=jobs", "view=timeline", "view=host", f"job={job}"):
            page.evaluate("each => { location.hash = each }", fragment)
            page.locator(".view:not([hidden]) :is(h2, table, canvas)").locator("visible=true").first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, fragment


def test_without_scripts_the_summary_and_the_failures_are_there(opened: Open, small: tuple[Path, Shown]):
    path, shown = small
    bad = failures(shown.record.jobs)
    with opened(path, ready=False, java_script_enabled=False) as page:
        text = page.locator("main").inner_text()
        assert not page.locator("#nav").is_visible()
        assert f"{len(bad)} of 1,080 jobs bad" in text
        assert all(each.job.id in text for each in bad)
        assert "assertion `tree->left != NULL' failed" in text
        assert shown.groups[0].causes[0].sentence in text


def test_a_browser_that_cannot_unpack_shows_the_failures(browser, small: tuple[Path, Shown]):
    path, _ = small
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(path.as_uri())
    page.locator("#fallback").wait_for()
    assert page.locator("#static article").first.is_visible()
    context.close()
