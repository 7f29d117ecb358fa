"""``index.html`` shows what happened, runs nothing, fetches nothing, and stays small."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.model.artifact import Artifact, Case, CaseOutcome
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.report import cases, html
from tests.unit.report.runs import DISTROS, hostile, info, mixed, one

_MIB = 1 << 20
OWN_LINKS = {"./results.json", "./junit.xml", "data:,"}
_FETCHING = {"script", "iframe", "object", "embed", "img", "video", "audio", "source", "base", "form", "svg", "math"}


class Seen(HTMLParser):
    """Elements, identities and links of a page, as a browser's parser would find them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src"):
                self.links.append(value)
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_data(self, data):
        self.text.append(data)


def seen(record: RunRecord, run_dir: Path) -> Seen:
    page = Seen()
    page.feed(b"".join(html.render(record, str(run_dir))).decode())
    return page


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(
        st.text(st.characters(), max_size=20), st.sampled_from(["</script><script>", "'\"><b onx=y>", "javascript:x"])
    )
)
def test_D01_D02_names_and_reasons_are_only_text(text):
    page = seen(hostile(text), Path("/nonexistent"))
    assert not page.tags.keys() & _FETCHING
    assert not page.handlers
    assert all(link.startswith(("#", "./logs/")) or link in OWN_LINKS for link in page.links)


def test_D01_what_a_test_printed_is_only_text(tmp_path):
    printed = b"</pre></style><script>alert(1)</script><img src=x onerror=alert(1)> \x1b]0;x\x07 &amp; \xff"
    page = seen(one(tmp_path, Outcome.FAILED, printed), tmp_path)
    assert not page.tags.keys() & _FETCHING
    assert "<script>alert(1)</script>" in "".join(page.text)


def test_links_lead_somewhere(tmp_path):
    page = seen(mixed(tmp_path, 20, axis=2, bad=3), tmp_path)
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert all((tmp_path / unquote(link)).is_file() for link in page.links if link.startswith("./logs/"))


def test_D06_ten_thousand_jobs_are_a_page_a_browser_can_open(tmp_path):
    record = mixed(tmp_path, 1112, logged=False)
    assert len(record.jobs) > 10_000
    log = next(each for each in record.jobs if each.outcome is Outcome.FAILED).attempts[0].log_path
    with open(tmp_path / log, "r+b") as file:
        file.truncate(100 * _MIB)
    before = _resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here: proc(5)
    size, elements = 0, 0
    for part in html.render(record, str(tmp_path)):
        size += len(part)
        elements += part.count(b"<") - part.count(b"</")
    grown = _resident_bytes("VmHWM") - before
    # What a browser takes about a second for, measured: 130,000 elements of which it draws what is in sight.
    assert elements < 14 * len(record.jobs)
    assert size < 800 * len(record.jobs)
    assert grown < 48 * _MIB


def _resident_bytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def test_D06_a_thousand_failures_are_not_a_thousand_cards(tmp_path):
    few = mixed(tmp_path, 8, bad=1)
    bad = [each for each in few.jobs if each.outcome is Outcome.FAILED]
    many = (replace(each, job=replace(each.job, id=str(number))) for number, each in enumerate(bad * 100))
    page = seen(RunRecord(info(), tuple(many), status="bad"), tmp_path)
    assert page.tags["article"] == 300
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_a_row_for_each_value_of_the_axes_and_a_column_for_each_distro(tmp_path):
    text = b"".join(html.render(mixed(tmp_path, 2, axis=3, bad=1000), str(tmp_path))).decode()
    grid = text[text.index('<table class="grid') : text.index("</table>")]
    assert len(re.findall(r'<th scope="col"', grid)) == 1 + len(DISTROS)
    assert re.findall(r'<th scope="row"[^>]*>([^<]*)', grid) == ["opt=O0", "opt=O1", "opt=O2"] * 2
    assert grid.count("<a class=") == len(DISTROS) * 6


def test_one_distro_has_all_values_of_a_test_in_one_cell(tmp_path):
    text = b"".join(html.render(mixed(tmp_path, 2, axis=3, distros=("host",), bad=1000), str(tmp_path))).decode()
    grid = text[text.index('<table class="grid') : text.index("</table>")]
    assert len(re.findall(r'<th scope="row"', grid)) == 2
    assert grid.count("<a class=") == 6


def test_an_error_shows_step_errno_and_hint(tmp_path):
    text = "".join(seen(one(tmp_path, Outcome.ERROR, b""), tmp_path).text)
    for each in ("mount overlay", "ENOSPC (No space left on device)", "free some space below the store"):
        assert each in text


def test_isolation_that_was_missing_or_given_up_is_shown(tmp_path):
    record = one(tmp_path, Outcome.PASSED, b"", no_new_privs=False, cap_add=("NET_RAW",))
    weak = RunRecord(info(user_namespace=False, warnings=()), record.jobs, status="good")
    text = "".join(seen(weak, tmp_path).text)
    assert "no user namespace: a container's root is the host's root" in text
    assert "no-new-privs: false, cap-add: NET_RAW in 1 job" in text
    sound = one(tmp_path, Outcome.PASSED, b"")
    assert "opted out" not in "".join(seen(sound, tmp_path).text)


def test_jobs_that_never_ran_for_one_reason_share_a_card(tmp_path):
    jobs = tuple(JobRecord(each.job, (), Outcome.ERROR, "image: gone") for each in mixed(tmp_path, 3).jobs)
    page = seen(RunRecord(info(), jobs, status="infrastructure"), tmp_path)
    assert page.tags["article"] == 1
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_colour_is_never_the_only_sign(tmp_path, outcome):
    text = b"".join(html.render(one(tmp_path, outcome, b"x"), str(tmp_path))).decode()
    word = outcome or "not run"
    assert f'aria-label="{word}"' in text


def test_artifacts_and_failed_test_cases_of_a_failure(tmp_path):
    record = one(tmp_path, Outcome.FAILED, b"said\n")
    (job,) = record.jobs
    cases.save(
        str(tmp_path / "cases.json"),
        [Case("good", "a"), *(Case(f"bad<{n}>", "a", 0.0, CaseOutcome.FAILED, "why\nat length") for n in range(40))],
    )
    attempt = replace(
        job.attempts[0],
        artifacts=(Artifact("out/a b", 2048), Artifact("out/c", 1024)),
        artifacts_path="artifacts/t@d.1/1",
        cases_path="cases.json",
    )
    page = seen(replace(record, jobs=(replace(job, attempts=(attempt,)),)), tmp_path)
    text = "".join(page.text)
    assert "./artifacts/t%40d.1/1/" in page.links
    assert "2 files 3" in " ".join(text.split())
    assert "failed test cases in its artifacts: 40" in text
    assert "a bad<0>: why\n" in text
    assert "and 10 more, in junit.xml" in text
    assert "a good" not in text


def test_a_failure_says_how_to_run_it_again(tmp_path):
    record = one(tmp_path, Outcome.FAILED, b"", id="unit/a[x=it's]")
    text = " ".join(seen(replace(record, info=info(matrix_path="/ci/matrix.yaml")), tmp_path).text)
    assert """farm run matrix.yaml --job 'unit/a[x=it'"'"'s]'""" in text
