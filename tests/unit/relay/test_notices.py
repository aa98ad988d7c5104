"""What the warning header says of a request that was served otherwise than asked, and what a strict key is told."""

import msgspec
import pytest

from tests.unit.relay.test_passage import CHAT, passages
from tollway.access.principal import Unsupported
from tollway.errors import Refusal
from tollway.relay.admit import Admitted
from tollway.relay.notices import Notices


def admitted(*, lowered: int | None = None, strict: bool = False) -> Admitted:
    """Return an admitted request."""
    found = passages("openai_chat", CHAT, lowered=lowered)._admitted
    if strict:
        principal = msgspec.structs.replace(found.principal, unsupported=Unsupported.REFUSED)
        found = msgspec.structs.replace(found, principal=principal)
    return found


def test_a_request_that_is_served_as_asked_has_no_notice() -> None:
    notices = Notices(admitted())
    assert notices.text == ""
    assert not notices.drop(())
    assert notices.text == ""


def test_what_an_attempt_leaves_out_takes_the_place_of_what_the_last_one_did() -> None:
    notices = Notices(admitted())
    assert notices.drop(("seed", "top_k"))
    assert notices.text == "dropped: seed, top_k"
    assert not notices.drop(("seed", "top_k"))
    assert notices.drop(("logit_bias",))
    assert notices.text == "dropped: logit_bias"
    assert notices.drop(())
    assert notices.text == ""


def test_a_limit_that_was_lowered_is_told_before_and_stays() -> None:
    notices = Notices(admitted(lowered=7))
    lowered = "lowered: max_tokens to 7 (balance)"
    assert notices.text == lowered
    assert notices.drop(("seed",))
    assert notices.text == f"{lowered}; dropped: seed"
    assert notices.drop(())
    assert notices.text == lowered


def test_one_thing_more_is_told_behind_the_others() -> None:
    notices = Notices(admitted())
    notices.add("estimated: input_tokens")
    assert notices.text == "estimated: input_tokens"
    notices.add("x")
    assert notices.text == "estimated: input_tokens; x"


def test_a_strict_key_is_refused_with_the_names() -> None:
    notices = Notices(admitted(strict=True))
    assert not notices.drop(())
    with pytest.raises(Refusal) as refused:
        notices.drop(("seed", "top_k"))
    assert (refused.value.code, refused.value.param) == ("invalid_request", "seed")
    assert "'asked' does not support seed, top_k" in refused.value.message
