"""``index.html`` as it is written: its text is only text, it is whole without its script, and it stays small."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
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
from farm.model.memory import NO_MEMORY
from farm.model.outcome import Outcome
from farm.model.run import JobRecord, RunRecord
from farm.model.service import Service
from farm.report import cases, html
from farm.report.findings import Cause, Group
from farm.report.page.marks import GLYPHS
from farm.report.text import body
from tests.unit.report.pages import rich
from tests.unit.report.runs import hostile, info, mixed, one

_MIB = 1 << 20
OWN_LINKS = {"./results.json", "./junit.xml", "data:,"}
_FETCHING = {"iframe", "object", "embed", "img", "video", "audio", "source", "base", "form", "svg", "math"}


class Seen(HTMLParser):
    """Elements, identities and links of a page, as a browser's parser would find them, and its blocks of data."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text: list[str] = []
        self.own: dict[str, str] = {}
        self.policy = ""
        self.blocks: dict[str, object] = {}
        self._inside = ""

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"]
        packed = tag == "script" and known.get("type") == "text/plain"
        self._inside = known["id"] if packed else tag if tag in ("script", "style") else ""
        self.tags[tag if not packed else "data"] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src"):
                self.links.append(value)
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside in ("script", "style"):
            self.own[self._inside] = self.own.get(self._inside, "") + data
        elif self._inside:
            self.blocks[self._inside] = json.loads(gzip.decompress(base64.b64decode(data)))
        else:
            self.text.append(data)


def seen(record: RunRecord, run_dir: Path, *given: object) -> Seen:
    page = Seen()
    page.feed(b"".join(html.render(record, str(run_dir), *given)).decode())
    return page


def test_the_policy_allows_its_own_style_and_script_and_nothing_else(tmp_path):
    page = seen(mixed(tmp_path, 2), tmp_path)
    digests = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for kind, text in page.own.items()
    }
    parts = dict(each.strip().split(" ", 1) for each in page.policy.split(";"))
    assert parts.pop("default-src") == parts.pop("base-uri") == parts.pop("form-action") == "'none'"
    assert parts.pop("script-src") == f"'sha256-{digests['script']}'"
    assert parts.pop("style-src") == f"'sha256-{digests['style']}'"
    assert parts == {"img-src": "data:", "require-trusted-types-for": "'script'"}
    assert not re.search("innerHTML|outerHTML|insertAdjacent|document.write|eval", page.own["script"])


@settings(max_examples=15, deadline=None)
@given(
    st.one_of(
        st.text(st.characters(), max_size=20), st.sampled_from(["</script><script>", "'\"><b onx=y>", "javascript:x"])
    )
)
def test_D01_D02_names_and_reasons_are_only_text(text):
    page = seen(hostile(text), Path("/nonexistent"))
    assert not page.tags.keys() & _FETCHING
    assert not page.handlers
    assert page.tags["script"] == page.tags["style"] == 1
    assert all(link.startswith(("#", "./logs/")) or link in OWN_LINKS for link in page.links)
    assert len(page.blocks["run"]["jobs"]["id"]) == len(Outcome) + 1
    assert _harmless(page.blocks)


def _harmless(value: object) -> bool:
    """Whether every text in it can be shown as it is."""
    if isinstance(value, str):
        return body(value.replace("\x1b[31m", "")) == value.replace("\x1b[31m", "")
    if isinstance(value, dict):
        return all(map(_harmless, [*value, *value.values()]))
    return all(map(_harmless, value)) if isinstance(value, list) else True


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
    assert elements < 10_000
    assert size < 2 * _MIB
    assert grown < 48 * _MIB


def _resident_bytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def test_D06_a_thousand_failures_are_not_a_thousand_cards(tmp_path):
    few = mixed(tmp_path, 8, bad=1)
    bad = [each for each in few.jobs if each.outcome is Outcome.FAILED]
    many = (replace(each, job=replace(each.job, id=str(number))) for number, each in enumerate(bad * 100))
    page = seen(RunRecord(info(), tuple(many), status="bad"), tmp_path)
    assert page.tags["article"] == 100
    assert (
        len([each for part in page.blocks for each in ([] if part in ("run", "past") else page.blocks[part])])
        == len(bad) * 100
    )
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


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
    assert f'aria-label="{word}">{GLYPHS[word]}</span>' in text
    assert len(set(GLYPHS.values())) == len(GLYPHS)


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
    assert "failed test cases in its artifacts" in text
    assert "a bad<0>: why\n" in text
    assert "and 10 more, in junit.xml" in text
    assert "a good" not in text


def test_a_failure_says_how_to_run_it_again(tmp_path):
    record = one(tmp_path, Outcome.FAILED, b"", id="unit/a[x=it's]")
    text = " ".join(seen(replace(record, info=info(matrix_path="/ci/matrix.yaml")), tmp_path).text)
    assert """farm run matrix.yaml --job 'unit/a[x=it'"'"'s]'""" in text


def _job(page: Seen, number: int = 0) -> dict[str, object]:
    return page.blocks["part-0"][number]


def test_the_data_of_a_job_that_the_host_knew_little_of(tmp_path):
    """As of a run by an older farm: no image, no time since the run began, no counters."""
    record = one(tmp_path, Outcome.FAILED, b"said\n")
    (job,) = record.jobs
    bare = replace(job.attempts[0], usage=type(job.attempts[0].usage)(), log_path="", log_bytes=0)
    page = seen(replace(record, jobs=(replace(job, attempts=(bare,)),)), tmp_path)
    (attempt,) = _job(page)["attempts"]
    assert not {"cpu", "peak", "image", "waited", "log"} & attempt.keys()
    assert page.blocks["run"]["spans"]["waited"] == [-1]
    assert page.blocks["run"]["images"] == []


