"""How many wrong tries there may be, of a code and of a password."""

from balados_relay.accounts.throttle import Counted, Try, WrongTries, network_of
from balados_relay.storage.accounts import folded

CODES_FROM_ONE_SOURCE = 10
CODES_IN_ALL = 100
"""Within a quarter of an hour: what keeps the 39 bits of a code from being guessed."""

PASSWORDS_FOR_ONE_NAME_FROM_ONE_SOURCE = 5
PASSWORDS_FROM_ONE_SOURCE = 20
PASSWORDS_FOR_ONE_NAME = 100
"""Within a quarter of an hour."""

_LONGEST_NAME = 64


class CodeTries:
    """The wrong codes of the last quarter of an hour."""

    def __init__(self) -> None:
        limits = {"source": CODES_FROM_ONE_SOURCE, "all": CODES_IN_ALL}
        self._tries = WrongTries(limits, "Too many wrong codes. Please try again later.")

    def begin(self, source: str, now: int) -> Try:
        """Count a code that is tried from an address. Raises Problem 429."""
        return self._tries.begin(now, Counted("all"), Counted("source", network_of(source)))

    def was_right(self, begun: Try) -> None:
        """Take back a try whose code was good."""
        self._tries.take_back(begun)


class PasswordTries:
    """The wrong passwords of the last quarter of an hour.

    Law: from one address few tries for one name; for the name as a whole many more, so that whoever attacks it from
    elsewhere does not lock out the person whose it is. Names that nobody has are counted like any other.
    """

    def __init__(self) -> None:
        limits = {
            "pair": PASSWORDS_FOR_ONE_NAME_FROM_ONE_SOURCE,
            "source": PASSWORDS_FROM_ONE_SOURCE,
            "name": PASSWORDS_FOR_ONE_NAME,
        }
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
