"""``index.html`` in a browser: what it shows, and how one gets there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.model.outcome import Outcome
from farm.report.summary import failures
from tests.unit.report.page.conftest import At, Open
from tests.unit.report.pages import Shown, rich, write
from tests.unit.report.runs import DISTROS

Small = tuple[Path, Shown]


def _first(shown: Shown, outcome: Outcome) -> str:
    return next(each.job.id for each in shown.record.jobs if each.outcome is outcome)


def _count(page) -> int:
    """How many jobs the list has, most of them not drawn."""
    return int(page.locator(".list").get_attribute("aria-rowcount")) - 1


def _job(page, name: str) -> str:
    """The text of the job's view, once it is there."""
    page.get_by_role("heading", name=name, exact=True).wait_for()
    return page.locator(".view.job").inner_text()


@pytest.mark.parametrize("jobs", [10, 1000, 10_000])
def test_D06_it_opens_and_draws_what_is_in_sight(opened: Open, tmp_path: Path, jobs: int):
    path = write(tmp_path, rich(tmp_path, jobs // 5, distros=DISTROS[:5], logged=False))
    with opened(path) as page:
        assert page.title().startswith("nightly: ")
        assert f"{jobs:,} jobs" in page.inner_text(".lead")
        assert page.evaluate("document.querySelectorAll('#app *').length") < 3000
        page.keyboard.press("2")
        page.locator(".list tbody a").first.focus()
        assert _count(page) == jobs
        assert page.locator(".list tbody tr").count() < 120
        page.keyboard.press("End")
        assert page.locator(f'.list tr[aria-rowindex="{jobs + 1}"]').is_visible()


def test_rows_are_drawn_wherever_one_scrolls(at: At, small: Small):
    _, shown = small
    page = at("view=jobs")
    seen = [
        page.evaluate(
            """part => new Promise((done) => {
                 scrollTo(0, part * document.body.scrollHeight);
                 requestAnimationFrame(() => requestAnimationFrame(() => {
                   const row = document.elementFromPoint(400, innerHeight / 2).closest("tr");
                   done(Number(row?.getAttribute("aria-rowindex")));
                 }));
               })""",
            part,
        )
        for part in (0.2, 0.5, 0.8, 0.1)
    ]
    assert all(seen)
    assert seen[3] < seen[0] < seen[1] < seen[2]
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator(f'.list tr[aria-rowindex="{len(shown.record.jobs) + 1}"]').wait_for()


def test_filters_are_in_the_address_and_a_link_shows_what_one_sees(at: At, opened: Open, small: Small):
    path, shown = small
    page = at("")
    page.get_by_role("button", name=re.compile("failed")).first.click()
    page.wait_for_url("**#outcome=failed")
    page.keyboard.press("2")
    page.wait_for_url("**#view=jobs&outcome=failed")
    assert _count(page) == sum(each.outcome is Outcome.FAILED for each in shown.record.jobs)
    page.get_by_label("every distro").select_option("debian-13")
    page.wait_for_url("**distro=debian-13")
    page.get_by_label("every opt").select_option("O2")
    page.wait_for_url("**axis=opt:O2")
    page.keyboard.press("/")
    page.keyboard.type("CHECK")
    page.wait_for_url("**q=CHECK**")
    link, seen = page.url.partition("#")[2], page.locator(".list tbody .id").all_inner_texts()
    assert seen
    assert all("/debian-13[opt=O2]" in each and each.startswith("check") for each in seen)
    with opened(path, link) as other:
        assert other.locator(".list tbody .id").all_inner_texts() == seen
        other.get_by_role("button", name="clear").click()
        other.wait_for_url("**#view=jobs")
        assert _count(other) == len(shown.record.jobs)


@pytest.mark.parametrize(
    ("fragment", "fits"),
    [
        ("tag=fast", lambda each: "fast" in each.job.tags),
        ("distro=arch,host", lambda each: each.job.distro in ("arch", "host")),
        ("axis=opt:O0,opt:O1", lambda each: dict(each.job.axes)["opt"] != "O2"),
        ("test=check-01&outcome=passed", lambda each: each.job.test == "check-01" and each.outcome is Outcome.PASSED),
        ("outcome=%25&nonsense", lambda each: False),
        ("q=no%20such", lambda each: False),
    ],
)
def test_links_by_hand(at: At, small: Small, fragment: str, fits: Callable[..., bool]):
    _, shown = small
    expected = sum(map(fits, shown.record.jobs))
    page = at(f"view=jobs&{fragment}")
    assert _count(page) == expected
    assert page.get_by_text("No job fits the filters.").locator("visible=true").count() == (not expected)


def test_a_link_that_was_cut_counts_as_far_as_it_goes(at: At, small: Small):
    _, shown = small
    assert _count(at("view=jobs&q=%E0%A4%A")) == len(shown.record.jobs)
    at("job=gone/away").get_by_text("This run has no job gone/away").wait_for()


def test_a_list_is_sorted_by_what_one_asks_for(at: At):
    page = at("view=jobs")
    page.get_by_role("button", name="peak memory").click()
    page.wait_for_url("**sort=-memory")
    assert page.locator(".list tbody:not(.gap) tr").first.locator("td").nth(4).inner_text() == "512 MiB"
    page.get_by_role("button", name="peak memory").click()
    page.wait_for_url("**sort=memory")
    assert page.locator(".list tbody:not(.gap) tr").first.locator("td").nth(4).inner_text() != "512 MiB"


def test_what_changed_since_the_baseline(at: At, small: Small):
    _, shown = small
    for change in ("new", "fixed", "still"):
        expected = sum(each.change == change for each in shown.memory.jobs.values())
        page = at(f"view=jobs&change={change}")
        assert _count(page) == expected
        assert page.locator(".list .spark").first.is_visible()


def test_what_failures_have_in_common_leads_to_their_jobs(at: At, small: Small):
    _, shown = small
    page = at("")
    card = page.locator("article.card").first
    assert shown.groups[0].causes[0].sentence in card.inner_text()
    assert "libc = musl" in card.inner_text()
    card.locator(".number").click()
    page.wait_for_url("**group=1")
    assert _count(page) == len(shown.groups[0].jobs)


def test_the_grid_opens_axes_and_leads_to_jobs(at: At, small: Small):
    _, shown = small
    page = at("")
    grid = page.locator("table.grid")
    assert grid.locator("thead th").count() == 1 + len(DISTROS)
    assert grid.get_attribute("aria-rowcount") == "41"
    fold = grid.get_by_role("button", name="check-01")
    fold.click()
    assert fold.get_attribute("aria-expanded") == "true"
    assert grid.get_attribute("aria-rowcount") == "44"
    assert grid.locator("tr.variant th").all_inner_texts() == ["opt=O0", "opt=O1", "opt=O2"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    _job(page, "check-01/host[opt=O0]")
    page = at("")
    page.get_by_label("only rows with failures").check()
    bad = {each.job.test for each in failures(shown.record.jobs)}
    assert int(grid.get_attribute("aria-rowcount")) - 1 - grid.locator("tr.variant").count() == len(bad)
    page.get_by_label("only rows with failures").uncheck()


def test_a_job_with_all_its_attempts(at: At, small: Small):
    _, shown = small
    name = _first(shown, Outcome.FLAKY)
    page = at(f"job={name}")
    text = _job(page, name)
    heads = page.locator(".attempts thead th").all_inner_texts()
    assert [each.split()[-2:] for each in heads] == [["attempt", "1"], ["attempt", "2"]]
    for each in (
        "exit status 0",
        f"farm run matrix.yaml --job '{name}'",
        "make check OPT=-O2 V=1",
        "1 cpu, 512 MiB memory, 256 processes, 1m00s timeout",
        "tarball /srv/images/",
    ):
        assert each in text
    needed = next(each.job for each in shown.record.jobs if each.job.needs)
    assert needed.needs[0] in _job(at(f"job={needed.id}"), needed.id)
    at(f"job={name}")
    _job(page, name)
    page.get_by_role("link", name="attempt 1").click()
    page.locator(".tabs [aria-current]").get_by_text("attempt 1").wait_for()
    assert "assertion `tree->left" in page.locator(".log").inner_text()


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.OOM, ("killed by SIGKILL (Killed)", "512 MiB of 512 MiB", "2 processes")),
        (Outcome.TIMEOUT, ("killed by SIGTERM (Terminated)", "1m00s of 1m00s")),
        (Outcome.ERROR, ("mount overlay", "ENOSPC (No space left on device)", "free some space below the store")),
    ],
)
def test_a_job_says_what_ended_it(at: At, small: Small, outcome: Outcome, words: tuple[str, ...]):
    _, shown = small
    name = _first(shown, outcome)
    text = _job(at(f"job={name}"), name)
    for each in words:
        assert each in text


