from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from farm.network.addresses import PORTS_A_BRIDGE, Range, Slots, free_ranges

RUN = Range(0, IPv4Network("10.213.0.0/16"))


def test_the_first_range_on_a_host_that_routes_nothing():
    assert next(free_ranges(())) == RUN
    assert (str(RUN.uplink), str(RUN.host), str(RUN.router)) == (
        "10.213.255.252/30",
        "10.213.255.253",
        "10.213.255.254",
    )


def test_a_range_that_a_route_leads_to_is_passed_over():
    first = next(free_ranges([IPv4Network("10.213.7.0/24"), IPv4Network("10.214.0.1/32")]))
    assert (first.number, str(first.network)) == (2, "10.215.0.0/16")
    first = next(free_ranges([IPv4Network("10.0.0.0/8")]))
    assert str(first.network) == "172.31.0.0/16"
    first = next(free_ranges([IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12")]))
    assert str(first.network) == "100.127.0.0/16"


def test_a_host_that_routes_all_of_them_has_none():
    assert list(free_ranges([IPv4Network("0.0.0.0/1"), IPv4Network("128.0.0.0/1")])) == []


@given(st.sets(st.integers(0, 254 * PORTS_A_BRIDGE), min_size=2, max_size=50))
def test_slots_have_addresses_of_their_own_on_the_bridge_of_their_router(slots):
    addresses = {RUN.container(each) for each in slots}
    assert len(addresses) == len(slots)
    for slot in slots:
        gateway = RUN.bridge(slot // PORTS_A_BRIDGE)
        network = IPv4Network((int(gateway) & ~0xFF, 24))
        assert RUN.container(slot) in network
        assert RUN.container(slot) not in (gateway, network.broadcast_address)
        assert RUN.container(slot) not in RUN.uplink


def test_numbers_of_ranges_are_names_that_last():
    """Two farms must mean the same range by the same number, whatever each of them passes over."""
    every = {each.number: each.network for each in free_ranges(())}
    some = {each.number: each.network for each in free_ranges([IPv4Network("10.220.0.0/14")])}
    assert some.items() < every.items()


class TestSlots:
    @given(st.lists(st.booleans(), max_size=2000))
    def test_none_is_lent_twice_at_once(self, steps):
        slots, lent = Slots(), []
        for take in steps:
            if take or not lent:
                slot = slots.take()
                assert slot not in lent
                lent.append(slot)
            else:
                slots.give_back(lent.pop(0))

    def test_one_that_was_given_back_rests_while_there_are_others(self):
        slots = Slots()
        first = slots.take()
        slots.give_back(first)
        assert [slots.take() for _ in range(100)] == list(range(1, 101))

    def test_few_at_once_stay_on_one_bridge(self):
        slots = Slots()
        for _ in range(10_000):
            lent = [slots.take() for _ in range(20)]
            assert max(lent) < PORTS_A_BRIDGE
            for each in lent:
                slots.give_back(each)

    def test_when_all_are_lent(self):
        slots = Slots()
        lent = [slots.take() for _ in range(255 * PORTS_A_BRIDGE)]
        assert slots.take() == -1
        slots.give_back(lent[5])
        assert slots.take() == lent[5]
        assert RUN.container(max(lent)) < IPv4Address("10.213.255.0")
