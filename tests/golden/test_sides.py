"""Golden files of both sides of the matrix, in `cells/`: what each provider is asked, and what each client receives.

`PROVIDER.asked.FEATURE.json` is the request in the provider's dialect, or the sentence that refuses it;
`CLIENT.MODE.FEATURE.out` is the answer in the client's, after an answer in the neutral form; of `error` it is what breaks
off. The listing of the folder is the matrix of coverage. To accept a change on purpose, set TOLLWAY_GOLDEN=write, run, and
read the difference.
"""

import json
import os
from pathlib import Path

import msgspec
import pytest

from tests.dialect_cells import FEATURES, MODES, Cell, answer_of, asks, request_of
from tests.dialect_matrix import CLIENTS, ISSUER, PROVIDERS, chat_of, error_of, rendered, terms_of
from tests.golden.test_cells import COSTS, FOLDER, OPTIONS
from tollway.dialects.record import Closing
from tollway.dialects.translation import issued
from tollway.errors import Refusal
from tollway.neutral.answer import events_of
from tollway.neutral.events import Event, Finished
from tollway.neutral.parts import Text
from tollway.neutral.request import ChatRequest

ASKED = [(provider, feature) for provider in PROVIDERS for feature in FEATURES if feature != "error"]
RECEIVED = [(client, mode, feature) for client in CLIENTS for mode in MODES for feature in FEATURES]


def named(*words: str) -> Path:
    return FOLDER / ".".join(words).replace(" ", "-")


def is_agreed(path: Path, found: bytes) -> None:
    if os.environ.get("TOLLWAY_GOLDEN") == "write":
        path.write_bytes(found)
    assert found == path.read_bytes()


@pytest.mark.parametrize(("provider", "feature"), ASKED)
def test_the_provider_is_asked_as_was_agreed(provider: str, feature: str) -> None:
    request = request_of(Cell(provider, provider, "stream", feature))
    try:
        body = rendered(provider, request, options=OPTIONS.get(provider, {})).body
        found = json.dumps(json.loads(body), indent=1, ensure_ascii=False)
    except Refusal as refusal:
        found = f"refused, `{refusal.param}`: {refusal.message}"
    is_agreed(named(provider, "asked", feature, "json"), f"{found}\n".encode())


@pytest.mark.parametrize(("client", "mode", "feature"), RECEIVED)
def test_the_client_receives_what_was_agreed(client: str, mode: str, feature: str) -> None:
    answer = issued(answer_of(Cell(client, "anthropic_messages", mode, feature)), ISSUER)
    answer = msgspec.structs.replace(answer, id="there_1", model="model-1-answered")
    streamed = mode == "stream"
    terms = terms_of(
        client, ChatRequest(model="m", messages=(asks(Text(text="Hi")),), completes=True, streamed=streamed)
    )
    assert answer.usage is not None
    closing = Closing(usage=answer.usage, estimated=False, costs=COSTS)
    render, opened = chat_of(client).render_answer, chat_of(client).open_writer
    assert render is not None
    assert opened is not None
    if not streamed:
        out = error_of(client) if feature == "error" else render(answer, terms, closing)
    elif feature == "error":
        writer = opened(terms)
        begun: list[Event] = [event for event in events_of(answer) if not isinstance(event, Finished)]
        out = writer.write(begun) + writer.break_off(error_of(client), closing)
    else:
        writer = opened(terms)
        out = writer.write(events_of(answer)) + writer.end(closing)
    is_agreed(named(client, mode, feature, "out"), out)


def test_the_listing_is_the_matrix() -> None:
    asked = {named(provider, "asked", feature, "json").name for provider, feature in ASKED}
    received = {named(*words, "out").name for words in RECEIVED}
    assert {path.name for path in FOLDER.iterdir()} == asked | received
    assert (len(asked), len(received)) == (54, 98)
