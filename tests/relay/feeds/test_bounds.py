"""Where the relay may go, address by address (protocol sheet, section 7.2)."""

import pytest

from balados_relay.feeds.bounds import Bounds
from balados_shared.feeds.errors import FeedUnavailable, Trouble

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "151.101.1.6", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"]
PUBLIC_TRANSLATED = "64:ff9b::808:808"


def refused(bounds: Bounds, *addresses: str) -> bool:
    try:
        bounds.checked(addresses)
    except FeedUnavailable as error:
        assert error.kind is Trouble.OFF_LIMITS
        assert not any(address in str(error) for address in addresses)
        return True
    return False


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refused(Bounds(), address)


@pytest.mark.parametrize("address", [*PUBLIC, PUBLIC_TRANSLATED])
def test_a_public_address_is_open(address: str) -> None:
    assert not refused(Bounds(), address)


def test_one_private_address_condemns_the_name() -> None:
    assert refused(Bounds(), "8.8.8.8", "127.0.0.1")
    assert refused(Bounds(), "127.0.0.1", "8.8.8.8")


def test_a_name_without_addresses_is_refused() -> None:
    assert refused(Bounds())


def test_only_what_is_allowed_is_let_through() -> None:
    bounds = Bounds(allow=["192.168.1.0/24"])
    assert not refused(bounds, "192.168.1.7")
    assert not refused(bounds, "::ffff:192.168.1.7")
    assert refused(bounds, "192.168.2.7")
    assert refused(bounds, "127.0.0.1")


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "sub.localhost",
        "sub.localhost.",
        "printer.local",
        "x.home.arpa",
        "metadata.google.internal",
        ".",
        "",
    ],
)
def test_names_of_private_places_are_refused_without_a_look_up(name: str) -> None:
    with pytest.raises(FeedUnavailable):
        Bounds().check_name(name, 80)


@pytest.mark.parametrize("name", ["example.com", "localhost.example.com", "notlocal", "mylocalhost"])
def test_other_names_may_be_looked_up(name: str) -> None:
    Bounds().check_name(name, 443)


@pytest.mark.parametrize("port", [0, 22, 25, 6379, 8080])
def test_other_ports_than_the_webs_are_refused(port: int) -> None:
    with pytest.raises(FeedUnavailable):
        Bounds().check_name("example.com", port)
    Bounds(ports=[port]).check_name("example.com", port)
