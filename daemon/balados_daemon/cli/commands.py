"""One function for each command: ask the daemon, print the answer, return the exit status."""

import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from balados_daemon.cli.client import Client, Failed
from balados_shared import terminal as show
from balados_shared.ids import FeedId

DONE, FAILED, NEEDS_ATTENTION = 0, 1, 4


def up(options: Namespace) -> int:
    """Run the daemon in the foreground."""
    from balados_daemon.app import run_daemon
    from balados_daemon.settings import Settings
    from balados_shared.http.logging import configure_logging
    from balados_shared.http.server import run

    configure_logging()
    settings = Settings(options.data_dir, options.port, options.name)
    return run(run_daemon(settings, lambda url: print(f"ready {url}", flush=True)))


def pair(options: Namespace) -> int:
    """Join a relay, or say what that would do."""
    body = {"url": options.url, "code": options.code, "dry_run": options.dry_run}
    with Client(options.data_dir) as client:
        with show.progress("asking the relay …"):
            paired = client.post("/device/pair", body)
        status = None if options.dry_run else _wait_until_in_step(client)
    if options.json:
        show.as_json(paired)
    elif status is None:
        _show_plan(paired["plan"])
    else:
        show.line(f"Joined {paired['account']}'s library. This device now has {_library(status)}.", "green")
        if trouble := status["relay"]["trouble"]:
            show.line(f"The rest follows by itself; now: {trouble}", "yellow")
    return DONE


def _wait_until_in_step(client: Client) -> dict[str, Any]:
    """Show how the first sync goes; it goes on behind in any case."""
    with show.progress("syncing …") as progress:
        while True:
            status: dict[str, Any] = client.get("/device/status")
            waiting = status["waiting"] - status["parked"]
            if status["relay"]["trouble"] or (waiting == 0 and status["relay"]["in_step"]):
                return status
            progress.update(f"syncing … {show.count(waiting, 'change')} to send, {_library(status)} here")
            time.sleep(0.2)


def _library(status: dict[str, Any]) -> str:
    plays = show.count(status["play_statuses"], "episode")
    return f"{show.count(status['subscriptions'], 'subscription')}, {plays} played or begun"


PLAN_COLUMNS = {
    "add here": "added_here",
    "add there": "added_there",
    "change here": "changed_here",
    "change there": "changed_there",
    "remove here": "removed_here",
    "remove there": "removed_there",
}


def _show_plan(plan: dict[str, Any]) -> None:
    kinds = sorted(plan["kinds"].items())
    rows = [[kind, *(str(counts[name]) for name in PLAN_COLUMNS.values())] for kind, counts in kinds]
    if rows:
        show.line("Joining would:")
        show.table(["", *PLAN_COLUMNS], rows, numbers=range(1, len(PLAN_COLUMNS) + 1))
    else:
        show.line("Both sides are empty; there is nothing to merge.")
    for title in plan["feeds_here"]:
        show.line(f"  + here   {title}")
    for title in plan["feeds_there"]:
        show.line(f"  + there  {title}")
    show.line("Nothing was changed or sent.")


def subscribe(options: Namespace) -> int:
    """Subscribe, then read the feed so that its episodes are there."""
    with Client(options.data_dir) as client:
        client.post("/subscriptions", {"feedUrl": options.url})
        try:
            with show.progress("reading the feed …"):
                feed = client.get("/device/episodes", feed=options.url)
        except Failed as error:
            feed = {"title": None, "episodes": [], "trouble": str(error)}
    if options.json:
        show.as_json({"subscribed": True, "title": feed["title"], "trouble": feed["trouble"]})
    elif feed["trouble"]:
        show.line(f"Subscribed. The feed cannot be read now: {feed['trouble']}", "yellow")
    else:
        title = feed["title"] or "a feed without a title"
        show.line(f"Subscribed to {title}: {show.count(len(feed['episodes']), 'episode')}.", "green")
    return DONE


def unsubscribe(options: Namespace) -> int:
    """Unsubscribe."""
    with Client(options.data_dir) as client:
        client.delete(f"/subscriptions/{FeedId.read(options.url)}")
    show.as_json({"subscribed": False}) if options.json else show.line("Unsubscribed.")
    return DONE


