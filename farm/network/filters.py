"""Tables of nftables as data, and the requests that make them; see nft(8) for what each piece is called there.

nft itself is not asked: what it makes lasts until somebody removes it. A table with an owner (Linux 5.12) goes with the socket
that made it, so that even SIGKILL leaves no rule of the farm's on the host.
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Network
from typing import Any

from pyroute2.netlink import NLM_F_APPEND, NLM_F_CREATE
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES
from pyroute2.netlink.nfnetlink.nftsocket import (
    NFT_MSG_DELTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWTABLE,
    nft_chain_msg,
    nft_rule_msg,
    nft_table_msg,
)

from farm.network.netlink import Request, attribute
from farm.values import dataclass

Expression = dict[str, Any]
Match = tuple[Expression, ...]
Rule = tuple[Match, ...]

INET, IPV4 = 1, 2  # NFPROTO_*
_USERDATA = 7  # NFTA_RULE_USERDATA
_F_OWNER = 0x2  # NFT_TABLE_F_OWNER
_DROP, _ACCEPT = 0, 1
_HOOKS = {"input": 1, "forward": 2, "postrouting": 4}
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_NAME_BYTES = 16  # IFNAMSIZ
ICMP, TCP, UDP = 1, 6, 17
_L4PROTO, _IIFNAME, _OIFNAME = 16, 6, 7  # NFT_META_*
_EQUAL, _UNEQUAL = 0, 1
_ADMIN_PROHIBITED = 13  # of ICMP's destination unreachable
_ESTABLISHED_OR_RELATED = 0b110


@dataclass(frozen=True, slots=True)
class Chain:
    """A base chain: ``kind`` is ``filter`` or ``nat``, ``hook`` where it hangs. What no rule decides passes, or is dropped."""

    name: str
    hook: str
    rules: tuple[Rule, ...] = ()
    kind: str = "filter"
    priority: int = 0
    drop: bool = False


def table_requests(name: str, chains: tuple[Chain, ...], *, owned: bool) -> tuple[Request, ...]:
    """What makes the IPv4 table ``name``, for ``Netlink.commit``; ``owned`` by the socket that asks for it."""
    table = nft_table_msg()
    table["attrs"] = [("NFTA_TABLE_NAME", name), ("NFTA_TABLE_FLAGS", _F_OWNER if owned else 0)]
    made = [nft_request("NFT_MSG_NEWTABLE", NFT_MSG_NEWTABLE, NLM_F_CREATE, table, name)]
    for chain in chains:
        made.append(chain_request(name, chain))
        made += [rule_request(name, chain.name, rule) for rule in chain.rules]
    return tuple(made)


def chain_request(table: str, chain: Chain) -> Request:
    """What makes a base chain, without its rules; one of that name may be there."""
    message = nft_chain_msg()
    hook = [("NFTA_HOOK_HOOKNUM", _HOOKS[chain.hook]), ("NFTA_HOOK_PRIORITY", chain.priority)]
    message["attrs"] = [
        ("NFTA_CHAIN_TABLE", table),
        ("NFTA_CHAIN_NAME", chain.name),
        ("NFTA_CHAIN_HOOK", {"attrs": hook}),
        ("NFTA_CHAIN_POLICY", _DROP if chain.drop else _ACCEPT),
        ("NFTA_CHAIN_TYPE", chain.kind),
    ]
    return nft_request("NFT_MSG_NEWCHAIN", NFT_MSG_NEWCHAIN, NLM_F_CREATE, message, table, chain.name)


def plain_chain_request(table: str, name: str) -> Request:
    """What makes a chain that hangs nowhere; one of that name may be there."""
    message = nft_chain_msg()
    message["attrs"] = [("NFTA_CHAIN_TABLE", table), ("NFTA_CHAIN_NAME", name)]
    return nft_request("NFT_MSG_NEWCHAIN", NFT_MSG_NEWCHAIN, NLM_F_CREATE, message, table, name)


def rule_request(table: str, chain: str, rule: Rule) -> Request:
    """What puts ``rule`` at the end of a chain."""
    message = nft_rule_msg()
    message["attrs"] = [
        ("NFTA_RULE_TABLE", table),
        ("NFTA_RULE_CHAIN", chain),
        ("NFTA_RULE_EXPRESSIONS", [each for match in rule for each in match]),
    ]
    flags = NLM_F_CREATE | NLM_F_APPEND
    return nft_request("NFT_MSG_NEWRULE", NFT_MSG_NEWRULE, flags, message, table, chain)


def inserted_rule_request(family: int, table: str, chain: str, rule: Rule, comment: bytes) -> Request:
    """What puts ``rule`` before all others of a chain of whatever table, with a comment by which it is known."""
    message = nft_rule_msg()
    message["attrs"] = [
        ("NFTA_RULE_TABLE", table),
        ("NFTA_RULE_CHAIN", chain),
        ("NFTA_RULE_EXPRESSIONS", [each for match in rule for each in match]),
    ]
    more = attribute(_USERDATA, comment_data(comment))
    return nft_request(
        "NFT_MSG_NEWRULE", NFT_MSG_NEWRULE, NLM_F_CREATE, message, table, chain, family=family, more=more
    )


def comment_data(comment: bytes) -> bytes:
    """A rule's comment as the kernel keeps it: struct nftnl_udata, of the type NFTNL_UDATA_RULE_COMMENT."""
    return bytes((0, len(comment) + 1)) + comment + b"\0"


