"""How many wrong passwords there may be.

Law: from one address few tries for one name; for the name as a whole many more, so that whoever attacks it from
elsewhere does not lock out the person whose it is. Names that nobody has are counted like any other.
"""

from balados_relay.accounts.throttle import Counted, Try, WrongTries, network_of
from balados_relay.storage.accounts import folded

FOR_ONE_NAME_FROM_ONE_SOURCE = 5
FROM_ONE_SOURCE = 20
FOR_ONE_NAME = 100
"""Within a quarter of an hour."""

_LONGEST_NAME = 64


class PasswordTries:
    """The wrong passwords of the last quarter of an hour."""

    def __init__(self) -> None:
        limits = {"pair": FOR_ONE_NAME_FROM_ONE_SOURCE, "source": FROM_ONE_SOURCE, "name": FOR_ONE_NAME}
        self._tries = WrongTries(limits, "Too many wrong passwords. Please try again later.")

    def begin(self, name: str, source: str, now: int) -> Try:
        """Count a password that is tried for a name from an address. Raises Problem 429."""
        name, source = folded(name[:_LONGEST_NAME]), network_of(source)
        return self._tries.begin(
            now, Counted("source", source), Counted("pair", f"{source} {name}"), Counted("name", name)
        )

    def take_back(self, begun: Try) -> None:
        """Forget a try that was right, or that was not looked at."""
        self._tries.take_back(begun)
