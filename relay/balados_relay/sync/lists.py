"""Playlists as stock clients send them: whole, with all items in order.

Law: of a whole list only the items whose order changed get a new rank (DESIGN.md section 3), what is missing from it
stays, and an item that the client only returns is no change.
"""

from collections.abc import Mapping, Sequence
from sqlite3 import Connection

from msgspec.structs import replace

from balados_relay.sync.dialects import ItemRow, PlaylistRow
from balados_shared.clients import Memory, digest_of, report
from balados_shared.clock import cap
from balados_shared.kinds import Playlist, PlaylistItem, Value, key_of
from balados_shared.rank import rerank
from balados_shared.record import Dot, Record
from balados_shared.rules import value_of
from balados_shared.storage import clients as storage
from balados_shared.storage import reading
from balados_shared.storage.clients import Name
from balados_shared.storage.library import Library


def join_playlist(connection: Connection, library: Library, author: str, row: PlaylistRow, now: int) -> bool:
    """Join a playlist with its items; say whether anything changed."""
    account, playlist = library.account, row.playlist
    known = storage.memories(connection, account, author, [_name(playlist)])[_name(playlist)]
    sent = whole_digest(playlist, row.items)
    if sent in (known.sent, known.given):
        return False
    changed = _join(library, author, _keeping_birth(library, playlist), known, now)
    if playlist.deleted_at is None:
        changed = _join_items(connection, library, author, row, now) or changed
    storage.remember(connection, account, author, {_name(playlist): replace(known, sent=sent)})
    return changed


def whole_digest(playlist: Playlist, items: Sequence[ItemRow] | Sequence[PlaylistItem]) -> bytes:
    """Return the digest of a playlist with its items in order."""
    says = [playlist.name, playlist.description, playlist.type, playlist.is_public, playlist.deleted_at is None]
    names = [
        (item.rss_source_feed, item.rss_source_item) if isinstance(item, PlaylistItem) else (item.feed, item.item)
        for item in items
    ]
    return digest_of(repr((says, names)))


def _join_items(connection: Connection, library: Library, author: str, row: PlaylistRow, now: int) -> bool:
    listed = reading.listing(connection, library.account, PlaylistItem, parent=row.playlist.key)
    stored = {item.key: item for item in listed if isinstance(item, PlaylistItem)}
    sent = {_key(row.playlist, item): item for item in row.items}
    names = [(PlaylistItem.kind, key) for key in sent]
    known = storage.memories(connection, library.account, author, names)
    wanted = [key for key in sent if key in stored or known[PlaylistItem.kind, key].is_blank]
    ranks = rerank([(key, item.rank) for key, item in stored.items()], wanted, author)
    changed = False
    for key in wanted:
        value = _item_value(row.playlist, sent[key], stored.get(key), ranks)
        if value != stored.get(key):
            changed = _join(library, author, value, Memory(), now) or changed
    storage.remember(connection, library.account, author, {name: _sent(known[name], name) for name in names})
    return changed


def _item_value(
    playlist: Playlist, item: ItemRow, stored: PlaylistItem | None, ranks: Mapping[str, str]
) -> PlaylistItem:
    """Return what an uploaded item says; just what is stored where it says nothing new."""
    old = stored or PlaylistItem(
        playlist_id=playlist.id,
        rss_source_feed=item.feed,
        rss_source_item=item.item,
        rank=ranks[_key(playlist, item)],
        added_at=playlist.updated_at,
        updated_at=playlist.updated_at,
    )
    new = replace(
        old,
        rank=ranks.get(old.key, old.rank),
        item_title=item.item_title or old.item_title,
        feed_title=item.feed_title or old.feed_title,
        removed_at=item.removed_at,
    )
    return new if new == old else replace(new, updated_at=playlist.updated_at)


def _join(library: Library, author: str, value: Value, memory: Memory, now: int) -> bool:
    def write(record: Record | None, dot: Dot) -> Record | None:
        said = report(record, value, dot, memory)
        return cap(said, now) if said is not None else None

    saved = library.author((value.kind, value.key), write, device=author, now=now)
    return saved is not None and saved.revision > 0


def _keeping_birth(library: Library, playlist: Playlist) -> Playlist:
    """A stock client does not say when a playlist was made."""
    stored = library.find(playlist.kind, playlist.key)
    old = value_of(stored.record) if stored else None
    return replace(playlist, created_at=old.created_at) if isinstance(old, Playlist) else playlist


def _name(value: Value) -> Name:
    return value.kind, value.key


def _key(playlist: Playlist, item: ItemRow) -> str:
    named = {"playlist_id": playlist.id, "rss_source_feed": item.feed, "rss_source_item": item.item}
    return key_of(PlaylistItem, named)


def _sent(known: Memory, name: Name) -> Memory:
    return replace(known, sent=digest_of(name[1]))
