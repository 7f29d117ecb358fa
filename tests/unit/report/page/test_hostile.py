"""Whatever names and logs hold, ``index.html`` shows it and runs none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.model.memory import Memory
from tests.unit.report.page.conftest import Open
from tests.unit.report.pages import Shown, write
from tests.unit.report.runs import hostile

_TEXTS = (
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'>",
    "javascript:window.owned=1//",
    "\x1b[31m\x1b]8;;javascript:owned\x07x\u202e\ud800&amp;'\"`${owned}",
)


@pytest.mark.parametrize("text", _TEXTS)
def test_D01_D02_D03_hostile_content_is_inert(opened: Open, tmp_path: Path, text: str):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a").write_bytes((text * 3 + "\nerror: " + text).encode("utf-8", "surrogatepass"))
    path = write(tmp_path, Shown(hostile(text), Memory(), ()))
    with opened(path) as page:
        for fragment in ("view=timeline", "view=host", "q=0", "view=jobs&outcome=xpassed"):
            page.evaluate("each => { location.hash = each }", fragment)
        page.locator(".list tbody .id").first.click()
        page.locator(".view.job h2").wait_for()
        page.locator(".lines .error").wait_for()
        assert page.evaluate("window.owned") is None
        assert page.locator("img, iframe, object, embed, form, [onerror]").count() == 0
        assert page.locator("script:not([type])").count() == 1
        assert set(page.evaluate("[...document.links].map(each => each.protocol)")) == {"file:"}


def test_nothing_can_be_made_of_text(browser, small: tuple[Path, Shown]):
    path, _ = small
    page = browser.new_page()
    page.goto(path.as_uri())
    markup = "() => { try { document.body.innerHTML = '<b>'; return '' } catch (error) { return error.name } }"
    assert page.evaluate(markup) == "TypeError"
    page.context.close()
