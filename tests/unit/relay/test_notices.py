"""What the warning header says of a request that was served otherwise than asked, and what a strict key is told."""

import msgspec
import pytest

from tests.unit.relay.test_passage import CHAT, passages
from tests.unit.routing.test_plan import target
from tollway.access.principal import Unsupported
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.errors import Refusal
from tollway.http.replies import ReplyHeads
from tollway.relay.admit import Admitted
from tollway.relay.notices import Notices
from tollway.relay.planning import Steered
from tollway.settings.brand import read_brand

A = target("a")
HEADS = ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error)


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
    notices.drop(())
    assert notices.text == ""


def test_what_an_attempt_leaves_out_takes_the_place_of_what_the_last_one_did() -> None:
    notices = Notices(admitted())
    notices.drop(("seed", "top_k"))
    assert notices.text == "dropped: seed, top_k"
    notices.drop(("seed", "top_k"))
    notices.drop(("logit_bias",))
    assert notices.text == "dropped: logit_bias"
    notices.drop(())
    assert notices.text == ""


def test_a_limit_that_was_lowered_is_told_before_and_stays() -> None:
    notices = Notices(admitted(lowered=7))
    lowered = "lowered: max_tokens to 7 (balance)"
    assert notices.text == lowered
    notices.drop(("seed",))
    assert notices.text == f"{lowered}; dropped: seed"
    notices.drop(())
    assert notices.text == lowered


def test_one_thing_more_is_told_behind_the_others() -> None:
    notices = Notices(admitted())
    notices.add("estimated: input_tokens")
    assert notices.text == "estimated: input_tokens"
    notices.add("x")
    assert notices.text == "estimated: input_tokens; x"


def test_a_strict_key_is_refused_with_the_names() -> None:
    notices = Notices(admitted(strict=True))
    notices.drop(())
    with pytest.raises(Refusal) as refused:
        notices.drop(("seed", "top_k"))
    assert (refused.value.code, refused.value.param) == ("invalid_request", "seed")
    assert "'asked' does not support seed, top_k" in refused.value.message


def test_what_was_wished_in_vain_is_told_with_the_rest() -> None:
    wished = msgspec.structs.replace(admitted(lowered=7), steered=Steered(notice="nothing is measured"))
    notices = Notices(wished)
    notices.drop(("seed",))
    assert notices.text == "lowered: max_tokens to 7 (balance); nothing is measured; dropped: seed"


def test_lines_say_who_answered_at_which_attempt() -> None:
    found = admitted()
    notices = Notices(found)
    assert notices.lines(HEADS, None, 0) == b""
    served = notices.lines(HEADS, A, 2)
    assert served == b"x-tollway-served-by: a/m\r\nx-tollway-provider: a\r\nx-tollway-attempts: 2\r\n"
    notices.add("x")
    assert notices.lines(HEADS, A, 2).endswith(served)


def test_lines_say_which_model_the_gateway_chose_and_nothing_of_one_that_it_did_not() -> None:
    found = admitted()
    need = msgspec.structs.replace(found.need, model_id="m")
    for chosen, told in ((frozenset({"m"}), True), (frozenset({"n"}), False)):
        steered = Steered(reason="the first of 2", chosen=chosen)
        lines = Notices(msgspec.structs.replace(found, need=need, steered=steered)).lines(HEADS, A, 1)
        assert (
            b"x-auto-routed: true\r\nx-routing-selected: m\r\nx-routing-reason: the first of 2\r\n" in lines
        ) is told
