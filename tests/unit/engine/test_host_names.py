from __future__ import annotations

import pytest

from farm.container.spec import LOOPBACK_HOSTS
from farm.engine import network


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("127.0.0.1 localhost\n192.0.2.7 build\n", "127.0.0.1 localhost\n192.0.2.7 build\n"),
        ("192.0.2.7 build", LOOPBACK_HOSTS + "192.0.2.7 build\n"),
        (
            "# localhost\n127.0.0.1 localhost.localdomain\n",
            LOOPBACK_HOSTS + "# localhost\n127.0.0.1 localhost.localdomain\n",
        ),
        ("", LOOPBACK_HOSTS),
        (None, LOOPBACK_HOSTS),
    ],
)
def test_the_hosts_names_and_loopbacks_where_it_has_none(tmp_path, monkeypatch, text, told):
    if text is not None:
        (tmp_path / "hosts").write_text(text)
    monkeypatch.setattr(network, "HOSTS", str(tmp_path / "hosts"))
    assert network.host_names() == told