def test_an_image_s_digest_and_source_are_in_the_data(tmp_path):
    shown = rich(tmp_path, 1)
    page = seen(shown.record, tmp_path, shown.memory, shown.groups)
    (attempt, *_) = _job(page, 3)["attempts"]
    image = page.blocks["run"]["images"][attempt["image"]]
    assert (image["digest"], image["source"]) == (attempt["digest"], "tarball /srv/images/debian-13.tar.zst")
    assert ["libc", "glibc"] in image["facts"]


def test_what_a_group_says_of_itself_is_in_the_data_and_in_the_text(tmp_path):
    cause = Cause("libc", "musl", 1, 1, 0, 3, 0.7, "all 1 failures have libc = musl", ("family = alpine",))
    groups = (Group("broke <n>", "broke 7", (0,), (cause,), "too few to tell"),)
    page = seen(one(tmp_path, Outcome.FAILED, b"broke 7"), tmp_path, NO_MEMORY, groups)
    (group,) = page.blocks["run"]["groups"]
    assert (group["signature"], group["example"], group["note"]) == ("broke <n>", "broke 7", "too few to tell")
    (told,) = group["causes"]
    assert (told["fact"], told["sure"], told["same"]) == ("libc = musl", False, ["family = alpine"])
    text = "".join(page.text)
    assert "too few to tell" in text
    assert "1 job t on d.1" in text
    assert "all 1 failures have libc = musl" in text


def test_a_range_is_no_value(tmp_path):
    told = [
        Cause(name, value, 2, 2, 0, 9, 3.0, "") for name, value in (("glibc", "< 2.17"), ("q", "<b>"), ("q", ">=2"))
    ]
    groups = (Group("broke", "broke", (0,), tuple(told)),)
    (group,) = seen(one(tmp_path, Outcome.FAILED, b"broke"), tmp_path, NO_MEMORY, groups).blocks["run"]["groups"]
    assert [each["fact"] for each in group["causes"]] == ["glibc < 2.17", "q = <b>", "q = >=2"]


def test_what_good_jobs_print_as_well_is_not_marked_as_an_error(tmp_path):
    record = mixed(tmp_path, 1, distros=("a-1", "b-1"), bad=1000)
    passed, failed = record.jobs
    noise = "cannot find ccache, going on without it\n"
    (tmp_path / passed.attempts[0].log_path).write_text(noise)
    (tmp_path / failed.attempts[0].log_path).write_text(f"{noise}x.c:1: error: y\n")
    attempts = (replace(failed.attempts[0], outcome=Outcome.FAILED),)
    failed = replace(failed, outcome=Outcome.FAILED, attempts=attempts)
    page = seen(replace(record, jobs=(passed, failed)), tmp_path)
    (attempt,) = _job(page, 1)["attempts"]
    assert attempt["log"]["error"] == 2
    (attempt,) = _job(page, 0)["attempts"]
    assert attempt["log"]["error"] == 0


def test_the_seed_of_the_order_is_shown(tmp_path):
    record = one(tmp_path, Outcome.PASSED, b"")
    asked = replace(record.info.asked, seed=7)
    assert "seed 7" in "".join(seen(replace(record, info=replace(record.info, asked=asked)), tmp_path).text)


def test_logs_of_services_are_linked(tmp_path):
    record = one(
        tmp_path, Outcome.FAILED, b"x", services=(Service("db", "d", ("sh",), ""), Service("web", "d", ("sh",), ""))
    )
    log = tmp_path / record.jobs[0].attempts[0].log_path
    for name in ("1.db.log", "1.db@healthcheck.log"):
        (log.parent / name).write_text("ready\n")
    (log.parent / "1.web.log").symlink_to("/etc/passwd")
    (attempt,) = _job(seen(record, tmp_path))["attempts"]
    assert [each[0] for each in attempt["beside"]] == ["db", "db healthcheck"]
    assert all((tmp_path / unquote(link)).is_file() for _, link, _ in attempt["beside"])


def test_a_log_is_compared_with_that_of_another_distro(tmp_path):
    record = mixed(tmp_path, 1, distros=("a-1", "b-1"), bad=1000)
    passed, failed = record.jobs
    (tmp_path / passed.attempts[0].log_path).write_text("begin\nall good in 5 s\n")
    (tmp_path / failed.attempts[0].log_path).write_text("begin\nbroken\n")
    page = seen(replace(record, jobs=(passed, replace(failed, outcome=Outcome.FAILED))), tmp_path)
    found = _job(page, 1)["diff"]
    assert (found["other"], found["lines"]) == (0, [" begin", "-all good in 5 s", "+broken"])


def test_the_history_of_a_job_is_in_the_data(tmp_path):
    shown = rich(tmp_path, 10)
    run = seen(shown.record, tmp_path, shown.memory, shown.groups).blocks["run"]
    known = [shown.memory.jobs[each] for each in run["jobs"]["id"]]
    assert [len(each) for each in run["jobs"]["past"]] == [len(each.trend) for each in known]
    assert all(max(each) == "9" for each in run["jobs"]["level"])
    assert run["baseline"] == shown.memory.baseline
    bare = seen(shown.record, tmp_path).blocks["run"]["jobs"]
    assert (bare["past"], bare["change"], bare["flaky"]) == ([""], [0], [-1])
