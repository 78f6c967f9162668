"""What stands between the network, the feed parser and the library: plain values, no HTTP and no parser types."""

from msgspec import Struct


class FeedDocument(Struct, frozen=True, kw_only=True):
    """What a fetch returned: a body, or the news that there is nothing new."""

    url: str
    """The URL that was asked for."""
    final_url: str
    """The URL that answered, behind all redirects."""
    moved_to: str | None = None
    """Where the feed lives from now on: the end of the permanent redirects (301, 308) that led straight from `url`."""
    status: int
    etag: str | None = None
    last_modified: str | None = None
    body: bytes = b""
    not_modified: bool = False
    """True: what the caller has (by its etag or last_modified) still stands, and `body` is empty."""


class ParsedEpisode(Struct, frozen=True, kw_only=True):
    """One item of a feed. It has a guid or an enclosure URL, so it can be named (`EpisodeId.of`)."""

    guid: str | None = None
    enclosure_url: str | None = None
    """Absolute; an URL that the feed gives in full is kept letter by letter, because episode ids are made of it."""
    title: str = ""
    published: int | None = None
    """Milliseconds since the epoch."""
    duration: float | None = None
    """Seconds, more than 0."""
    enclosure_type: str | None = None
    enclosure_length: int | None = None
    """Bytes, more than 0, as the feed claims."""
    link: str | None = None
    summary: str | None = None
    """Plain text, short (`plain_text.SHORT`)."""
    image: str | None = None


class ParsedFeed(Struct, frozen=True, kw_only=True):
    """A feed and its episodes: the newest first, those without a date behind them in the feed's own order."""

    title: str = ""
    description: str | None = None
    """Plain text."""
    link: str | None = None
    image: str | None = None
    language: str | None = None
    author: str | None = None
    new_feed_url: str | None = None
    """Where the feed says it has moved (`itunes:new-feed-url`), absolute."""
    episodes: tuple[ParsedEpisode, ...] = ()
    left_out: int = 0
    """How many items were left out, for having neither a guid nor an enclosure."""
