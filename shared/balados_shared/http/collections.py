"""`/api/v1/collections`: named groups of feeds (protocol sheet, sections 3.2, 3.4 and 3.5).

Law: the default collection is always there, always first, and holds every active subscription, whatever was stored.
"""

from collections import defaultdict
from typing import Annotated, Any

from litestar import Router, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from balados_shared import problems
from balados_shared.default_collection import default_collection, default_id, is_default
from balados_shared.edit import Edit
from balados_shared.http.access import CallersLibrary, LibraryAccess
from balados_shared.http.documented import FeedText, reads, writes
from balados_shared.http.shapes import SUCCESS, collection_shape, made_at
from balados_shared.ids import FeedId
from balados_shared.kinds import Collection, CollectionFeed, Subscription
from balados_shared.problems import Problem
from balados_shared.wishes import at_place, in_order, put_collection, put_feed, sorted_items, take_apart, take_out

READ, WRITE = "user.collections.read", "user.collections.write"

MAX_FEEDS = 5_000

CollectionId = Annotated[
    str, Meta(description="The id of a collection.", examples=["0197f2a4-8c1b-7d3e-9f60-2b5c8d7e1a34"])
]
Title = Annotated[str, Meta(description="What it is called; not blank.", examples=["Science"])]


class CollectionBody(Struct):
    """A collection to make, or what to say anew of one; what is left out stays as it was."""

    title: Title | None = None
    is_default: bool = False
    description: str | None = None
    color: Annotated[str, Meta(examples=["#3366CC"])] | None = None
    is_public: bool | None = None


class FeedBody(Struct):
    """A feed for a collection."""

    rss_source_feed: FeedText | None = None


class FeedsBody(Struct):
    """Feeds in the order that a collection shall have."""

    feeds: Annotated[list[FeedText], Meta(max_length=MAX_FEEDS)]


@get("/", scope=READ, summary="List collections, the oldest first", responses=reads())
async def list_collections(library: CallersLibrary) -> dict[str, Any]:
    return {"collections": _Collections(library).shapes()}


@get("/{collection:str}", scope=READ, summary="Show a collection", responses=reads(404))
async def show_collection(collection: FromPath[CollectionId], library: CallersLibrary) -> dict[str, Any]:
    return _answer(library, collection)


@post("/", scope=WRITE, summary="Make a collection", responses=writes(422))
async def make_collection(data: JSONBody[CollectionBody], library: CallersLibrary) -> dict[str, Any]:
    if data.title is None:
        raise problems.bad_request("Missing required parameters: title")
    if data.is_default:
        raise Problem(422, "default_collection_already_exists", "There is a default collection already")
    name = library.new_id()
    await library.change(put_collection(name, **_looks(data)))
    return _answer(library, name)


@patch("/{collection:str}", scope=WRITE, summary="Change what a collection is called", responses=writes(404, 422))
async def change_collection(
    collection: FromPath[CollectionId], data: JSONBody[CollectionBody], library: CallersLibrary
) -> dict[str, Any]:
    found = _Collections(library).find(collection)
    looks = _looks(data)
    if all(said is None for said in looks.values()):
        raise Problem(422, "no_changes", "Say what shall change")
    await library.change(_put_again(found, looks))
    return _answer(library, collection)


@delete("/{collection:str}", status_code=200, scope=WRITE, summary="Delete a collection", responses=writes(404))
async def delete_collection(collection: FromPath[CollectionId], library: CallersLibrary) -> dict[str, str]:
    collections = _Collections(library)
    found = collections.find(collection)
    if found.is_default:
        raise Problem(403, "cannot_delete_default_collection", "The default collection cannot be deleted")
    await library.change_all(take_apart(found, collections.items(found)))
    return SUCCESS


@post(
    "/{collection:str}/feeds",
    status_code=200,
    scope=WRITE,
    summary="Add a feed to a collection",
    responses=writes(404, 422),
)
async def add_feed(
    collection: FromPath[CollectionId], data: JSONBody[FeedBody], library: CallersLibrary
) -> dict[str, str]:
    collections = _Collections(library)
    found = collections.find(collection)
    if not data.rss_source_feed:
        raise problems.bad_request("Missing required parameters: rss_source_feed")
    (feed,) = collections.subscribed([data.rss_source_feed])
    if not found.is_default:
        wish = put_feed(found.id, feed)
        await library.change_all(at_place(collections.items(found), wish, None, library.author))
    return SUCCESS


