"""Whom a job's user means, by the image's own files."""

from __future__ import annotations

import os

import pytest

from farm.engine.user import ROOT, Identity, find, identity, image_file
from farm.errors import FarmError
from farm.model.distro import Overlay

PASSWD = """root:x:0:0:root:/root:/bin/sh
# a comment
+nis::::::
build:x:1000:1001:A builder:/home/build:/bin/sh
broken:x:one:1:::
short:x:5
nobody:x:65534:65534:nobody:/:/bin/false
12:x:2000:2000:a name of digits:/home/12:/bin/sh
homeless:x:2001:2001:::/bin/sh
"""
GROUP = """root:x:0:
build:x:1001:
wheel:x:10:root,build
docker:x:20:build
broken:x:ten:build
nogroup:x:65533:
"""


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("root", Identity(0, 0, (10,), "/root")),
        ("build", Identity(1000, 1001, (10, 20), "/home/build")),
        ("1000", Identity(1000, 1001, (10, 20), "/home/build")),
        ("build:wheel", Identity(1000, 10, (), "/home/build")),
        ("1000:7", Identity(1000, 7, (), "/home/build")),
        ("4242", Identity(4242, 0, (), "/")),
        ("4242:4243", Identity(4242, 4243, (), "/")),
        ("12", Identity(2000, 2000, (), "/home/12")),
        ("homeless", Identity(2001, 2001, (), "/")),
    ],
)
def test_known_users(user, expected):
    assert find(user, PASSWD, GROUP) == expected


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("ghost", "the image has no user ghost"),
        ("broken", "the image has no user broken"),
        ("build:ghosts", "the image has no group ghosts"),
        (":10", "is no user"),
        ("build:", "is no user"),
        ("99999999999", "the image has no user 99999999999"),
        ("-1", "the image has no user -1"),
    ],
)
def test_unknown_users(user, message):
    with pytest.raises(FarmError, match=message):
        find(user, PASSWD, GROUP)


def test_root_needs_no_files(tmp_path):
    assert identity("", (Overlay("/", (str(tmp_path),)),)) == ROOT
    assert ROOT.ids == ()


def test_ids_beyond_those_of_a_container(tmp_path):
    with pytest.raises(FarmError, match="there is no id 70000 in a container"):
        identity("70000", (Overlay("/", (str(tmp_path),)),), 65535)
    assert identity("70000", (Overlay("/", (str(tmp_path),)),), None).uid == 70000


def layer(top, text):
    (top / "etc").mkdir(parents=True)
    (top / "etc" / "passwd").write_text(text)
    return str(top)


def test_the_topmost_layer_that_has_the_file_counts(tmp_path):
    upper, lower = layer(tmp_path / "upper", "upper"), layer(tmp_path / "lower", "lower")
    assert image_file((Overlay("/", (upper, lower)),), "etc/passwd") == "upper"
    os.unlink(tmp_path / "upper/etc/passwd")
    assert image_file((Overlay("/", (upper, lower)),), "etc/passwd") == "lower"
    etc = layer(tmp_path / "other", "of the other")
    assert image_file((Overlay("/", (upper, lower)), Overlay("/etc", (f"{etc}/etc",))), "etc/passwd") == "of the other"


def test_no_link_leads_out_of_the_layer(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    (tmp_path / "image" / "etc").mkdir(parents=True)
    for target in (str(secret), "../../secret", "../../../../../../../../" + str(secret)):
        link = tmp_path / "image" / "etc" / "passwd"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert image_file((Overlay("/", (str(tmp_path / "image"),)),), "etc/passwd") == ""


def test_what_is_no_file_is_no_text_and_blocks_nobody(tmp_path):
    lower = layer(tmp_path / "lower", "lower")
    upper = tmp_path / "upper"
    (upper / "etc").mkdir(parents=True)
    os.mkfifo(upper / "etc" / "passwd")
    assert image_file((Overlay("/", (str(upper), lower)),), "etc/passwd") == ""


@pytest.mark.root
def test_whiteouts_and_opaque_folders_hide_what_is_below(tmp_path):
    lower = layer(tmp_path / "lower", "lower")
    upper = tmp_path / "upper"
    (upper / "etc").mkdir(parents=True)
    os.mknod(upper / "etc" / "passwd", 0o20000, os.makedev(0, 0))
    assert image_file((Overlay("/", (str(upper), lower)),), "etc/passwd") == ""
    os.unlink(upper / "etc" / "passwd")
    os.setxattr(upper / "etc", "trusted.overlay.opaque", b"y")
    assert image_file((Overlay("/", (str(upper), lower)),), "etc/passwd") == ""
