"""The header lines of one request alone: its content type, what belongs to its dialect, its signature."""

import msgspec
import pytest

from tests.unit.relay.test_passage import CHAT, MESSAGES, passages, target
from tollway.catalog.records import Origin, Provider, Reach, Scheme
from tollway.catalog.signing import AwsKeys, Signing
from tollway.dialects.record import Called, Lane
from tollway.neutral.parts import Sealed
from tollway.neutral.seals import marked
from tollway.relay.arrival import Arrival
from tollway.relay.passage import Passage
from tollway.relay.signatures import Signatures, left_out, request_lines
from tollway.relay.wire import JSON_LINE

KEYS = AwsKeys(access_key_id="id", secret_access_key="hidden", session_token=None, region="r", service="s")
SIGNED = ("authorization", "signed by ä")


class Signer:
    """Signs with what it was asked to sign."""

    def __init__(self, signing: Signing) -> None:
        self.signing = signing
        self.asked: list[dict[str, object]] = []

    async def headers(self, *, method: str, host: str, path: str, body: bytes) -> list[tuple[str, str]]:
        """Return one line, and remember what it is for."""
        self.asked.append({"method": method, "host": host, "path": path, "body": body})
        return [SIGNED, ("x-date", "now")]


def signing(name: str = "there") -> tuple[Provider, Passage]:
    """Return a provider that wants its requests signed, and a way to it."""
    to = target("openai_chat")
    origin = Origin(scheme=Scheme.HTTPS, host="h", port=8443, reach=Reach.PUBLIC)
    speaks = (msgspec.structs.replace(to.provider.home, origin=origin),)
    provider = msgspec.structs.replace(to.provider, name=name, signing=KEYS, speaks=speaks)
    return provider, passages("openai_chat", CHAT).through(msgspec.structs.replace(to, provider=provider))


def arrived(called: Called | None = None, passed: tuple[tuple[bytes, bytes], ...] = ()) -> Arrival:
    """Return a request with headers of its dialect."""
    arrival = passages("openai_chat", CHAT)._arrival
    return msgspec.structs.replace(arrival, called=called or Called(), passed=passed)


async def test_what_is_signed_is_what_is_sent() -> None:
    made: list[Signer] = []

    def make(keys: Signing) -> Signer:
        made.append(Signer(keys))
        return made[-1]

    signatures = Signatures(make)
    provider, passage = signing()
    lines = await signatures.lines(provider, passage)
    assert lines == "authorization: signed by ä\r\nx-date: now\r\n".encode("latin-1")
    assert made[0].signing is KEYS
    assert made[0].asked == [{"method": "POST", "host": "h:8443", "path": "/v1/chat/completions", "body": passage.body}]
    await signatures.lines(provider, passage)
    assert len(made) == 1
    await signatures.lines(*signing("elsewhere"))
    assert len(made) == 2


async def test_providers_of_two_accounts_under_one_alias_have_each_their_own_signer() -> None:
    made: list[Signing] = []

    def make(keys: Signing) -> Signer:
        made.append(keys)
        return Signer(keys)

    signatures, (provider, passage) = Signatures(make), signing()
    for own_id in ("there@1-a", "there@2-b", None):
        keys = msgspec.structs.replace(KEYS, secret_access_key=f"of {own_id}")
        await signatures.lines(msgspec.structs.replace(provider, own_id=own_id, signing=keys), passage)
    assert [keys.secret_access_key for keys in made if isinstance(keys, AwsKeys)] == [
        "of there@1-a",
        "of there@2-b",
        "of None",
    ]


async def test_a_provider_that_wants_no_signature_is_sent_none() -> None:
    with pytest.raises(AssertionError):
        await Signatures(Signer).lines(target("openai_chat").provider, signing()[1])
    to = target("openai_chat")
    way = passages("openai_chat", CHAT).through(to)
    assert await request_lines(arrived(), to.provider, way, Signatures(Signer)) == JSON_LINE


async def test_a_request_has_its_type_and_its_dialects_headers_and_its_signature() -> None:
    provider, passage = signing()
    form = "multipart/form-data; boundary=ä"
    arrival = arrived(Called(content_type=form), ((b"anthropic-beta", b"x"), (b"anthropic-version", b"y")))
    lines = await request_lines(arrival, provider, passage, Signatures(Signer))
    assert lines.decode("latin-1").split("\r\n") == [
        f"content-type: {form}",
        "anthropic-beta: x",
        "anthropic-version: y",
        "authorization: signed by ä",
        "x-date: now",
        "",
    ]


BETA, VERSION = (b"anthropic-beta", b"x"), (b"anthropic-version", b"y")
THOUGHT = {"type": "thinking", "thinking": "t", "signature": marked(Sealed(data="abc", issuer="elsewhere"))}
WITH_A_SEAL = {**MESSAGES, "messages": [*MESSAGES["messages"], {"role": "assistant", "content": [THOUGHT]}]}


def asked_of(dialect: str, asked: dict[str, object]) -> tuple[Arrival, Provider, Passage]:
    """Return a request in Anthropic's form with headers of its own, and its way to a provider of a dialect."""
    to = target(dialect)
    ways = passages("anthropic_messages", asked)
    arrival = msgspec.structs.replace(ways._arrival, passed=(BETA, BETA, VERSION))
    return arrival, to.provider, ways.through(to)


async def test_headers_of_one_dialect_do_not_go_into_another_and_are_named() -> None:
    arrival, provider, way = asked_of("openai_chat", {**MESSAGES, "whatever": 3})
    arrival = msgspec.structs.replace(arrival, called=Called(content_type="text/x"))
    assert await request_lines(arrival, provider, way, Signatures(Signer)) == JSON_LINE
    assert left_out(arrival, way) == (*way.dropped, "anthropic-beta")
    assert way.dropped == ("whatever",)


async def test_headers_of_a_dialect_go_along_where_a_history_is_written_anew_in_the_same_one() -> None:
    arrival, provider, way = asked_of("anthropic_messages", WITH_A_SEAL)
    assert way.lane is Lane.TRANSLATED
    lines = await request_lines(arrival, provider, way, Signatures(Signer))
    assert lines == JSON_LINE + b"anthropic-beta: x\r\nanthropic-beta: x\r\nanthropic-version: y\r\n"
    assert left_out(arrival, way) == way.dropped == ("sealed reasoning",)


async def test_a_request_without_headers_of_its_dialect_leaves_out_its_knobs_alone() -> None:
    arrival, _, way = asked_of("openai_chat", {**MESSAGES, "whatever": 3})
    assert left_out(msgspec.structs.replace(arrival, passed=()), way) == ("whatever",)
    assert left_out(msgspec.structs.replace(arrival, passed=(VERSION,)), way) == ("whatever",)
