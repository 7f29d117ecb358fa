"""Images from Debian's own ``docker-registry``, pushed by skopeo and compared with what umoci unpacks."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from farm.errors import ImageError
from farm.image import fetch
from farm.image.resolve import resolve
from farm.model.distro import Source, SourceKind
from tests.kernel.image.archives import entry, folder, hard_link, packed, symlink
from tests.kernel.image.line import cut_line
from tests.kernel.image.server import soon
from tests.kernel.image.test_layers import ARCHITECTURE, Layout, tree

ROOT = Path(__file__).resolve().parents[3]

BELOW = [
    folder("d"),
    entry("d/a", b"below"),
    folder("d/sub"),
    entry("d/sub/b", b"below"),
    folder("opaque"),
    entry("opaque/gone", b"below"),
    entry("program", b"#!/bin/sh\n", mode=0o4755, uid=3, gid=4),
    symlink("link", "d/a"),
]
ABOVE = [entry("d/.wh.a"), folder("opaque"), entry("opaque/.wh..wh..opq"), entry("opaque/new", b"above")]
TOP = [hard_link("same", "program"), entry("d/sub/b", b"top")]


def needed(program):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program} (apt-get install docker-registry skopeo umoci apache2-utils openssl)")
    return program


@dataclass
class Registry:
    """A registry that runs: ``host`` is 127.0.0.1 and its port, ``data`` its folder."""

    host: str
    data: Path

    def push(self, layout, name="test/image:1", *options):
        command = [needed("skopeo"), "copy", "-q", "--dest-tls-verify=false", *options]
        subprocess.run([*command, f"oci:{layout}", f"docker://{self.host}/{name}"], check=True, env=without_proxy())

    def blobs(self):
        """Path of each blob by its digest."""
        return {path.parent.name: path for path in self.data.glob("docker/registry/v2/blobs/sha256/*/*/data")}

    def manifest(self):
        """Digest, path and content of the one manifest it has."""
        for digest, path in self.blobs().items():
            head = path.read_bytes()
            if head.startswith(b"{") and "layers" in (given := json.loads(head)):
                return digest, path, given
        raise AssertionError("no manifest was pushed")


def without_proxy():
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


@pytest.fixture
def registry(tmp_path, own_corner):
    """Start a registry; ``http`` is more of its configuration's section of that name, ``more`` further sections."""
    started = []

    def start(http="", more=""):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            host = f"127.0.0.1:{taken.getsockname()[1]}"
        data = tmp_path / "registry"
        config = tmp_path / "registry.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {data}}}}}\n"
            f"http:\n  addr: {host}\n{http}{more}"
        )
        log = (tmp_path / "registry.log").open("w")
        command = [needed("docker-registry"), "serve", str(config)]
        started.append(subprocess.Popen(command, stdout=log, stderr=log, env=without_proxy()))
        log.close()
        scheme = "https" if http else "http"

        def answers():
            try:
                urllib.request.urlopen(
                    f"{scheme}://{host}/v2/", context=ssl._create_unverified_context() if http else None
                )
            except urllib.error.HTTPError:
                return True
            except OSError:
                assert started[-1].poll() is None, (tmp_path / "registry.log").read_text()
                return False
            return True

        assert soon(answers)
        return Registry(host, data)

    yield start
    for process in started:
        process.terminate()
        process.wait()


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout").write([packed(each) for each in (BELOW, ABOVE, TOP)], compress=True)