def remove_table(name: str) -> Request:
    """What removes a table with all that is in it: ENOENT where there is none, EPERM where another socket owns it."""
    message = nft_table_msg()
    message["attrs"] = [("NFTA_TABLE_NAME", name)]
    return nft_request("NFT_MSG_DELTABLE", NFT_MSG_DELTABLE, 0, message, name)


# What a packet must be


def came_by(name: str, *, other: bool = False) -> Match:
    """``iifname NAME``; all names that begin so where it ends in ``*``; those that do not where ``other``."""
    return _by(_IIFNAME, name, other=other)


def leaves_by(name: str, *, other: bool = False) -> Match:
    """``oifname``, as ``came_by``."""
    return _by(_OIFNAME, name, other=other)


def comes_from(network: IPv4Network, *, other: bool = False) -> Match:
    """``ip saddr``."""
    return _address(12, network, other=other)


def goes_to(network: IPv4Network) -> Match:
    """``ip daddr``."""
    return _address(16, network, other=False)


def protocol(number: int) -> Match:
    """``meta l4proto``."""
    return (_meta(_L4PROTO), _compare(number.to_bytes(1, "big")))


def port(number: int) -> Match:
    """``th dport``, after ``protocol``."""
    return (_payload(_TRANSPORT_HEADER, 2, 2), _compare(number.to_bytes(2, "big")))


def answers() -> Match:
    """``ct state established,related``."""
    mask, zero = _ESTABLISHED_OR_RELATED.to_bytes(4, sys.byteorder), bytes(4)
    return (
        _expression("ct", NFTA_CT_DREG=1, NFTA_CT_KEY=0),
        _masked(mask),
        _compare(zero, _UNEQUAL),
    )


# What becomes of it


def accept() -> Match:
    """``accept``."""
    return _verdict(_ACCEPT)


def drop() -> Match:
    """``drop``."""
    return _verdict(_DROP)


def refused(*wanted: Match) -> tuple[Rule, Rule]:
    """The rules that refuse what is ``wanted``, so that who asked need not wait for a timeout.

    ``reject with tcp reset``, for others ``reject with icmp admin-prohibited``: by ICMP a blocking connect(2) on the same
    machine is told before it can listen, and tries once more after a second.
    """
    reset = (_expression("reject", NFTA_REJECT_TYPE=1),)
    prohibited = (_expression("reject", NFTA_REJECT_TYPE=0, NFTA_REJECT_ICMP_CODE=_ADMIN_PROHIBITED),)
    return (*wanted, protocol(TCP), reset), (*wanted, prohibited)


def masquerade() -> Match:
    """``masquerade``."""
    return (_expression("masq"),)


def _by(key: int, name: str, *, other: bool) -> Match:
    prefix = name.endswith("*")
    wanted = name[:-1].encode() if prefix else name.encode().ljust(_NAME_BYTES, b"\0")
    return (_meta(key), _compare(wanted, _UNEQUAL if other else _EQUAL))


def _address(offset: int, network: IPv4Network, *, other: bool) -> Match:
    return (
        _payload(_NETWORK_HEADER, offset, 4),
        _masked(network.netmask.packed),
        _compare(network.network_address.packed, _UNEQUAL if other else _EQUAL),
    )


def _verdict(code: int) -> Match:
    verdict = {"attrs": [("NFTA_DATA_VERDICT", {"attrs": [("NFTA_VERDICT_CODE", code)]})]}
    return (_expression("immediate", NFTA_IMMEDIATE_DREG=0, NFTA_IMMEDIATE_DATA=verdict),)


def _meta(key: int) -> Expression:
    return _expression("meta", NFTA_META_DREG=1, NFTA_META_KEY=key)


def _payload(base: int, offset: int, length: int) -> Expression:
    return _expression(
        "payload", NFTA_PAYLOAD_DREG=1, NFTA_PAYLOAD_BASE=base, NFTA_PAYLOAD_OFFSET=offset, NFTA_PAYLOAD_LEN=length
    )


def _masked(mask: bytes) -> Expression:
    return _expression(
        "bitwise",
        NFTA_BITWISE_SREG=1,
        NFTA_BITWISE_DREG=1,
        NFTA_BITWISE_LEN=len(mask),
        NFTA_BITWISE_MASK=_value(mask),
        NFTA_BITWISE_XOR=_value(bytes(len(mask))),
    )


def _compare(wanted: bytes, operator: int = _EQUAL) -> Expression:
    return _expression("cmp", NFTA_CMP_SREG=1, NFTA_CMP_OP=operator, NFTA_CMP_DATA=_value(wanted))


def _value(data: bytes) -> dict[str, Any]:
    return {"attrs": [("NFTA_DATA_VALUE", data)]}


def _expression(name: str, **attributes: Any) -> Expression:
    data = {"attrs": list(attributes.items())}
    return {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", data)]}


def nft_request(
    call: str, kind: int, flags: int, message: Any, *arguments: object, family: int = IPV4, more: bytes = b""
) -> Request:
    """A request to nftables, for ``Netlink.commit``."""
    message["nfgen_family"] = family
    return Request(call, (NFNL_SUBSYS_NFTABLES << 8) | kind, flags, message, *arguments, more=more)
