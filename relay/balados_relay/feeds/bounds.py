"""Where the relay goes when somebody names an address: the public internet, and nowhere near itself. Pure.

Law: whoever can make the relay fetch must reach nothing that they could not reach themselves (protocol sheet, section
7.2). What is judged is the address that will be dialled; the name only says no sooner.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from balados_relay.settings import WEB_PORTS
from balados_shared.feeds.errors import FeedUnavailable, Trouble

_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class Bounds:
    """What may be fetched. `allow` names networks that are private and may be all the same."""

    def __init__(self, allow: Iterable[str] = (), ports: Iterable[int] = WEB_PORTS) -> None:
        self._allow = tuple(ip_network(network) for network in allow)
        self._ports = frozenset(ports)

    def check_name(self, host: str, port: int) -> None:
        """Refuse what needs no look-up to be refused. Raises FeedUnavailable."""
        name = host.rstrip(".").lower()
        if port not in self._ports or not name:
            raise off_limits()
        if not self._allow and any(f".{name}".endswith(f".{private}") for private in _PRIVATE_NAMES):
            raise off_limits()

    def checked(self, addresses: Sequence[str]) -> list[Address]:
        """Return a name's addresses as they may be dialled. One that may not be condemns the name.

        Else a name with a public and a private address would get in with the one and be dialled at the other.
        Raises FeedUnavailable.
        """
        read = [ip_address(address.partition("%")[0]) for address in addresses]
        if not read or not all(self._is_open(address) for address in read):
            raise off_limits()
        return read

    def _is_open(self, address: Address) -> bool:
        inner = _unwrapped(address)
        if any(inner in network for network in self._allow):
            return True
        if isinstance(inner, IPv6Address) and inner not in _GLOBAL_UNICAST:
            return False
        return inner.is_global and not (inner.is_multicast or inner.is_reserved or _tunnels(inner))


def off_limits() -> FeedUnavailable:
    """Say no, and always the same, so that the answers do not map the network behind the relay."""
    return FeedUnavailable(Trouble.OFF_LIMITS, "This address may not be fetched.")


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for: mapped (RFC 4291) or translated (RFC 6052)."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _tunnels(address: Address) -> bool:
    """Whether it is an address of 6to4 or Teredo, which lead to an IPv4 address that somebody wrote into it."""
    return isinstance(address, IPv6Address) and (address.sixtofour is not None or address.teredo is not None)
