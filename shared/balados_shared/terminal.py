"""How things look: tables, times and positions; JSON where it was asked for. Colours only on a terminal."""

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

import msgspec

_STYLES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}


def as_json(thing: Any) -> None:
    """Print indented JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(thing), indent=2).decode() + "\n")


def line(text: str, style: str = "") -> None:
    """Print one line, styled `bold`, `dim`, `red`, `green` or `yellow` on a terminal."""
    styled = style in _STYLES and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    harmless = _harmless(text)
    print(f"\x1b[{_STYLES[style]}m{harmless}\x1b[0m" if styled else harmless)


def _harmless(text: str) -> str:
    """Replace control characters: titles come from feeds and other devices, and must not steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """Print rows under heads; the columns in `numbers` are set to the right."""
    from rich.console import Console  # costs 0.1 s, which most commands need not pay
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column, head in enumerate(heads):
        grid.add_column(head, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_harmless(cell)) for cell in row))
    # Without a terminal a line is as long as what it says: nothing is cut or wrapped for a program that reads it.
    Console(highlight=False, width=None if sys.stdout.isatty() else 10_000).print(grid)


def progress(text: str) -> Any:
    """Return a context in which a terminal shows that something goes on. `update(text)` says what."""
    if not sys.stderr.isatty():
        return _Silent()
    from rich.console import Console

    return Console(stderr=True).status(text)


class _Silent:
    """Progress where nobody watches."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, text: str) -> None: ...


def clock(seconds: float | None) -> str:
    """Write a position: 41:10, 1:02:03."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(iso: str | None) -> str:
    """Write a time as it was on the wall here."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S") if iso else "never"


def date(milliseconds: int | None) -> str:
    """Write a day."""
    return datetime.fromtimestamp(milliseconds / 1_000).astimezone().strftime("%Y-%m-%d") if milliseconds else ""


def count(number: int, thing: str) -> str:
    """Write 1 change, 2 changes."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
