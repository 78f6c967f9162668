"""The routes of a library that daemon and relay both serve: the one list of them, so that they cannot drift apart."""

from balados_shared.http import collections, episodes, likes, metadata, playlists, plays, privacy, subscriptions

ROUTERS = (
    subscriptions.router,
    metadata.router,
    plays.router,
    likes.router,
    privacy.router,
    collections.router,
    playlists.router,
    episodes.router,
)
"""For `Router(route_handlers=…)`. Each takes `library` (`access.CallersLibrary`) by dependency."""
