"""Which episode of a feed an id means. Pure."""

from balados_shared.feeds.types import ParsedEpisode, ParsedFeed
from balados_shared.ids import EpisodeId, EpisodeName


def find_episode(feed: ParsedFeed, item: EpisodeId) -> ParsedEpisode | None:
    """Return the episode of that guid and enclosure URL; an id without an enclosure URL means any with its guid."""
    wanted = item.name
    return next((episode for episode in feed.episodes if _is_meant(item_of(episode).name, wanted)), None)


def item_of(episode: ParsedEpisode) -> EpisodeId:
    """Return an episode's id."""
    return EpisodeId.of(episode.guid, episode.enclosure_url)


def _is_meant(name: EpisodeName, wanted: EpisodeName) -> bool:
    return name.guid == wanted.guid and wanted.enclosure_url in ("", name.enclosure_url)
