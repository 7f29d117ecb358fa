"""What tables and chains of nftables are there, the farm's and others', and a way past others' that drop what they do not know.

Every base chain of a hook has to let a packet through, so Docker's, ufw's or an administrator's ``FORWARD`` with the policy
``drop`` would stop what the farm's own tables allow. For as long as an uplink of the farm is there, such a chain has two rules
at its head that accept what comes from and goes to one; what that may be is left to the farm's tables. The rules carry a
comment by which they are found again.

Dumps are read here, not by pyroute2: of others' rules there is more than it knows, and four attributes are all that is wanted.
"""

from __future__ import annotations

import errno

from pyroute2.netlink.nfnetlink.nftsocket import (
    NFT_MSG_DELRULE,
    NFT_MSG_GETCHAIN,
    NFT_MSG_GETRULE,
    NFT_MSG_GETTABLE,
    nft_rule_msg,
)

from farm.errors import KernelError
from farm.network.filters import (
    INET,
    IPV4,
    accept,
    came_by,
    comment_data,
    inserted_rule_request,
    leaves_by,
    nft_request,
)
from farm.network.links import PREFIX
from farm.network.netlink import Netlink, Request, attributes
from farm.values import dataclass

_NAME = 1  # NFTA_TABLE_NAME
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY = 1, 3, 4, 5
_HOOK_NUMBER, _FORWARD = 1, 2
_RULE_TABLE, _RULE_CHAIN, _RULE_HANDLE, _RULE_USERDATA = 1, 2, 3, 7
_DROP = 0
COMMENT = b"farm"


@dataclass(frozen=True, slots=True)
class Place:
    """A chain of the table ``table``, which is of IPv4 or of both (``INET``)."""

    family: int
    table: str
    chain: str


def tables(netfilter: Netlink) -> tuple[str, ...]:
    """The names of the tables for IPv4; none where the kernel has no nftables."""
    return tuple(_text(found[_NAME]) for family, found in _dump(netfilter, NFT_MSG_GETTABLE) if family == IPV4)


def chains(netfilter: Netlink, table: str) -> tuple[str, ...]:
    """The names of the chains of an IPv4 table."""
    found = ((family, each) for family, each in _dump(netfilter, NFT_MSG_GETCHAIN))
    return tuple(
        _text(each[_CHAIN_NAME]) for family, each in found if family == IPV4 and _text(each[_CHAIN_TABLE]) == table
    )


def closed(netfilter: Netlink) -> tuple[Place, ...]:
    """Others' base chains that drop what is forwarded and no rule of theirs accepts."""
    places = []
    for family, found in _dump(netfilter, NFT_MSG_GETCHAIN):
        if family not in (IPV4, INET) or _CHAIN_HOOK not in found or _text(found[_CHAIN_TABLE]).startswith(PREFIX):
            continue
        hook = attributes(found[_CHAIN_HOOK])
        if _number(hook[_HOOK_NUMBER]) == _FORWARD and _number(found.get(_CHAIN_POLICY, b"\0\0\0\1")) == _DROP:
            places.append(Place(family, _text(found[_CHAIN_TABLE]), _text(found[_CHAIN_NAME])))
    return tuple(places)


def open_up(netfilter: Netlink) -> None:
    """Let every closed chain pass what is the farm's, once."""
    passed = {place for place, _ in _own_rules(netfilter)}
    link = f"{PREFIX}*"
    for place in closed(netfilter):
        if place not in passed:
            rules = ((came_by(link), accept()), (leaves_by(link), accept()))
            netfilter.commit(
                [inserted_rule_request(place.family, place.table, place.chain, rule, COMMENT) for rule in rules]
            )


def opened(netfilter: Netlink) -> tuple[Place, ...]:
    """The chains that pass what is the farm's because of ``open_up``."""
    return tuple(dict.fromkeys(place for place, _ in _own_rules(netfilter)))


def close_again(netfilter: Netlink) -> None:
    """Take those rules away."""
    for place, handle in _own_rules(netfilter):
        try:
            netfilter.commit([_remove_rule(place, handle)])
        except KernelError as error:
            if error.errno != errno.ENOENT:  # somebody made the chain anew meanwhile
                raise


def _own_rules(netfilter: Netlink) -> list[tuple[Place, int]]:
    """Those with the farm's comment, in chains of others; each with its handle."""
    comment = comment_data(COMMENT)
    return [
        (Place(family, _text(found[_RULE_TABLE]), _text(found[_RULE_CHAIN])), _number(found[_RULE_HANDLE]))
        for family, found in _dump(netfilter, NFT_MSG_GETRULE)
        if found.get(_RULE_USERDATA, b"").startswith(comment)
    ]


def _remove_rule(place: Place, handle: int) -> Request:
    message = nft_rule_msg()
    message["attrs"] = [
        ("NFTA_RULE_TABLE", place.table),
        ("NFTA_RULE_CHAIN", place.chain),
        ("NFTA_RULE_HANDLE", handle),
    ]
    return nft_request("NFT_MSG_DELRULE", NFT_MSG_DELRULE, 0, message, place.table, place.chain, family=place.family)


def _dump(netfilter: Netlink, kind: int) -> list[tuple[int, dict[int, bytes]]]:
    """Family and attributes of everything of that kind; nothing where the kernel has no nftables."""
    try:
        return netfilter.dump_nftables(kind)
    except KernelError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOENT):
            return []
        raise


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
