"""The real model, asked by official clients of four dialects: what `tollway up` serves with nothing configured."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import types

from tests.e2e.up.test_up import MODEL, command, up
from tollway.local_model.supervisor import available

pytestmark = [
    pytest.mark.skipif(available() is not None, reason="there is no local model on this machine"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]
"""Google's and Ollama's clients leave their connections to the garbage collector."""

ASK: Any = [{"role": "user", "content": "Name a colour."}]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("real")
    with up(folder) as (said, _):
        yield folder, said


Running = tuple[Path, dict[str, Any]]


def test_openais_client_gets_text_by_chat_streamed_and_by_responses(running: Running) -> None:
    _, said = running
    with openai.OpenAI(base_url=f"{said['url']}/v1", api_key=said["api_key"]) as client:
        whole = client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=20, temperature=0)
        pieces = client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=20, temperature=0, stream=True)
        text = "".join(choice.delta.content or "" for chunk in pieces for choice in chunk.choices)
        assert text == whole.choices[0].message.content
        assert text
        answer = client.responses.create(model=MODEL, input="Name a colour.", max_output_tokens=20)
        assert answer.output_text


def test_anthropics_client_gets_text(running: Running) -> None:
    _, said = running
    with anthropic.Anthropic(base_url=said["url"], api_key=said["api_key"]) as client:
        whole: Any = client.messages.create(model=MODEL, messages=ASK, max_tokens=20)
        assert whole.content[0].text
        assert whole.usage.output_tokens > 0
        with client.messages.stream(model=MODEL, messages=ASK, max_tokens=20) as stream:
            assert "".join(stream.text_stream)


def test_googles_client_gets_text_by_translation(running: Running) -> None:
    _, said = running
    client = genai.Client(api_key=said["api_key"], http_options=types.HttpOptions(base_url=said["url"]))
    config = types.GenerateContentConfig(max_output_tokens=20)
    assert client.models.generate_content(model=MODEL, contents="Name a colour.", config=config).text
    pieces = client.models.generate_content_stream(model=MODEL, contents="Name a colour.", config=config)
    assert "".join(piece.text or "" for piece in pieces)


def test_ollamas_client_gets_text_by_translation_and_the_books_are_right(running: Running) -> None:
    folder, said = running
    client = ollama.Client(host=said["url"], headers={"authorization": f"Bearer {said['api_key']}"})
    assert client.chat(model=MODEL, messages=ASK, options={"num_predict": 20}).message.content
    pieces = client.generate(model=MODEL, prompt="Name a colour.", options={"num_predict": 20}, stream=True)
    assert "".join(piece.response or "" for piece in pieces)
    assert command(folder, "ledger", "check")["clean"] is True
