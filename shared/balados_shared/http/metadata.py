"""`/api/v1/subscriptions/{feed}/metadata`: what a feed says of itself (protocol sheet, section 3.4).

The route sees feeds only through `MetadataSource`: the daemon answers from its cache, the relay fetches.
"""

from typing import Protocol, TypeAlias

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from msgspec import Struct

from balados_shared.feeds.types import ParsedFeed
from balados_shared.http.documented import FeedText, reads
from balados_shared.ids import FeedId

READ = "user.subscriptions.read"


class Cover(Struct, frozen=True):
    """A feed's picture. There is one size of it, so `srcset` is null."""

    src: str
    srcset: str | None = None


class Metadata(Struct, frozen=True, kw_only=True):
    """What a feed says of itself, as far as it does."""

    title: str | None = None
    description: str | None = None
    author: str | None = None
    cover: Cover | None = None
    language: str | None = None
    episodes_count: int
    link: str | None = None

    @classmethod
    def of(cls, feed: ParsedFeed) -> "Metadata":
        """Say what a feed says that was just read."""
        return cls(
            title=feed.title or None,
            description=feed.description,
            author=feed.author,
            cover=Cover(feed.image) if feed.image else None,
            language=feed.language,
            episodes_count=len(feed.episodes),
            link=feed.link,
        )


class MetadataAnswer(Struct, frozen=True):
    """What a feed says of itself."""

    metadata: Metadata


class MetadataSource(Protocol):
    """Knows feeds, or gets to know them."""

    async def metadata(self, feed: FeedId) -> Metadata:
        """Return what a feed says of itself. Raises Problem: 502 when it cannot be read, 403 when it may not be."""
        ...


FeedMetadata: TypeAlias = NamedDependency[SkipValidation[MetadataSource]]
"""The route's parameter `feed_metadata`, which each program provides."""


@get(
    "/{feed:str}/metadata",
    scope=READ,
    bucket="metadata",
    summary="Show what a feed says of itself",
    responses=reads(429, 502),
)
async def show_metadata(feed: FromPath[FeedText], feed_metadata: FeedMetadata) -> MetadataAnswer:
    return MetadataAnswer(await feed_metadata.metadata(FeedId.read(feed)))


router = Router("/subscriptions", route_handlers=[show_metadata], tags=["Library"])
