"""The seam at which a player cannot tell a daemon from a relay: read, change, listen.

The routes of this package see a library only through `LibraryAccess`; each program says how a request gets one
(docs/architecture.md).
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol, TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import Struct

from balados_shared.cursor import Cursor
from balados_shared.edit import Edit
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like, PlayStatus, Subscription, Value
from balados_shared.places import Listed, Place
from balados_shared.storage.reading import Page

V = TypeVar("V", bound=Value)


class Pace(Enum):
    """How soon others must hear of a change (DESIGN.md section 4, "Playing")."""

    AT_ONCE = "at once"
    PLAYING = "playing"


class Exchanged(Struct, frozen=True):
    """What a device is answered: the bytes, up to where it then has everything, and whether there is more."""

    body: bytes
    cursor: Cursor
    more: bool


class LibraryAccess(Protocol):
    """One library, as far as one caller may see and change it."""

    @property
    def user_id(self) -> str:
        """Whose library it is."""
        ...

    @property
    def author(self) -> str:
        """Under which id the caller's changes are numbered; it also tags the ranks that they make."""
        ...

    def new_id(self) -> str:
        """Return an id for something that is made now (`balados_shared.uuids`)."""
        ...

    async def change(self, wish: Edit, pace: Pace = Pace.AT_ONCE) -> bool:
        """Make a change durable. False when there was nothing to change."""
        ...

    async def change_all(self, wishes: Sequence[Edit], pace: Pace = Pace.AT_ONCE) -> bool:
        """Make several changes in one transaction: all or, when one is refused, none. False when nothing changed."""
        ...

    def subscriptions(self) -> list[Subscription]: ...

    def play_statuses(
        self, *, feed: FeedId | None, played: bool | None, limit: int, offset: int
    ) -> tuple[list[PlayStatus], int]: ...

    def play_status(self, item: EpisodeId, feed: FeedId | None = None) -> PlayStatus | None: ...

    def likes(self, *, limit: int, offset: int) -> list[Like]: ...

    def values(self, kind: type[V], parent: str = "") -> list[V]: ...

    def value(self, kind: type[V], key: str) -> V | None: ...

    def listed(
        self, kind: type[V], place: Place, *, limit: int, feed: FeedId | None = None, played: bool | None = None
    ) -> Listed[V]: ...

    def feed_titles(self, feeds: Iterable[FeedId]) -> dict[str, str]: ...

    def head(self) -> Cursor: ...

    def fits(self, cursor: Cursor) -> bool: ...

    def changes_after(self, revision: int, limit: int) -> Page: ...


CallersLibrary: TypeAlias = NamedDependency[SkipValidation[LibraryAccess]]
"""A route's parameter `library`, which each program provides. A Protocol cannot be checked at run time."""
