"""Scopes: what is granted, against what is needed (protocol sheet, section 2.4)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_relay.accounts.scopes import DEFINED, allows, described, in_plain_words, is_requestable

PARTS = st.sampled_from(["user", "plays", "play", "read", "write", "sync", "*", "", "a"])
SCOPES = st.one_of(
    st.lists(PARTS, min_size=1, max_size=4).map(".".join), st.sampled_from(sorted(DEFINED)), st.text("a.*u", max_size=6)
)
NEEDED = sorted(scope for scope in DEFINED if "*" not in scope)


@pytest.mark.parametrize(
    ("granted", "needed", "opens"),
    [
        # 1. the same
        ("user.plays.read", "user.plays.read", True),
        ("user.plays.read", "user.plays.write", False),
        # 2. everything
        ("*", "user", True),
        ("*", "user.sync", True),
        # 3. a parent
        ("user", "user.plays.read", True),
        ("user.plays", "user.plays.write", True),
        ("user.play", "user.plays.write", False),
        ("user.plays.read", "user.plays", False),
        # 4. a star at the front
        ("*.read", "user.plays.read", True),
        ("*.read", "user.plays.write", False),
        ("*.read", "user", False),
        # 5. a star at the end
        ("user.*", "user.sync", True),
        ("user.*", "user", False),
        ("user.plays.*", "user.likes.read", False),
        # 6. a star in between
        ("user.*.read", "user.likes.read", True),
        ("user.*.read", "user.likes.write", False),
        ("user.*.read", "other.likes.read", False),
        # what is only reached through a parent or a pattern in the original has a name of its own here
        ("user.collections", "user.collections.read", True),
        # the sync is the sync, and nothing else
        ("user.sync", "user.plays.read", False),
        ("user.sync", "user", False),
        ("", "user", False),
    ],
)
def test_a_granted_scope_opens_what_the_sheet_says(granted: str, needed: str, opens: bool) -> None:
    assert allows([granted], needed) is opens


def documented(granted: str, needed: str) -> bool:
    """The six rules once more, as patterns."""
    if granted == "*":
        return True
    shapes = [re.escape(granted), re.escape(granted) + r"\..*"]
    if granted.startswith("*."):
        shapes.append(".*" + re.escape(granted[1:]))
    if granted.endswith(".*"):
        shapes.append(re.escape(granted[:-1]) + ".*")
    elif ".*" in granted:
        before, behind = granted.split(".*", 1)
        if needed.startswith(before) and needed.endswith(behind):
            return True
    return any(re.fullmatch(shape, needed, re.DOTALL) for shape in shapes)


@given(SCOPES, SCOPES)
def test_nothing_is_opened_that_the_six_rules_do_not_open(granted: str, needed: str) -> None:
    if allows([granted], needed):
        assert documented(granted, needed)


@given(st.sampled_from(NEEDED), SCOPES)
def test_what_the_six_rules_open_is_opened(needed: str, granted: str) -> None:
    # By the sixth rule a prefix could end within a word, as in `user.pl.*.read`; ours must be a whole one.
    if documented(granted, needed) and (".*" not in granted or granted.endswith(".*")):
        assert allows([granted], needed)


@given(st.lists(SCOPES, max_size=4), SCOPES)
def test_many_scopes_open_what_one_of_them_opens(granted: list[str], needed: str) -> None:
    assert allows(granted, needed) == any(allows([scope], needed) for scope in granted)


@pytest.mark.parametrize("scope", [*sorted(DEFINED), "user.*", "user.*.read", "*.sync", "user.plays.*"])
def test_defined_names_and_patterns_can_be_asked_for(scope: str) -> None:
    assert is_requestable(scope)


@pytest.mark.parametrize(
    "scope", ["", "users", "user.nothing", "user*", "**", "user.* ", "a\n.*", "é.*", "x" * 99 + ".*"]
)
def test_nothing_else_can(scope: str) -> None:
    assert not is_requestable(scope)


def test_each_defined_scope_is_said_in_words() -> None:
    words = {scope: described(scope) for scope in DEFINED}
    assert all("user." not in said and "*" not in said and said[0].islower() for said in words.values())
    assert words["user.likes.read"] == "read what you like"
    assert words["user.playlists"] == "read and change your playlists"
    assert "manage your apps" in words["user"]
    assert "manage" not in words["user.sync"]


def test_a_pattern_is_named_as_it_is() -> None:
    assert described("user.plays.*") == "do all that “user.plays.*” stands for"


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ([], []),
        (["user.plays.read", "user.plays"], ["read and change what you play and how far you are"]),
        (["user.plays", "user.plays.read"], ["read and change what you play and how far you are"]),
        (["user.likes", "*", "user.sync"], ["read and change everything of yours, and manage your apps"]),
        (["*.a", "*.*.a"], ["do all that “*.a” stands for"]),
        (["user.likes", "user.likes"], ["read and change what you like"]),
    ],
)
def test_what_another_scope_covers_is_not_said_twice(scopes: list[str], words: list[str]) -> None:
    assert in_plain_words(scopes) == words


@given(st.lists(SCOPES, min_size=1, max_size=5))
def test_whoever_has_scopes_is_said_to_have_some(scopes: list[str]) -> None:
    assert in_plain_words(scopes)
