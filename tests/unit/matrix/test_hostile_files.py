"""D04 and D05: files that are meant to do harm are refused within bounds of time and memory, with a message each."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from farm.matrix.load import load
from farm.matrix.problems import MatrixError

HEAD = "version: 1\ndistros: [host]\n"
UNIT = "jobs: {unit: {run: x}}\n"

HOSTILE = {
    "depth of lists": ("a: " + "[" * 10_000, ":1:"),
    "depth of fewer lists": ("a: " + "[" * 900, "nested deeper than 40 levels"),
    "depth of mappings": ("{a: " * 10_000, "nested deeper than 40 levels"),
    "depth of blocks": ("".join(" " * level + "a:\n" for level in range(1000)), "nested deeper than 40 levels"),
    "depth of dashes": ("- " * 10_000, "nested deeper than 40 levels"),
    "aliases that double": (
        HEAD
        + "env:\n  K0: &k0 [x, x]\n"
        + "".join(f"  K{n}: &k{n} [*k{n - 1}, *k{n - 1}]\n" for n in range(1, 40))
        + UNIT,
        "more than 200,000 keys and values, aliases expanded",
    ),
    "merges that double": (
        HEAD
        + "x0: &x0 {a: 1}\n"
        + "".join(f"x{n}: &x{n} {{<<: [*x{n - 1}, *x{n - 1}]}}\n" for n in range(1, 40))
        + UNIT,
        "more than 200,000 keys and values, aliases expanded",
    ),
    "an alias in its anchor": (HEAD + "env: &e {A: *e}\n" + UNIT, "stands inside its own anchor"),
    "many keys": (HEAD + "env:\n" + "".join(f"  A{n}: 1\n" for n in range(100_001)) + UNIT, "larger than 1 MiB"),
    "a long key": (HEAD + f"{'k' * 2000}: 1\n" + UNIT, "not YAML"),
    "a python object": (HEAD + "name: !!python/object/apply:os.system [touch HERE]\n" + UNIT, "is not allowed"),
    "a python name": (HEAD + "name: !!python/name:os.system\n" + UNIT, "is not allowed"),
    "binary": (HEAD + "name: !!binary aGVsbG8=\n" + UNIT, "is not allowed"),
    "a number of a million digits": (
        HEAD + f"jobs: {{unit: {{run: x, timeout: {'9' * 1_000_000}}}}}\n",
        "out of range",
    ),
    "billions of jobs": (
        HEAD
        + "jobs: {unit: {run: x, strategy: {matrix: {"
        + ", ".join(f"a{n}: [{','.join(map(str, range(40)))}]" for n in range(10))
        + "}}}}\n",
        "and 1,000,000 is the most",
    ),
    "a million shards": (
        HEAD
        + "jobs: {unit: {run: x, shards: 1000, strategy: {matrix: {a: ["
        + ",".join(map(str, range(2000)))
        + "]}}}}\n",
        "and 1,000,000 is the most",
    ),
    "a template that grows": (
        HEAD
        + "env: {A: aaaaaaaaaa, "
        + ", ".join(
            f"A{n}: '{{{{ env.A{n - 1 if n > 1 else ''} }}}}{{{{ env.A{n - 1 if n > 1 else ''} }}}}'"
            for n in range(1, 40)
        )
        + "}\n"
        + UNIT,
        "longer than 128 KiB",
    ),
    "a deep template": (
        HEAD + "jobs: {unit: {run: '{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}'}}\n",
        "too deeply nested",
    ),
    "a deep condition": (HEAD + "jobs: {unit: {run: x, if: '" + "not " * 20_000 + "true'}}\n", "too deeply nested"),
    "a loop in a loop": (
        HEAD + "jobs: {unit: {run: '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}'}}\n",
        "more than 20,000 turns of a loop",
    ),
    "the way out of the sandbox": (
        HEAD + "jobs: {unit: {run: \"{{ ''['__class__'] }}{{ matrix.__init__.__globals__ }}\"}}\n",
        "'__class__' of a str is closed to templates",
    ),
    "the way out by a filter": (
        HEAD + "jobs: {unit: {run: \"{{ '' | attr('__class__') }}\"}}\n",
        "no filter is called 'attr'",
    ),
    "the way out by a format": (
        HEAD + "jobs: {unit: {run: \"{{ '{0.__class__}'.format(1) }}\"}}\n",
        "is closed to templates",
    ),
}
CODE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from farm.matrix.expand import expand
from farm.matrix.load import load
from farm.matrix.problems import MatrixError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    expand(load(sys.argv[1], shipped=""))
except MatrixError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, file=sys.stderr)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_D04_D05_a_hostile_file_is_one_message_within_bounds(name: str, tmp_path: Path) -> None:
    text, wanted = HOSTILE[name]
    path = tmp_path / "matrix.yaml"
    path.write_text(text.replace("HERE", str(tmp_path / "made")))
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, cwd=root, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert wanted in done.stdout
    assert len(done.stdout) < 20_000
    assert int(done.stderr) < 200 << 10, "more than 200 MiB"
    assert not (tmp_path / "made").exists()


def test_D04_a_file_of_a_hundred_megabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MatrixError, match="larger than 1 MiB"):
        load(str(path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10
