"""The collection that everybody has: "All Subscriptions" (protocol sheet, section 3.5).

Law: it holds every active subscription by being computed from them, so it cannot fall behind. A record of it, as an
import or an older program left it, only tells its looks.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from uuid import UUID

from msgspec.structs import replace

from balados_shared.kinds import Collection, Subscription
from balados_shared.times import Instant

TITLE = "All Subscriptions"


def default_id(user_id: str) -> str:
    """Return the id of a person's default collection (protocol sheet, section 1.5)."""
    return str(UUID(sha256(f"default-collection-{user_id}".encode()).hexdigest()[:32]))


def default_collection(user_id: str, stored: Iterable[Collection], subscriptions: Sequence[Subscription]) -> Collection:
    """Return a person's default collection; `stored` are all collections that there are records of."""
    name = default_id(user_id)
    looks = next((each for each in stored if is_default(each, user_id)), None)
    newest = max((each.time for each in subscriptions), default=Instant(0))
    if looks is None:
        return Collection(id=name, title=TITLE, is_default=True, updated_at=newest)
    return replace(looks, id=name, is_default=True, updated_at=max(newest, looks.updated_at))


def is_default(collection: Collection, user_id: str) -> bool:
    """Whether this is a record of the default collection, under whatever id it came."""
    return collection.is_default or collection.id == default_id(user_id)
