"""The scopes that a token names itself."""

import jwt
import pytest

from balados_relay.accounts.claimed import claimed_scopes


@pytest.mark.parametrize("scopes", [[], ["user.sync"], ["*", "user.plays.write"]], ids=str)
def test_they_are_read_as_the_token_names_them(scopes: list[str]) -> None:
    assert claimed_scopes(jwt.encode({"scopes": scopes}, "k" * 32)) == scopes


@pytest.mark.parametrize("token", [jwt.encode({"iss": "app"}, "k" * 32), "cGxheXRva2Vu"])
def test_who_names_none_asks_for_all_that_was_granted(token: str) -> None:
    assert claimed_scopes(token) is None


@pytest.mark.parametrize("scopes", ["*", 7, [7], {"*": True}], ids=str)
def test_what_cannot_be_read_asks_for_nothing(scopes: object) -> None:
    assert claimed_scopes(jwt.encode({"scopes": scopes}, "k" * 32)) == []