def list_subscriptions(options: Namespace) -> int:
    """List the subscriptions."""
    with Client(options.data_dir) as client:
        subscriptions = client.get("/device/subscriptions")["subscriptions"]
    if options.json:
        show.as_json(subscriptions)
    elif not subscriptions:
        show.line("No subscriptions yet. Add one with: balados subscribe URL")
    else:
        rows = [[s["title"] or "(not read yet)", s["url"], show.moment(s["subscribed_at"])] for s in subscriptions]
        show.table(["TITLE", "FEED", "SINCE"], rows)
    return DONE


def episodes(options: Namespace) -> int:
    """List a feed's episodes."""
    with Client(options.data_dir) as client, show.progress("reading the feed …"):
        feed = client.get("/device/episodes", feed=options.url, refresh=options.refresh)
    if options.json:
        show.as_json(feed)
        return DONE
    show.line(feed["title"] or "(no title)", "bold")
    if feed["trouble"]:
        show.line(f"As read earlier; now: {feed['trouble']}", "yellow")
    rows = [
        [e["short"], show.date(e.get("published")), show.clock(e.get("duration")), e.get("title") or "(no title)"]
        for e in feed["episodes"]
    ]
    show.table(["EPISODE", "DATE", "LENGTH", "TITLE"], rows, numbers=[2])
    return DONE


def position(options: Namespace) -> int:
    """Set a position."""
    with Client(options.data_dir) as client:
        found = client.get("/device/episode", name=options.episode)
        body = {"position": options.seconds, "played": options.played}
        client.put(f"/play/{found['rss_source_item']}/position", body, feed=found["rss_source_feed"])
    said = {"episode": found["short"], "title": found["title"], "position": options.seconds, "played": options.played}
    if options.json:
        show.as_json(said)
    else:
        played = ", played" if options.played else ""
        show.line(f"{found['title'] or found['short']}: at {show.clock(options.seconds)}{played}.")
    return DONE


def status(options: Namespace) -> int:
    """Say how it stands."""
    with Client(options.data_dir) as client:
        status = client.get("/device/status")
    show.as_json(status) if options.json else _show_status(status)
    return NEEDS_ATTENTION if status["needs_attention"] else DONE


def _show_status(status: dict[str, Any]) -> None:
    show.line(f"{status['device_name']} ({status['device_id']})", "bold")
    show.line(f"library  {_library(status)}")
    relay = status["relay"]
    if relay is None:
        show.line("relay    none; this device works alone")
        return
    connection = "connected" if relay["live"] else "not connected"
    show.line(f"relay    {relay['url']}, {connection}, last in step {show.moment(relay['synced_at'])}")
    if relay["trouble"]:
        show.line(f"         {relay['trouble']}", "red")
    for remark in (relay["clock"], relay["notice"]):
        if remark:
            show.line(f"         {remark}", "yellow")
    since = f", the oldest since {show.moment(status['waiting_since'])}" if status["waiting"] else ""
    show.line(f"waiting  {show.count(status['waiting'], 'change')}{since}")
    if status["parked"]:
        show.line(f"         {show.count(status['parked'], 'change')} refused; see: balados queue", "red")
    if status["held"]:
        show.line(f"held     {show.count(status['held'], 'removal')} from elsewhere; see: balados held", "yellow")


def sync(options: Namespace) -> int:
    """Sync now."""
    with Client(options.data_dir) as client, show.progress("syncing …"):
        did = client.post("/device/sync")
    if options.json:
        show.as_json(did)
        return DONE
    show.line(f"In step: {show.count(did['taken'], 'change')} sent, {show.count(did['changed'], 'change')} received.")
    if did["refused"]:
        show.line(f"{show.count(did['refused'], 'change')} refused; see: balados queue", "red")
    if did["held"]:
        show.line(f"{show.count(did['held'], 'removal')} held; see: balados held", "yellow")
    return DONE


