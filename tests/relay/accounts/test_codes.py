"""A pairing code survives being read out and typed in, and says nothing but itself."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_relay.accounts.codes import ALPHABET, RANDOM_BYTES, hash_code, new_code, read_code
from balados_shared.errors import InvalidInput

random = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def test_the_alphabet_has_no_two_characters_that_look_alike() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 31
    assert not set("0O1IL") & set(ALPHABET)


@given(random)
def test_a_code_is_shown_as_two_groups_of_four(random: bytes) -> None:
    code = new_code(random)
    left, dash, right = code[:4], code[4], code[5:]
    assert dash == "-"
    assert len(left) == len(right) == 4
    assert set(left + right) <= set(ALPHABET)


def test_every_place_of_a_code_is_random() -> None:
    codes = [new_code(hashlib.sha256(bytes([number])).digest()[:RANDOM_BYTES]) for number in range(256)]
    assert len(set(codes)) == 256
    assert all(len({code[place] for code in codes}) == 31 for place in (0, 1, 2, 3, 5, 6, 7, 8))


@given(random, st.sampled_from(["-", "", " ", "  ", " - ", "–", "—", "\u2011", "\t", "\u00a0"]), st.booleans())
def test_a_code_is_read_however_it_is_typed(random: bytes, between: str, lower: bool) -> None:
    code = new_code(random)
    typed = f" {code.replace('-', between)}\n"
    assert read_code(typed.lower() if lower else typed) == code.replace("-", "")


def test_spaces_anywhere_and_full_width_letters_are_fine() -> None:
    assert read_code("k7 qf m2 xd") == read_code("K7QF-M2XD") == "K7QFM2XD"
    assert read_code("Ｋ７ＱＦ－Ｍ２ＸＤ") == "K7QFM2XD"


@pytest.mark.parametrize("typed", ["", "K7QF", "K7QF-M2X", "K7QF-M2XDE", "K7QF-M2X0", "K7QF/M2XD", "ß" * 4, " " * 99])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput):
        read_code(typed)


@given(st.text(st.characters(codec=None, categories=None)))
def test_arbitrary_text_is_a_code_or_invalid_input(typed: str) -> None:
    try:
        assert set(read_code(typed)) <= set(ALPHABET)
    except InvalidInput as refusal:
        assert str(refusal) == "not a pairing code; they look like K7QF-M2XD"


def test_too_little_randomness_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        new_code(b"x" * 8)


def test_what_is_stored_of_a_code_is_its_sha_256() -> None:
    assert hash_code("K7QFM2XD") == hashlib.sha256(b"K7QFM2XD").digest()