@pytest.fixture
def pulled(images, monkeypatch, tmp_path):
    """Import an image of a registry, with no credentials but those of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def pull(registry, name="test/image:1", *, fresh=False, arch=""):
        source = Source(SourceKind.REGISTRY, f"oci://{registry.host}/{name}", arch=arch)
        return resolve(source, images.store, images.id_map, fresh=fresh)

    return pull


def root(image):
    return Path(image.overlays[0].lowers[0])


def test_layers_give_the_tree_that_umoci_unpacks(registry, layout, pulled, tmp_path):
    found = registry()
    found.push(layout)
    image = pulled(found)
    index = json.loads((layout / "index.json").read_text())
    assert f"sha256:{image.digest}" == index["manifests"][0]["digest"]
    # umoci names an image of a layout by its tag.
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "tag"}
    (layout / "index.json").write_text(json.dumps(index))
    subprocess.run([needed("umoci"), "raw", "unpack", "--image", f"{layout}:tag", str(tmp_path / "theirs")], check=True)
    theirs = tree(tmp_path / "theirs")
    assert tree(root(image)) == theirs
    assert set(theirs) == {"d", "d/sub", "d/sub/b", "opaque", "opaque/new", "program", "same", "link"}
    program, same = (os.stat(root(image) / name) for name in ("program", "same"))
    assert program.st_ino == same.st_ino
    assert (program.st_mode & 0o7777, program.st_uid, program.st_gid) == (0o4755, 3, 4)


@pytest.mark.parametrize(
    "options", [("--dest-compress-format", "zstd"), ("--dest-compress-format", "gzip"), ("--format", "v2s2")]
)
def test_every_compression_and_dockers_own_documents_are_read(registry, layout, pulled, options):
    found = registry()
    found.push(layout, "test/image:1", "--dest-compress", *options)
    assert (root(pulled(found)) / "opaque/new").read_text() == "above"


def test_of_an_index_the_image_for_this_machine_is_taken(registry, layout, pulled, tmp_path):
    mine = json.loads((layout / "index.json").read_text())["manifests"]
    other = Layout(tmp_path / "other").write([packed([entry("of-another")])], architecture="sparc64", compress=True)
    for blob in (other / "blobs/sha256").iterdir():
        shutil.copy(blob, layout / "blobs/sha256")
    foreign = json.loads((other / "index.json").read_text())["manifests"]
    inner = Layout.blob(
        _At(layout), json.dumps({"schemaVersion": 2, "manifests": foreign + mine}).encode(), "index.v1+json"
    )
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [inner]}))
    found = registry()
    found.push(layout, "test/image:1", "--all")
    image = pulled(found)
    assert f"sha256:{image.digest}" == mine[0]["digest"]
    assert (root(image) / "program").exists()
    digest = inner["digest"]
    assert pulled(found, f"test/image@{digest}") == image


def test_an_image_of_another_machine_is_refused_also_without_an_index(registry, pulled, images, tmp_path):
    found = registry()
    found.push(Layout(tmp_path / "other").write([packed(BELOW)], architecture="sparc64", compress=True))
    with pytest.raises(ImageError, match=r"(?s)is not for this machine.*it is for sparc64 of linux"):
        pulled(found)
    assert images.left() == []


def test_A09_a_configuration_that_changed_on_the_server_names_both_digests(registry, layout, pulled, images):
    found = registry()
    found.push(layout)
    digest = found.manifest()[2]["config"]["digest"].partition(":")[2]
    path = found.blobs()[digest]
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ImageError, match=f"(?s)wrong digest.*{digest}.*found"):
        pulled(found)
    assert images.left() == []


def test_of_an_index_the_machine_that_is_asked_for_is_taken_and_remembered_by_itself(
    registry, pulled, images, tmp_path
):
    small = Layout(tmp_path / "small").write([packed([entry("small")])], architecture="386", compress=True)
    large = Layout(tmp_path / "large").write([packed([entry("large")])], architecture=ARCHITECTURE, compress=True)
    for blob in (small / "blobs/sha256").iterdir():
        shutil.copy(blob, large / "blobs/sha256")
    both = [json.loads((each / "index.json").read_text())["manifests"][0] for each in (large, small)]
    inner = Layout.blob(_At(large), json.dumps({"schemaVersion": 2, "manifests": both}).encode(), "index.v1+json")
    (large / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [inner]}))
    found = registry()
    found.push(large, "test/image:1", "--all")
    for _ in range(2):
        assert os.listdir(root(pulled(found))) == ["large"]
        assert os.listdir(root(pulled(found, arch="i686"))) == ["small"]


@dataclass
class _At:
    path: Path


def test_a_tag_is_asked_once_and_again_by_pull(registry, layout, pulled, tmp_path):
    found = registry()
    found.push(layout)
    first = pulled(found)
    found.push(Layout(tmp_path / "newer").write([packed([entry("newer", b"x")])]))
    assert pulled(found) == first
    newer = pulled(found, fresh=True)
    assert (root(newer) / "newer").exists()
    assert pulled(found) == newer


def test_a_wrong_digest_of_a_reference_is_not_there(registry, layout, pulled, images):
    found = registry()
    found.push(layout)
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*says 404"):
        pulled(found, "test/image@sha256:" + "ab" * 32)
    assert images.left() == []


def test_A09_a_layer_that_changed_on_the_server_names_both_digests(registry, layout, pulled, images):
    found = registry()
    found.push(layout)
    digest = found.manifest()[2]["layers"][0]["digest"].partition(":")[2]
    path = found.blobs()[digest]
    path.write_bytes(bytes(reversed(path.read_bytes())))
    with pytest.raises(ImageError, match=f"(?s)wrong digest.*{digest}.*found"):
        pulled(found)
    assert images.left() == os.listdir(images.store.downloads_dir) == []


def test_A09_a_manifest_that_changed_on_the_server_names_both_digests(registry, layout, pulled, images):
    found = registry()
    found.push(layout)
    digest, path, _ = found.manifest()
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ImageError) as caught:
        pulled(found, f"test/image@sha256:{digest}")
    assert digest in str(caught.value)
    assert images.left() == []


def test_a_blob_that_is_missing_is_named(registry, layout, pulled, images):
    found = registry()
    found.push(layout)
    digest = found.manifest()[2]["layers"][1]["digest"].partition(":")[2]
    shutil.rmtree(found.blobs()[digest].parent)
    with pytest.raises(ImageError, match=f"(?s)layer {digest[:12]}.*says 404"):
        pulled(found)
    assert images.left() == []


def test_a_blob_that_is_cut_short_is_one_error(registry, layout, pulled, images, monkeypatch):
    monkeypatch.setattr("farm.image.fetch._PAUSE_S", 0.01)
    found = registry()
    found.push(layout)
    digest = found.manifest()[2]["layers"][0]["digest"].partition(":")[2]
    path = found.blobs()[digest]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ImageError, match=f"layer {digest[:12]}"):
        pulled(found)
    assert images.left() == []


@pytest.mark.parametrize("name", ["test/none:1", "test/image:none"])
def test_what_the_registry_does_not_have_is_404(registry, layout, pulled, images, name):
    found = registry()
    found.push(layout)
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*says 404") as caught:
        pulled(found, name)
    assert caught.value.remedy
    assert images.left() == []


def test_a_registry_that_is_not_there_is_one_error_at_once(pulled, images, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*Connection refused"):
        pulled(Registry(host, tmp_path))
    assert images.left() == []


@pytest.fixture
def closed(registry, tmp_path):
    """A registry with TLS of its own authority that wants a password."""
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.crt"
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [needed("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_text(hashed("tester", "secret"))
    tls = f"  tls: {{certificate: {certificate}, key: {key}}}\n"
    return registry(tls, f"auth: {{htpasswd: {{realm: test, path: {htpasswd}}}}}\n"), certificate


def hashed(user, password):
    """A line of htpasswd(1) with bcrypt, the only kind that this registry takes."""
    done = subprocess.run([needed("htpasswd"), "-nbB", user, password], check=True, capture_output=True, text=True)
    return done.stdout


def test_a_private_registry_wants_a_login_and_its_authority(closed, layout, pulled, images, monkeypatch, tmp_path):
    found, certificate = closed
    found.push(layout, "test/image:1", "--dest-creds", "tester:secret")
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*certificate verify failed"):
        pulled(found)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*login") as caught:
        pulled(found)
    assert f"docker login {found.host}" in caught.value.remedy
    assert images.left() == []
    log_in(tmp_path, found.host, "tester:wrong")
    with pytest.raises(ImageError, match=r"(?s)cannot fetch.*(login|401)"):
        pulled(found)
    log_in(tmp_path, found.host, "tester:secret")
    assert (root(pulled(found)) / "opaque/new").exists()


def log_in(home, host, credentials):
    (home / ".docker").mkdir(exist_ok=True)
    encoded = base64.b64encode(credentials.encode()).decode()
    (home / ".docker/config.json").write_text(json.dumps({"auths": {host: {"auth": encoded}}}))


def test_a_layer_whose_line_is_cut_is_resumed(registry, pulled, images, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.01)
    found = registry()
    bulk = os.urandom(600_000)
    found.push(Layout(tmp_path / "bulky").write([packed(BELOW), packed([entry("bulk", bulk)])], compress=True))
    with cut_line(found.host, 250_000, 2) as line:
        image = pulled(Registry(line.host, found.data))
        assert line.cuts == 0
    assert (root(image) / "bulk").read_bytes() == bulk
    assert images.left() == [image.digest]


def test_a_line_that_is_always_cut_is_one_error(registry, layout, pulled, images):
    found = registry()
    found.push(layout)
    with cut_line(found.host, 100, 1 << 30) as line, pytest.raises(ImageError, match="cannot fetch") as caught:
        pulled(Registry(line.host, found.data))
    assert caught.value.remedy
    assert images.left() == []


def test_A10_two_processes_pull_one_image_at_once(registry, layout, images, tmp_path):
    found = registry()
    found.push(layout)
    code = """if True:
        import sys
        from farm.image.resolve import resolve
        from farm.image.store import Store
        from farm.kernel.userns import IdMap
        from farm.model.distro import Source, SourceKind
        print(resolve(Source(SourceKind.REGISTRY, sys.argv[1]), Store(sys.argv[2]), IdMap(0x70000000)).digest)
    """
    command = [sys.executable, "-c", code, f"oci://{found.host}/test/image:1", images.store.home]
    given = {"stdout": subprocess.PIPE, "text": True, "cwd": ROOT, "env": without_proxy()}
    with subprocess.Popen(command, **given) as one, subprocess.Popen(command, **given) as two:
        first, second = one.communicate()[0].strip(), two.communicate()[0].strip()
    assert first == second
    assert images.left() == [first]
