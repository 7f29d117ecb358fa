"""Debian's Chromium, driven by playwright, and pages to open in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.unit.report import chromium
from tests.unit.report.pages import Shown, rich, write

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:  # a machine without the extra `test`
    sync_playwright = None

Open = Callable[..., AbstractContextManager["Page"]]
At = Callable[[str], "Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a module; not longer, for while it is there no other test could have an event loop."""
    found = chromium.path()
    if found is None or sync_playwright is None:
        pytest.skip("needs chromium, and playwright to drive it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=chromium.ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Open:
    """Opens a page, and sees to it afterwards that it complained of nothing and asked nobody for anything."""

    @contextmanager
    def open_(path: Path, fragment: str = "", *, ready: bool = True, **context: object) -> Iterator[Page]:
        said: list[str] = []
        asked: list[str] = []
        made = browser.new_context(**context)
        page = made.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        try:
            page.goto(f"{path.as_uri()}#{fragment}")
            if ready:
                page.wait_for_selector("html.ready")
            yield page
            assert said == []
            assert {each.partition("#")[0] for each in asked} == {path.as_uri()}
        finally:
            made.close()

    return open_


@pytest.fixture(scope="module")
def at(opened: Open, small: tuple[Path, Shown]) -> Iterator[At]:
    """Leads the one page of ``small`` to a fragment of its address."""
    path, _ = small
    with opened(path) as page:

        def lead(fragment: str) -> Page:
            # What the browser says of it a little later changes nothing any more.
            page.evaluate("to => { location.hash = to; dispatchEvent(new Event('hashchange')) }", fragment)
            return page

        yield lead


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shown]:
    """The page of a run of 1,080 jobs with everything in it."""
    folder = tmp_path_factory.mktemp("small")
    shown = rich(folder, 40, axis=3)
    return write(folder, shown), shown
