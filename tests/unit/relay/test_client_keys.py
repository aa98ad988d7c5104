"""Keys for providers that requests bring: which targets get them, and that none of ours ever leaves."""

import msgspec
import pytest

from tests.providers import a_provider
from tollway.access.credentials import ClientKey
from tollway.catalog.records import KeyOf, Provider, Target
from tollway.errors import Refusal
from tollway.relay.client_keys import ClientKeys, bound, key_line, key_wanted, with_secret

KEY = ClientKey("sk-theirs-canary")


def passing(header: str | None = None) -> Provider:
    return msgspec.structs.replace(a_provider("passing"), key_of=KeyOf.CLIENT, key_header=header)


def at(provider: Provider) -> Target:
    return Target(provider=provider, model_routed="m", card=None)


async def test_a_key_of_this_gateway_is_refused_and_a_strangers_is_asked_about_once() -> None:
    asked: list[bytes] = []

    def is_ours(digest: bytes) -> bool:
        asked.append(digest)
        return digest == ClientKey("tw-ours").digest

    keys = ClientKeys(is_ours)
    await keys.check(None)
    await keys.check(KEY)
    await keys.check(KEY)
    assert asked == [KEY.digest]
    for _ in range(2):
        with pytest.raises(Refusal, match="Two different keys of this gateway") as refused:
            await keys.check(ClientKey("tw-ours"))
        assert refused.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    "key", [ClientKey("x tw-ours"), ClientKey("tw-ours", scheme="Basic"), ClientKey("x", scheme="tw-ours")]
)
async def test_a_key_of_this_gateway_is_found_beside_other_words(key: ClientKey) -> None:
    keys = ClientKeys(lambda digest: digest == ClientKey("tw-ours").digest)
    await keys.check(ClientKey("x"))
    with pytest.raises(Refusal, match="Two different keys of this gateway"):
        await keys.check(key)


async def test_no_more_strangers_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollway.relay.client_keys.STRANGERS_MAX", 1)
    asked: list[bytes] = []
    keys = ClientKeys(lambda digest: asked.append(digest) is not None)
    for text in ("a", "b", "a"):
        await keys.check(ClientKey(text))
    assert len(asked) == 3


def test_targets_that_have_the_gateways_key_are_left_as_they_are() -> None:
    targets = (at(a_provider("one")), at(a_provider("two")))
    assert bound(targets, KEY) is targets
    assert bound(targets, None) is targets
    assert key_line(targets[0].provider, KEY) == b""
    assert with_secret(targets[0].provider, KEY) is targets[0].provider


def test_a_clients_key_is_struck_from_what_its_provider_says_and_from_nobody_elses() -> None:
    first, second = bound((at(passing()), at(a_provider("two"))), KEY)
    assert first.provider.secrets == (KEY.reveal(),)
    assert first.provider.identity == passing().identity
    assert second.provider.secrets == ()


def test_without_a_key_of_the_client_only_the_others_are_asked() -> None:
    other = at(a_provider("two"))
    assert bound((at(passing()), other), None) == (other,)
    with pytest.raises(Refusal, match="with your own key for it") as refused:
        bound((at(passing()),), None)
    assert refused.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("header", "key", "line"),
    [
        (None, KEY, b"authorization: Bearer sk-theirs-canary\r\n"),
        (None, ClientKey("abc", scheme="Basic"), b"authorization: Basic abc\r\n"),
        ("x-api-key", KEY, b"x-api-key: sk-theirs-canary\r\n"),
    ],
)
def test_a_clients_key_goes_where_its_provider_wants_it(header: str | None, key: ClientKey, line: bytes) -> None:
    assert key_line(passing(header), key) == line


def test_the_refusal_names_the_header_that_the_provider_has() -> None:
    assert "as Authorization" in key_wanted(passing()).message
    with pytest.raises(Refusal, match="as x-api-key"):
        key_line(passing("x-api-key"), None)
