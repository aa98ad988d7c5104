"""Seals find back to their issuer, through clients of any dialect."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.neutral.parts import Sealed
from tollway.neutral.seals import MARK, MARK_BASE64, MARK_BYTES, is_marked, is_marked_in_base64, marked, unmarked

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
"""What the settings allow a provider to be called."""


@given(NAMES, st.text(max_size=20), st.booleans(), st.booleans())
def test_a_marked_seal_comes_back_as_it_was(issuer: str, data: str, whole: bool, guessed: bool) -> None:
    sealed = Sealed(data=data, issuer=issuer, whole=whole)
    assert unmarked(marked(sealed), whole=guessed) == sealed


def test_the_form_of_a_mark_stays_what_clients_have_kept() -> None:
    assert marked(Sealed(data="a.b", issuer="acme")) == "tollway-seal~1.acme.sign.a.b"
    assert marked(Sealed(data="a.b", issuer="acme.eu", whole=True)) == "tollway-seal~1.acme:eu.whole.a.b"


def test_a_seal_that_nobody_issued_is_still_nobodys() -> None:
    assert unmarked(marked(Sealed(data="x")), whole=False) == Sealed(data="x")


@pytest.mark.parametrize("whole", [True, False])
def test_what_bears_no_mark_is_what_the_dialect_says(whole: bool) -> None:
    for text in ("", "EqQB", MARK[:-1], f" {MARK}acme.sign.x"):
        assert unmarked(text, whole=whole) == Sealed(data=text, whole=whole)


@pytest.mark.parametrize("text", [MARK, f"{MARK}acme", f"{MARK}acme.", f"{MARK}acme.sign", f"{MARK}acme.other."])
def test_a_mark_that_was_cut_short_seals_nothing(text: str) -> None:
    assert (unmarked(text, whole=True).data, unmarked(text, whole=True).whole) == ("", False)


@given(NAMES, st.binary(max_size=20))
def test_a_mark_is_found_in_a_body_as_it_is_and_in_base64(issuer: str, data: bytes) -> None:
    text = marked(Sealed(data=base64.b64encode(data).decode(), issuer=issuer))
    assert text.startswith(MARK)
    assert is_marked(b'{"signature":"%b"}' % text.encode())
    encoded = base64.b64encode(text.encode())
    assert encoded.startswith(MARK_BASE64.encode())
    assert is_marked_in_base64(b'{"thoughtSignature":"%b"}' % encoded)


def test_a_body_without_a_mark_passes_unlooked_at() -> None:
    assert not is_marked(b'{"messages":[{"content":"tollway-seal"}]}')
    assert not is_marked(b"")


def test_the_mark_ends_where_a_group_of_base64_does() -> None:
    assert len(MARK_BYTES) % 3 == 0
    assert "=" not in MARK_BASE64
    assert base64.urlsafe_b64encode(MARK_BYTES).decode() == MARK_BASE64
