"""Tokens that were used for a write, so that a copy of one cannot write again.

Law: a token id is remembered for as long as its token could be accepted, and never forgotten earlier to make room.
Only tokens that live at most five minutes are good for one write; the stock apps use theirs for an hour of requests.
"""

from balados_relay.accounts.throttle import too_many
from balados_shared import problems
from balados_shared.times import MINUTE

SINGLE_USE_LIFETIME = 5 * MINUTE
MAX_PER_ACCOUNT = 10_000


class UsedTokens:
    """The token ids that have been used up, per account, so that none can crowd out another's."""

    def __init__(self, limit: int = MAX_PER_ACCOUNT) -> None:
        self._limit = limit
        self._used: dict[int, dict[tuple[str, str], int]] = {}

    def claim(self, account: int, app_id: str, token_id: str, *, until: int, now: int) -> None:
        """Use up a token id until `until`, in milliseconds.

        Raises Problem: 401 for a replay, 429 when the account has used up too many.
        """
        used = self._used.setdefault(account, {})
        if used.get((app_id, token_id), 0) > now:
            raise problems.unauthorized()
        if len(used) >= self._limit:
            used = self._used[account] = {name: end for name, end in used.items() if end > now}
        if len(used) >= self._limit:
            raise too_many("Too many requests. Please try again later.", wait=min(used.values()) - now)
        used[app_id, token_id] = until
