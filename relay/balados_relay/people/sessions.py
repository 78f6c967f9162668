"""How long somebody stays logged in.

Law: who wants to be remembered is, until a day that is set when they log in; anybody else until they have been away for
half a day.
"""

from balados_relay.storage.people import Session
from balados_shared.times import DAY, HOUR, MINUTE

REMEMBERED = 60 * DAY
IDLE = 12 * HOUR
NOTED_EVERY = 10 * MINUTE
"""How exactly the last use is kept, so that looking at a page does not cost a write to the disk each time."""


def first_expiry(*, remembered: bool, now: int) -> int:
    """Return until when a new session is good."""
    return now + (REMEMBERED if remembered else IDLE)


def next_expiry(session: Session, now: int) -> int:
    """Return until when a session is good that is used now."""
    return session.expires if session.remembered else now + IDLE


def is_worth_noting(session: Session, now: int) -> bool:
    """Whether a use of a session is written down."""
    return now >= session.last_seen + NOTED_EVERY
