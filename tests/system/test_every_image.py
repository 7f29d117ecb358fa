"""One matrix over the host and every real root filesystem, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from farm.journal.queries import read
from farm.model.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
SKIPPED_FOR_A_REASON = {
    "base/busybox-musl[check=getent]",
    "base/busybox-musl[check=package-manager]",
    "base/opensuse-tumbleweed[check=su-nobody]",
    "base/ubuntu-12.04[check=su-nobody]",
    "base/ubuntu-14.04[check=su-nobody]",
}


@pytest.mark.root
@pytest.mark.rootfs
@pytest.mark.timeout(600)
def test_every_image_passes_everything(rootfs_dir, tmp_path, shared_home):
    archives = sorted(rootfs_dir.glob("*.tar.*"))
    images = ", ".join(f"{{name: {each.name.rsplit('-', 1)[0]}, rootfs: {each}}}" for each in archives)
    text = (ROOT / "tests/system/every_image.yaml").read_text().replace("distros: IMAGES", f"distros: [host, {images}]")
    (tmp_path / "matrix.yaml").write_text(text)
    code = "from farm.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(tmp_path / "matrix.yaml"), "--reports", str(tmp_path / "reports")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "FARM_HOME": str(shared_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    record = read(str(tmp_path / "reports/latest/journal.sqlite"))
    outcomes = {each.job.id: each.outcome for each in record.jobs}
    per_distro = Counter(name.split("/")[1].split("[")[0] for name in outcomes)
    assert len(per_distro) == len(archives) + 1
    assert min(per_distro.values()) >= 40
    assert {name for name, outcome in outcomes.items() if outcome is Outcome.SKIPPED} <= SKIPPED_FOR_A_REASON
    assert set(outcomes.values()) <= {Outcome.PASSED, Outcome.SKIPPED}
