"""What a client's headers say of on whose behalf it asks, and under which idempotency key."""

import pytest

from tollway.errors import Refusal
from tollway.http.caller import ANONYMOUS, WORD_BYTES_MAX, CallerHeaders, idempotency_key
from tollway.ledger.lines import Attribution
from tollway.neutral.wishes import UNSTEERED, Steering

READ = CallerHeaders(["x-tollway", "x-ingate", "x-aig"]).read
KEY = b"idempotency-key"


def test_headers_that_say_nothing_cost_nothing() -> None:
    assert READ([(b"host", b"x"), (b"x-other-tag", b"a")], sub_account_id=None) is ANONYMOUS
    assert READ([], sub_account_id=5).attribution == Attribution(sub_account_id=5)


def test_a_request_that_names_no_tag_has_that_of_its_sub_account() -> None:
    def tagged(*headers: tuple[bytes, bytes]) -> Attribution:
        return READ(headers, sub_account_id=5, tag="own").attribution

    assert tagged() == Attribution(sub_account_id=5, tag="own")
    assert tagged((b"x-aig-user-id", b"u")) == Attribution(sub_account_id=5, tag="own", end_user="u")
    assert tagged((b"x-aig-tag", b"said")) == Attribution(sub_account_id=5, tag="said")


def test_each_word_is_read_by_its_name() -> None:
    headers = [
        (b"x-tollway-tag", b"a"),
        (b"x-tollway-user-id", "é".encode()),
        (b"x-tollway-session-id", b" c "),
        (KEY, b"d"),
    ]
    caller = READ(headers, sub_account_id=5)
    assert caller.attribution == Attribution(sub_account_id=5, tag="a", end_user="é", session="c")
    assert caller.idempotency_key == idempotency_key(headers) == "d"


@pytest.mark.parametrize("name", [b"x-tollway-tag", b"x-tollway-user-id", b"x-tollway-session-id", KEY])
@pytest.mark.parametrize(
    "values", [[b""], [b" "], [b"x" * (WORD_BYTES_MAX + 1)], [b"\xff"], ["\u200b".encode()], [b"a", b"b"]]
)
def test_what_is_no_word_is_refused_and_so_are_two(name: bytes, values: list[bytes]) -> None:
    headers = [(name, value) for value in values]
    with pytest.raises(Refusal) as refused:
        READ(headers, sub_account_id=None)
    assert (refused.value.code, refused.value.param) == ("invalid_request", name.decode())
    if name == KEY:
        with pytest.raises(Refusal):
            idempotency_key(headers)
    else:
        assert idempotency_key(headers) is None


def test_the_same_word_twice_is_one_and_the_longest_one_is_taken() -> None:
    longest = b"x" * WORD_BYTES_MAX
    assert READ([(KEY, longest), (KEY, longest)], sub_account_id=None).idempotency_key == longest.decode()
    assert idempotency_key([(KEY, longest), (KEY, longest)]) == longest.decode()
    assert idempotency_key([(b"host", b"x")]) is None


@pytest.mark.parametrize("prefix", [b"x-tollway", b"x-ingate", b"x-ours"])
def test_the_provider_and_whether_to_translate_are_read_under_every_brand(prefix: bytes) -> None:
    read = CallerHeaders(["x-tollway", "x-ingate", "x-ours"]).read
    caller = read([(prefix + b"-provider", b" acme "), (prefix + b"-translate", b"TRUE")], sub_account_id=None)
    assert (caller.provider, caller.translate, caller.idempotency_key) == ("acme", True, None)
    assert caller.attribution == Attribution()
    assert read([(prefix + b"-translate", b"false")], sub_account_id=5).translate is False


def test_what_no_header_says_is_left_to_us() -> None:
    caller = READ([(b"x-tollway-tag", b"a")], sub_account_id=None)
    assert (caller.provider, caller.translate) == (None, None)
    assert (ANONYMOUS.provider, ANONYMOUS.translate) == (None, None)


@pytest.mark.parametrize("word", [b"yes", b"1", b"truee", b"on", b"x" * 200])
def test_any_other_word_for_translation_is_refused(word: bytes) -> None:
    with pytest.raises(Refusal, match="true or false") as refused:
        READ([(b"x-tollway-translate", word)], sub_account_id=None)
    assert (refused.value.code, refused.value.param) == ("invalid_request", "x-tollway-translate")
    assert len(refused.value.message) < 200


def test_two_brands_that_name_two_providers_are_refused_and_one_twice_is_one() -> None:
    same = [(b"x-tollway-provider", b"a"), (b"x-ingate-provider", b"a")]
    assert READ(same, sub_account_id=None).provider == "a"
    with pytest.raises(Refusal) as refused:
        READ([same[0], (b"x-ingate-provider", b"b")], sub_account_id=None)
    assert refused.value.param == "x-ingate-provider"


@pytest.mark.parametrize("value", [b"", b"\xff", b"x" * (WORD_BYTES_MAX + 1)])
def test_a_provider_that_is_no_word_is_refused(value: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        READ([(b"x-tollway-provider", value)], sub_account_id=None)
    assert refused.value.param == "x-tollway-provider"


def steering(*headers: tuple[bytes, bytes]) -> Steering:
    return READ(headers, sub_account_id=None).steering


def test_headers_wish_of_models_and_providers() -> None:
    assert steering((b"x-aig-tag", b"a")) is UNSTEERED
    found = steering(
        (b"x-aig-fallback", b" a , b/c "),
        (b"x-tollway-timeout-ms", b"250"),
        (b"x-ingate-retry-budget", b"5"),
        (b"x-baseline-model", b"m"),
        (b"x-aig-user-id", b"u"),
    )
    assert found == Steering(fallbacks=("a", "b/c"), timeout_ms=250, retries=5, baseline_model="m")
    assert steering((b"x-aig-retry-budget", b"0")) == Steering(retries=0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (b"x-aig-fallback", [b"a,", b",", b"a,a", b"a,b,c,d,e,f,g,h,i"]),
        (b"x-tollway-timeout-ms", [b"0", b"-1", b"1.5", b"1e3", b"3600001", b"9" * 200, "٣".encode()]),
        (b"x-aig-retry-budget", [b"6", b"-1", b"many"]),
    ],
)
def test_a_wish_that_cannot_be_read_names_its_header(name: bytes, values: list[bytes]) -> None:
    for value in values:
        with pytest.raises(Refusal) as refused:
            steering((b"x-aig-tag", b"a"), (name, value))
        assert (refused.value.code, refused.value.param) == ("invalid_request", name.decode())
