"""The machine's work disk: the working tree, the root filesystems, the dependencies and the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib

from base import cached, make_disk
from tools import call, say

_PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PLATFORMS = ("manylinux_2_36_x86_64", "manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64")


def make(scratch: str, command: str, *, python: str, slowdown: int) -> str:
    """An image with all that the machine needs to run ``command``, in the folder ``scratch``; the caller owns it."""
    tree = f"{scratch}/work"
    _copy_working_tree(f"{tree}/main")
    rootfs = os.environ.get("FARM_TEST_ROOTFS") or f"{_PROJECT}/../shared/rootfs"
    if os.path.isdir(rootfs):
        shutil.copytree(rootfs, f"{tree}/shared/rootfs")
    shutil.copytree(_site(python), f"{tree}/site")
    os.makedirs(f"{tree}/tmp")
    os.chmod(f"{tree}/tmp", 0o1777)
    with open(f"{tree}/command", "w", encoding="utf-8") as file:
        file.write(f"export FARM_TEST_SLOWDOWN={slowdown} FARM_TEST_ROOTFS=/vm/shared/rootfs\n")
        # Beside PYTHONPATH, which tests set for processes of their own: the dependencies are installed, as for any user.
        file.write("echo /vm/site >/usr/lib/python3/dist-packages/farm-vm.pth\n")
        file.write("".join(f"export {name}={os.environ[name]}\n" for name in ("CI",) if name in os.environ))
        if not sys.stdout.isatty():
            file.write("export NO_COLOR=1 TERM=dumb\n")
        file.write(f"{command}\n")
    image = f"{scratch}/work.img"
    make_disk(tree, image, "12G")
    shutil.rmtree(tree)
    return image


def _copy_working_tree(target: str) -> None:
    """What git has or would have: no build products, no virtual environments."""
    listed = subprocess.run(
        ("git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=_PROJECT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    for name in os.fsdecode(listed).split("\0"):
        source = os.path.join(_PROJECT, name)
        if name and os.path.lexists(source):  # a file deleted but still in the index is not there
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy2(source, os.path.join(target, name), follow_symlinks=False)


def _site(python: str) -> str:
    """A folder to put on the machine's PYTHONPATH, from the cache where the dependencies are still the same."""
    with open(f"{_PROJECT}/pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    requirements = sorted(each for each in wanted if not each.startswith("playwright"))  # the machine has no browser

    def install(path: str) -> None:
        say(f"installing {len(requirements)} dependencies for python {python}")
        platforms = [argument for platform in _PLATFORMS for argument in ("--platform", platform)]
        only = ("--only-binary=:all:", "--implementation=cp", f"--python-version={python}")
        call(
            *(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--root-user-action=ignore"),
            *("--no-compile", *only, *platforms, "--target", path, *requirements),
        )

    return cached(f"site-{python}", (python, *requirements), install)
