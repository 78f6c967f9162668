"""The mass-removal brake: when too much would go at once, hold it and let the person decide. Pure.

If within an hour more than 10 subscriptions and more than 10 % of them would go, the removals are held beside the
library and everything else goes on (DESIGN.md section 5).
"""

from balados_shared.times import HOUR

WINDOW = HOUR
FEW = 10
SHARE = 0.10


def must_brake(*, leaving: int, left_before: int, subscribed: int) -> bool:
    """Whether to hold these removals.

    `leaving` of the `subscribed` feeds would go now, those counted in that are held already; `left_before` went by
    sync within the last hour.
    """
    gone = leaving + left_before
    return leaving > 0 and gone > FEW and gone > SHARE * (subscribed + left_before)