def queue(options: Namespace) -> int:
    """List the queue."""
    with Client(options.data_dir) as client:
        if options.retry:
            client.post("/device/queue/retry")
        rows = client.get("/device/queue")["queue"]
    if options.json:
        show.as_json(rows)
    elif not rows:
        show.line("Nothing waits.")
    else:
        show.table(["WHAT", "TRIES", "STATE", "WHY"], [_queue_cells(row) for row in rows], numbers=[1])
    return DONE


def _queue_cells(row: dict[str, Any]) -> list[str]:
    return [row["kind"], str(row["attempts"]), "refused" if row["parked"] else "waits", row["error"] or ""]


def why(options: Namespace) -> int:
    """Say why an episode stands where it does."""
    with Client(options.data_dir) as client:
        answer = client.get("/device/why", episode=options.episode)
    show.as_json(answer) if options.json else _show_why(answer)
    return DONE


def _show_why(answer: dict[str, Any]) -> None:
    show.line(answer["title"] or answer["short"], "bold")
    stands = answer["status"]
    if stands:
        played = "played" if stands["played"] else "not played"
        show.line(f"at {show.clock(stands['position'])}, {played}, furthest {show.clock(stands['furthest'])}")
    rows = [
        [
            str(cause["event"]) if cause["event"] is not None else "relay",
            show.moment(cause["at"]),
            cause["device_name"],
            ", ".join(_what(cause)) or "no difference",
            cause["reason"] or cause["outcome"],
        ]
        for cause in answer["causes"]
    ]
    show.table(["EVENT", "WHEN", "DEVICE", "CHANGE", "RULE"], rows, numbers=[0])
    if not answer["relay_asked"]:
        show.line("The relay was not asked; changes that lost there are missing.", "dim")


def _what(cause: dict[str, Any]) -> Iterator[str]:
    """Say what a change did, and what of it fell."""
    for name, change in cause["changes"].items():
        yield _change(name, *change)
    for name, said in cause["lost"].items():
        yield f"{name} {_shown(name, said)} fell"


def _change(name: str, before: Any, after: Any) -> str:
    return f"{name} {_shown(name, before)} → {_shown(name, after)}"


def _shown(name: str, value: Any) -> str:
    if name in ("position", "furthest", "duration"):
        return show.clock(value)
    return {None: "–", True: "yes", False: "no"}.get(value, str(value))


def undo(options: Namespace) -> int:
    """Undo one change."""
    with Client(options.data_dir) as client:
        done = client.post("/device/undo", {"event": options.event, "force": options.force})
    if options.json:
        show.as_json(done)
    else:
        show.line("Undone, on all devices." if done["changed"] else "It stands like that already.")
    return DONE


def held(options: Namespace) -> int:
    """List, keep or let go what the mass-removal brake holds."""
    with Client(options.data_dir) as client:
        if options.keep or options.let_go:
            done = client.post("/device/held/keep" if options.keep else "/device/held/let-go")
        else:
            done = client.get("/device/held")
    if options.json:
        show.as_json(done)
    elif options.keep or options.let_go:
        (number,) = done.values()
        show.line(f"{show.count(number, 'subscription')} {'kept' if options.keep else 'let go'}.")
    elif not done["held"]:
        show.line("Nothing is held.")
    else:
        rows = [[s["rss_feed_title"] or "", FeedId(s["rss_source_feed"]).url] for s in done["held"]]
        show.table(["TITLE", "FEED"], rows)
        show.line("Another device removed these. Decide with: balados held --keep, or --let-go")
    return DONE


def fingerprint(options: Namespace) -> int:
    """Print the fingerprint."""
    with Client(options.data_dir) as client:
        answer = client.get("/device/fingerprint")
    show.as_json(answer) if options.json else print(answer["fingerprint"])
    return DONE


def doctor(options: Namespace) -> int:
    """Look at everything that can be wrong."""
    with Client(options.data_dir) as client, show.progress("looking …"):
        checks = client.get("/device/doctor")["checks"]
    if options.json:
        show.as_json(checks)
    else:
        for check in checks:
            mark, style = ("ok", "green") if check["ok"] else ("!!", "red")
            show.line(f"{mark}  {check['name']:10} {check['finding']}", style)
    return DONE if all(check["ok"] for check in checks) else FAILED
