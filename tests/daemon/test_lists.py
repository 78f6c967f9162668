"""Lists and privacy as the daemon serves them: durable, queued and told at once, all of a request or nothing."""

from typing import Any

import httpx
import pytest

from balados_daemon.app import Daemon, create_app
from balados_daemon.library_service import LOCAL_USER
from balados_daemon.storage.device import Relay
from balados_shared.default_collection import default_id
from balados_shared.edit import subscribe
from balados_shared.errors import InvalidInput
from balados_shared.http.library import ROUTERS
from balados_shared.kinds import PlaylistItem
from balados_shared.wishes import put_episode, put_playlist
from support.loopback import TOKEN, client_of
from support.strategies import FEED, ITEM, NOON, OTHER_ITEM

USER = "6f1c2a52-6d0e-4b63-9a3b-0a4d0f7f1a01"
ITEMS = [{"rss_source_feed": FEED, "rss_source_item": item} for item in (ITEM, OTHER_ITEM)]


async def pair(daemon: Daemon) -> None:
    await daemon.membership.join(Relay(url="http://relay", user_id=USER, app_id="a", key="k", paired_at=NOON))


async def ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await client.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("path", [router.path for router in ROUTERS if router.path != "/episodes"])
async def test_every_list_is_served_and_to_the_owner_only(daemon: Daemon, client: httpx.AsyncClient, path: str) -> None:
    await ask(client, "GET", path)
    async with client_of(create_app(daemon, TOKEN), token=None) as stranger:
        assert (await stranger.get(f"/api/v1{path}")).status_code == 401


async def test_an_episode_is_saved(client: httpx.AsyncClient) -> None:
    await ask(client, "POST", f"/episodes/{ITEM}/save", {"feed": FEED})
    (playlist,) = (await ask(client, "GET", "/playlists"))["playlists"]
    assert playlist["id"] == "saved"


async def test_a_new_order_is_queued_whole_and_told_once(daemon: Daemon, client: httpx.AsyncClient) -> None:
    await pair(daemon)
    told: list[int] = []
    daemon.library.on_change = lambda: told.append(1)
    await ask(client, "PUT", "/playlists/queue/items", {"items": ITEMS})
    kinds = [letter.kind for letter in daemon.library.letters(limit=10, everything=True)]
    assert sorted(kinds) == ["playlist", "playlist_item", "playlist_item"]
    await ask(client, "PUT", "/playlists/queue/items", {"items": ITEMS})
    assert len(told) == 1, "the same order again is no change"


async def test_of_changes_that_belong_together_all_are_made_or_none(daemon: Daemon) -> None:
    wrong = put_episode("queue", FEED, OTHER_ITEM, rank="not a rank!")
    wishes = [put_playlist("queue", name="Queue"), put_episode("queue", FEED, ITEM, rank="V000.A"), wrong]
    head = daemon.library.head()
    with pytest.raises(InvalidInput):
        await daemon.library.change_all(wishes)
    assert daemon.library.values(PlaylistItem) == []
    assert daemon.library.head() == head
    assert await daemon.library.change_all(wishes[:2])
    assert not await daemon.library.change_all(wishes[:2])


async def test_the_library_is_that_of_the_account_once_there_is_one(daemon: Daemon, client: httpx.AsyncClient) -> None:
    await daemon.library.change(subscribe(FEED))
    for user in (LOCAL_USER, USER):
        (row,) = (await ask(client, "GET", "/subscriptions"))["subscriptions"]
        (collection,) = (await ask(client, "GET", "/collections"))["collections"]
        assert (row["user_id"], collection["user_id"], collection["id"]) == (user, user, default_id(user))
        await pair(daemon)


async def test_ids_are_never_made_twice(client: httpx.AsyncClient) -> None:
    made = [await ask(client, "POST", "/playlists", {"name": "A"}, status=201) for _ in range(20)]
    assert len({answer["playlist"]["id"] for answer in made}) == 20
