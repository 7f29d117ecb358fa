"""What the network of a run lets pass, and under which address: the rules of its two tables. Pure."""

from __future__ import annotations

from ipaddress import IPv4Network

from farm.network.addresses import Range
from farm.network.filters import (
    ICMP,
    TCP,
    UDP,
    Chain,
    accept,
    answers,
    came_by,
    comes_from,
    drop,
    goes_to,
    leaves_by,
    masquerade,
    port,
    protocol,
    refused,
)

UPLINK = "up"
"""What the uplink is called in the router; every other link there leads to containers."""

_DNS_PORT = 53
_LINK_LOCAL = IPv4Network("169.254.0.0/16")
_SOURCE_NAT = 100


def host_chains(name: str, run: Range) -> tuple[Chain, ...]:
    """Of the table on the host, on behalf of the uplink ``name`` of ``run``."""
    here = (came_by(name),)
    return (
        Chain(
            "postrouting",
            "postrouting",
            ((comes_from(run.uplink), leaves_by(name, other=True), masquerade()),),
            kind="nat",
            priority=_SOURCE_NAT,
        ),
        Chain("input", "input", ((*here, answers(), accept()), *refused(*here))),
        Chain(
            "forward",
            "forward",
            (
                (*here, comes_from(run.uplink, other=True), drop()),
                (leaves_by(name), answers(), accept()),
                (leaves_by(name), drop()),
            ),
        ),
    )


def router_chains(*, forwards_dns: bool) -> tuple[Chain, ...]:
    """Of the table in the router, which answers containers that ask for names where it ``forwards_dns``."""
    inner = (came_by(UPLINK, other=True),)
    asked = tuple((*inner, protocol(each), port(_DNS_PORT), accept()) for each in (UDP, TCP)) if forwards_dns else ()
    return (
        Chain("postrouting", "postrouting", ((leaves_by(UPLINK), masquerade()),), kind="nat", priority=_SOURCE_NAT),
        Chain(
            "input",
            "input",
            ((answers(), accept()), *asked, (*inner, protocol(ICMP), accept()), *refused(*inner)),
            drop=True,
        ),
        Chain(
            "forward",
            "forward",
            (
                (came_by(UPLINK), answers(), accept()),
                # Routers do not forward these (RFC 3927); a cloud's hosts have their credentials there.
                *refused(*inner, goes_to(_LINK_LOCAL)),
                (*inner, leaves_by(UPLINK), accept()),
                *refused(*inner),
            ),
            drop=True,
        ),
    )
