"""Three tests fail on real root filesystems for real reasons, and the report names each of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.rootfs]

LANGUAGES = 4
CAUSES = {
    "version": ("libc", "musl", "all 12 failures have libc = musl; 0 of 20 others do"),
    "random": ("glibc", "< 2.38", "all 12 failures have glibc < 2.38; 0 of 16 others do"),
    "date": ("arch", "i686", "all 4 failures have arch = i686 (only ubuntu-14.04); 0 of 28 others do"),
}


@pytest.mark.timeout(300)
def test_the_report_names_musl_an_old_glibc_and_32_bits(farm, rootfs_dir):
    archives = sorted(rootfs_dir.glob("*.tar.*"))
    images = ", ".join(f"{{name: {each.name.rsplit('-', 1)[0]}, rootfs: {each}}}" for each in archives)
    text = (Path(__file__).parent / "attribution.yaml").read_text().replace("distros: IMAGES", f"distros: [{images}]")
    (farm.folder / "matrix.yaml").write_text(text)
    done = farm.run("run", "matrix.yaml", "--ui", "plain", limit_s=200)
    assert done.returncode == 1, done.stdout + done.stderr

    report = json.loads((farm.folder / "reports/latest/results.json").read_text())
    facts = {each["distro"]: each["facts"] for each in report["images"]}
    assert len(facts) == len(archives) == 8
    assert len(report["findings"]) == len(CAUSES)
    for each in report["findings"]:
        (test,) = {job.partition("/")[0] for job in each["jobs"]}
        (cause,) = each["causes"]
        assert (cause["name"], cause["value"], cause["sentence"]) == CAUSES[test]
        assert cause["score"] >= 2
        assert f"common: {cause['sentence']}" in done.stdout
        # The journal's facts are what it was found by: a distro failed if, and only if, it has what is named.
        bad = {job.partition("/")[2].partition("[")[0] for job in each["jobs"]}
        assert len(each["jobs"]) == len(bad) * LANGUAGES
        assert bad == {distro for distro, known in facts.items() if has(test, known)}


def has(test, facts):
    if test == "version":
        return facts["libc"] == "musl"
    if test == "date":
        return facts["arch"] == "i686"
    return facts["libc"] == "glibc" and tuple(map(int, facts["libc_version"].split("."))) < (2, 25)
