"""Bootstraps by the real tools: of rpm packages from a repository on loopback, and one of a release that is not there.

That Debian is made of its packages is shown in ``tests/system/test_example.py``, so that its mirror is not asked twice. Tools
that this host lacks are installed by its package manager in the container that needs them, so the mirror is needed for all
of them, and a host of Debian's.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.engine.build import LocalBuilder
from farm.image import host
from farm.image.building import BuildError
from farm.image.resolve import resolve
from farm.model.build import Bind, Build, Network
from farm.model.distro import Image, Source, SourceKind
from farm.model.limits import Limits
from farm.model.recipe import Recipe
from tests.kernel.image.archives import Images

pytestmark = [pytest.mark.usefixtures("mirror"), pytest.mark.timeout(300)]  # for a slow mirror, or neighbours

MIRROR = "http://deb.debian.org/debian"
# Packages that need nothing but themselves, with the names that a system is asked for by default.
SPEC = """
Name: tiny-system
Version: 1
Release: 1
Summary: All that a system needs
License: MIT
BuildArch: noarch
Provides: system-release basesystem bash coreutils dnf findutils glibc grep rpm sed aaa_base filesystem zypper
%description
A file.
%install
mkdir -p %{buildroot}/etc %{buildroot}/usr/bin
echo 'ID=tiny' > %{buildroot}/etc/os-release
echo 'of the package' > %{buildroot}/usr/bin/own
%post -p <lua>
io.open("/etc/ran", "w"):write("scriptlet"):close()
%files
%attr(4711, root, root) /usr/bin/own
/etc/os-release
"""
MAKE_REPOSITORY = """
mkdir -p /var/lib && cp -a /in/dpkg /var/lib/dpkg
mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial /tmp/top
apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rpm createrepo-c
rpmbuild --define '_topdir /tmp/top' -bb /in/spec && cp /tmp/top/RPMS/*/*.rpm /out && createrepo_c /out
"""


@pytest.fixture
def builder(images) -> LocalBuilder:
    return LocalBuilder(images.id_map)


@pytest.fixture
def bootstrapped(images, builder):
    def make(recipe: Recipe) -> Image:
        source = Source(SourceKind.BOOTSTRAP, f"bootstrap of {recipe.release}", recipe=recipe)
        return resolve(source, images.store, images.id_map, builder=builder)

    return make


@pytest.fixture(scope="module")
def repository(mirror: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a repository of rpm packages on loopback."""
    folder = tmp_path_factory.mktemp("repository")
    images = Images(folder)
    for name in ("out", "scratch"):
        (folder / name).mkdir()
    (folder / "spec").write_text(SPEC)
    build = Build(
        name="repository",
        overlays=host.resolve(images.store).overlays,
        argv=("/bin/sh", "-ec", MAKE_REPOSITORY),
        scratch_dir=str(folder / "scratch"),
        network=Network.HOST,
        binds=(
            Bind("/var/lib/dpkg", "/in/dpkg"),
            Bind(str(folder / "spec"), "/in/spec"),
            Bind(str(folder / "out"), "/out", writable=True),
        ),
        limits=Limits(cpus=2, memory_bytes=1 << 30, pids=512),
    )
    reason = LocalBuilder(images.id_map).build(build, str(folder / "log"), lambda: None)
    assert not reason, (folder / "log").read_text()[-2000:]
    with _served(folder / "out") as address:
        yield address


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("manager", ["dnf", "zypper"])
def test_rpm_packages_become_a_root_filesystem(bootstrapped, repository, images, manager):
    image = bootstrapped(Recipe(manager, "1", (repository,), packages=("bash", "coreutils")))
    root = Path(image.overlays[0].lowers[0])
    own = (root / "usr/bin/own").stat()
    assert (image.facts.id, own.st_uid, own.st_gid, own.st_mode & 0o7777) == ("tiny", 0, 0, 0o4711)
    assert (root / "etc/ran").read_text() == "scriptlet"
    assert (root / "usr/lib/sysimage/rpm/rpmdb.sqlite").exists()
    assert not (root / "root/.rpmdb").exists()


def test_one_that_fails_leaves_its_log_and_nothing_else(bootstrapped, images):
    there = host.resolve(images.store).digest
    with pytest.raises(BuildError) as caught:
        bootstrapped(Recipe("apt", "no-such-release", (MIRROR,), ("main",), "debian-archive-keyring"))
    assert caught.value.brief == "the bootstrap of no-such-release failed"
    assert "no-such-release" in Path(caught.value.log_path).read_text()
    assert images.left() == [there]
