"""What crun and runc are asked for."""

from __future__ import annotations

from bench.oci import config

_PLAIN = {
    "ociVersion": "1.0.0",
    "process": {
        "terminal": True,
        "args": ["sh"],
        "env": ["PATH=/bin"],
        "capabilities": {"bounding": ["CAP_SYS_ADMIN"]},
    },
    "root": {"path": "rootfs"},
    "linux": {"resources": {}, "namespaces": [{"type": "pid"}, {"type": "network"}], "cgroupsPath": "/shared"},
}


def test_the_same_quotas_and_capabilities_as_the_farm() -> None:
    asked = config(_PLAIN, ("/bin/true",), "/image")
    assert asked["process"]["args"] == ["/bin/true"]
    assert asked["process"]["terminal"] is False
    assert asked["process"]["noNewPrivileges"] is True
    assert "CAP_CHOWN" in asked["process"]["capabilities"]["effective"]
    assert "CAP_SYS_ADMIN" not in asked["process"]["capabilities"]["bounding"]
    assert asked["root"] == {"path": "/image", "readonly": True}
    resources = asked["linux"]["resources"]
    assert resources["memory"] == {"limit": 64 << 20}
    assert resources["pids"] == {"limit": 256}
    assert resources["cpu"]["quota"] == resources["cpu"]["period"]


def test_each_container_has_a_group_of_its_own_and_what_else_was_asked_for() -> None:
    asked = config(_PLAIN, ("/bin/true",), "/image")
    assert "cgroupsPath" not in asked["linux"]
    assert asked["linux"]["namespaces"] == [{"type": "pid"}, {"type": "network"}]
    assert asked["process"]["env"] == ["PATH=/bin"]
    assert _PLAIN["process"]["terminal"] is True  # what came in is left alone
