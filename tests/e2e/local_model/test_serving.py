"""The real local model in its real process: what it answers over the OpenAI routes."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from operator import mul
from pathlib import Path

import pytest
import pytest_asyncio
from openai import AsyncOpenAI, BadRequestError
from openai.types.chat import ChatCompletionMessageParam

from tollway.local_model.supervisor import LocalModel, available
from tollway.local_model.weights import CONTEXT_TOKENS, MODEL_ID

pytestmark = [
    pytest.mark.skipif(available() is not None, reason=f"no local model here: {available()}"),
    pytest.mark.asyncio(loop_scope="module"),
]

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Name the capital of France."}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncOpenAI]:
    model = LocalModel(log=Path(tmp_path_factory.mktemp("model"), "model.log"))
    async with AsyncOpenAI(base_url=await model.start(), api_key="unused") as client:
        yield client
    await model.stop()


async def test_a_chat_is_answered_with_its_usage(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL_ID, messages=QUESTION, max_tokens=16, temperature=0)
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.model == MODEL_ID
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert 0 < answer.usage.completion_tokens <= 16


async def test_a_stream_says_the_same_as_the_whole_answer(client: AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model=MODEL_ID, messages=QUESTION, max_tokens=16, temperature=0)
    stream = await client.chat.completions.create(
        model=MODEL_ID,
        messages=QUESTION,
        max_tokens=16,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


async def test_a_json_schema_binds_the_answer(client: AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 20},
            "rank": {"type": "integer", "minimum": 0, "maximum": 9},
        },
        "required": ["city", "rank"],
        "additionalProperties": False,
    }
    answer = await client.chat.completions.create(
        model=MODEL_ID,
        messages=[{"role": "user", "content": "Name a city and rank it."}],
        max_tokens=100,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}},
    )
    said = json.loads(answer.choices[0].message.content or "")
    assert set(said) == {"city", "rank"}
    assert said["rank"] in range(10)


async def test_every_text_has_its_own_embedding_of_length_one(client: AsyncOpenAI) -> None:
    texts = ["The cat sleeps on the sofa.", "The cat sleeps on the sofa.", "Interest rates rose again."]
    reply = await client.embeddings.create(model=MODEL_ID, input=texts)
    cat, again, rates = (item.embedding for item in reply.data)
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-3) for vector in (cat, again, rates))
    assert sum(map(mul, cat, again)) > 0.99 > sum(map(mul, cat, rates))
    assert reply.usage.prompt_tokens > 0


async def test_a_prompt_beyond_the_context_is_refused_and_not_cut(client: AsyncOpenAI) -> None:
    with pytest.raises(BadRequestError, match="context size"):
        await client.chat.completions.create(
            model=MODEL_ID, messages=[{"role": "user", "content": "word " * CONTEXT_TOKENS}], max_tokens=1
        )


async def test_more_requests_than_slots_are_all_answered(client: AsyncOpenAI) -> None:
    asked = [client.chat.completions.create(model=MODEL_ID, messages=QUESTION, max_tokens=2) for _ in range(20)]
    answers = await asyncio.gather(*asked)
    assert all(answer.usage and answer.usage.completion_tokens == 2 for answer in answers)