def test_a_log_is_coloured_searched_and_linked_by_line(at: At, opened: Open, small: Small):
    path, shown = small
    name = next(each.job.id for each in failures(shown.record.jobs) if each.attempts[-1].log_bytes > 5000)
    page = at(f"job={name}")
    _job(page, name)
    error = page.locator(".lines .error")
    assert "error" in error.inner_text()
    assert page.locator(".lines .c2").count() > 10
    page.keyboard.press("/")
    page.keyboard.type("make: ***")
    assert page.locator(".lines .hit").count() == 1
    assert page.locator(".logbar [role=status]").inner_text() == "1 of 1"
    error.locator(".no").click()
    page.wait_for_url("**line=*")
    link = page.url.partition("#")[2]
    with opened(path, link) as other:
        target = other.locator(".lines .target")
        target.wait_for()
        assert target.inner_text().startswith(link.rpartition("line=")[2])
        assert other.locator(".diff .plus").count() > 0


def test_copying_the_command(opened: Open, small: Small):
    path, shown = small
    name = _first(shown, Outcome.FAILED)
    with opened(path, f"job={name}", permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("button", name="copy the command that runs it again").click()
        page.get_by_text("copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()").startswith("farm run matrix.yaml --job ")


def test_keys_walk_through_the_jobs(at: At):
    page = at("view=jobs&outcome=failed")
    names = page.locator(".list tbody .id").all_inner_texts()
    page.locator(".list tbody a").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    _job(page, names[1])
    page.keyboard.press("n")
    _job(page, names[2])
    page.keyboard.press("u")
    page.wait_for_url("**#view=jobs&outcome=failed")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.wait_for_url("**#view=jobs")


def test_the_timeline_and_its_critical_path(at: At, small: Small):
    _, shown = small
    last = max(shown.record.jobs, key=lambda each: max((one.began_s or 0) + one.duration_s for one in each.attempts))
    page = at("view=timeline")
    text = page.locator(".timeline").inner_text()
    assert last.job.id in text
    assert "cpu of the host, 16 cores" in text
    colours = page.evaluate(
        """() => { const canvas = document.querySelector("canvas");
           const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
           return new Set(new Uint32Array(data.buffer)).size }"""
    )
    assert colours > 5
    page.locator("canvas").click(position={"x": 4, "y": 4})
    page.locator("h2.id").wait_for()
