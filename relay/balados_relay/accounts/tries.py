"""How many wrong tries there may be of a code, whoever sends it."""

from balados_relay.accounts.throttle import Counted, Try, WrongTries, network_of

FROM_ONE_SOURCE = 10
IN_ALL = 100
"""Within a quarter of an hour: what keeps the 39 bits of a code from being guessed."""


class CodeTries:
    """The wrong codes of the last quarter of an hour."""

    def __init__(self) -> None:
        limits = {"source": FROM_ONE_SOURCE, "all": IN_ALL}
        self._tries = WrongTries(limits, "Too many wrong codes. Please try again later.")

    def begin(self, source: str, now: int) -> Try:
        """Count a code that is tried from an address. Raises Problem 429."""
        return self._tries.begin(now, Counted("all"), Counted("source", network_of(source)))

    def was_right(self, begun: Try) -> None:
        """Take back a try whose code was good."""
        self._tries.take_back(begun)
