"""Which enclosure of an item is the episode, and how long an episode plays. Pure."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

_MEDIA_TYPES = ("audio/", "video/", "x-audio/", "x-video/", "application/ogg", "application/x-mpegurl")
_MEDIA_ENDING = re.compile(
    r"\.(aac|aiff?|flac|m3u8|m4[abv]|mk[av]|mov|mp[34]|mpe?g|og[agv]|opus|wav|webm|wma)", re.IGNORECASE
)
_OTHER_ENDING = re.compile(r"\.(jpe?g|png|gif|webp|svg|pdf|epub|zip|torrent|html?|vtt|srt|txt)", re.IGNORECASE)
_SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream", "application/force-download")

_DURATION = re.compile(r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,9}(?:\.\d{1,9})?)")
_LONGEST = 10 * 365 * 24 * 3600.0


def first_media(enclosures: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the first enclosure that is audio or video, by its type or else by the ending of its URL.

    One whose type says nothing counts as media, unless its ending says otherwise: media are what enclosures are for.
    """
    return next((enclosure for enclosure in enclosures if _is_media(enclosure)), None)


def media_type(enclosure: Mapping[str, Any]) -> str:
    """Return the MIME type as the feed gives it, in lower case and without parameters; empty when there is none."""
    return str(enclosure.get("type") or "").partition(";")[0].strip().lower()


def read_duration(text: str) -> float | None:
    """Read `itunes:duration`: seconds, mm:ss or hh:mm:ss, each with a fraction of a second. Return seconds, or None.

    Minutes and seconds above 59 are taken as they stand (`90:00`), for many feeds write them so.
    Nothing, zero and what is longer than ten years is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    duration = hours * 3600 + minutes * 60 + seconds
    return duration if 0 < duration <= _LONGEST and math.isfinite(duration) else None


def read_length(text: str) -> int | None:
    """Read an enclosure's length in bytes; what is no number above 0 is None."""
    digits = text.strip()
    return int(digits) or None if digits.isascii() and digits.isdigit() and len(digits) < 16 else None


def _is_media(enclosure: Mapping[str, Any]) -> bool:
    kind, ending = media_type(enclosure), _ending(str(enclosure.get("href") or ""))
    if kind.startswith(_MEDIA_TYPES) or _MEDIA_ENDING.fullmatch(ending):
        return True
    return kind in _SAYS_NOTHING and not _OTHER_ENDING.fullmatch(ending)


def _ending(url: str) -> str:
    """Return the ending of the file that a URL names, with its dot; empty when there is none."""
    try:
        return PurePosixPath(urlsplit(url).path).suffix
    except ValueError:
        return ""