@put("/{collection:str}/feeds", scope=WRITE, summary="Order the feeds of a collection", responses=writes(404, 422))
async def order_feeds(
    collection: FromPath[CollectionId], data: JSONBody[FeedsBody], library: CallersLibrary
) -> dict[str, Any]:
    """Add the named feeds and bring them into this order. A feed that is not named stays, behind what it followed."""
    collections = _Collections(library)
    found = _own(collections.find(collection))
    wanted = [put_feed(found.id, feed) for feed in collections.subscribed(data.feeds)]
    await library.change_all(in_order(collections.items(found), wanted, library.author))
    return _answer(library, collection)


@delete(
    "/{collection:str}/feeds/{feed:str}",
    status_code=200,
    scope=WRITE,
    summary="Take a feed out of a collection",
    responses=writes(404, 422),
)
async def remove_feed(
    collection: FromPath[CollectionId], feed: FromPath[FeedText], library: CallersLibrary
) -> dict[str, str]:
    collections = _Collections(library)
    found = _own(collections.find(collection))
    named = FeedId.read(feed)
    await library.change_all([take_out(item) for item in collections.items(found) if item.rss_source_feed == named])
    return SUCCESS


class _Collections:
    """The collections of a library, read at once."""

    def __init__(self, library: LibraryAccess) -> None:
        self._user_id = library.user_id
        self._subscriptions = {each.rss_source_feed: each for each in library.values(Subscription)}
        self._stored = library.values(Collection)
        self._items: defaultdict[str, list[CollectionFeed]] = defaultdict(list)
        for item in library.values(CollectionFeed):
            self._items[item.collection_id].append(item)

    def shapes(self) -> list[dict[str, Any]]:
        """Return all of them as they are shown."""
        own = [each for each in self._stored if not is_default(each, self._user_id)]
        return [self.shape(each) for each in [self._default(), *sorted(own, key=lambda c: (made_at(c), c.id))]]

    def shape(self, collection: Collection) -> dict[str, Any]:
        """Return a collection as it is shown, with those of its feeds that are subscribed to."""
        return collection_shape(collection, self._feeds(collection), self._user_id)

    def find(self, name: str) -> Collection:
        """Return a collection. Raises Problem 404."""
        stored = next((each for each in self._stored if each.id == name), None)
        if name == default_id(self._user_id) or (stored and is_default(stored, self._user_id)):
            return self._default()
        if stored is None:
            raise Problem(404, "not_found", "There is no such collection")
        return stored

    def items(self, collection: Collection) -> list[CollectionFeed]:
        """Return what is stored of a collection's feeds."""
        return self._items[collection.id]

    def subscribed(self, texts: list[str]) -> list[FeedId]:
        """Read feed ids. Raises Problem 422 when one is not subscribed to."""
        feeds = [FeedId.read(text) for text in texts]
        if any(feed not in self._subscriptions for feed in feeds):
            raise Problem(422, "feed_not_subscribed", "Only feeds that are subscribed to can be in a collection")
        return feeds

    def _default(self) -> Collection:
        return default_collection(self._user_id, self._stored, list(self._subscriptions.values()))

    def _feeds(self, collection: Collection) -> list[Subscription]:
        if collection.is_default:
            return sorted(self._subscriptions.values(), key=lambda each: (each.subscribed_at, each.key))
        feeds = [item.rss_source_feed for item in sorted_items(self.items(collection))]
        return [self._subscriptions[feed] for feed in feeds if feed in self._subscriptions]


def _answer(library: LibraryAccess, name: str) -> dict[str, Any]:
    collections = _Collections(library)
    return {"collection": collections.shape(collections.find(name))}


def _own(collection: Collection) -> Collection:
    """Refuse to arrange what is computed."""
    if collection.is_default:
        raise Problem(422, "VALIDATION_ERROR", "The default collection holds every subscription")
    return collection


def _looks(data: CollectionBody) -> dict[str, Any]:
    if data.title is not None and not data.title.strip():
        raise Problem(422, "title_required", "A collection needs a title")
    names = ("title", "description", "color", "is_public")
    return {name: getattr(data, name) for name in names}


def _put_again(collection: Collection, looks: dict[str, Any]) -> Edit:
    """Return the edit of a collection; of the default one there may be no record yet."""
    if collection.is_default:
        looks = {"title": collection.title, "is_default": True} | {k: v for k, v in looks.items() if v is not None}
    return put_collection(collection.id, **looks)


router = Router(
    "/collections",
    route_handlers=[
        list_collections,
        show_collection,
        make_collection,
        change_collection,
        delete_collection,
        add_feed,
        order_feeds,
        remove_feed,
    ],
    tags=["Library"],
)
