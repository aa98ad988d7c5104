"""A user's program with the official client, of whatever version is first on the path: whole, streamed, sync and async.

Prints one JSON object: the version, and for each way the text, the cost in the reply, and the request id.
"""

import asyncio
import json
import os
from typing import Any

import openai

BASE_URL, KEY = os.environ["TOLLWAY_URL"], os.environ["TOLLWAY_KEY"]
ASK = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 12,
    "temperature": 0,
}
WAYS: dict[str, object] = {"version": openai.__version__}


def whole(raw: Any) -> dict[str, object]:
    """Return what a whole answer says."""
    answer = raw.parse()
    return {
        "text": answer.choices[0].message.content,
        "cost": str(answer.usage.total_cost_usd),
        "id": raw.headers["x-request-id"],
    }


def cost_of(chunk: Any) -> str:
    """Return the cost on the last chunk of a stream."""
    return str(chunk.usage.total_cost_usd)


def sync() -> None:
    """Ask with the blocking client."""
    with openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0) as client:
        WAYS["sync"] = whole(client.chat.completions.with_raw_response.create(**ASK))
        text, last = "", None
        for chunk in client.chat.completions.create(**ASK, stream=True):
            text += chunk.choices[0].delta.content or ""
            last = chunk
        WAYS["sync stream"] = {"text": text, "cost": cost_of(last)}


async def asynchronous() -> None:
    """Ask with the async client."""
    async with openai.AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0) as client:
        WAYS["async"] = whole(await client.chat.completions.with_raw_response.create(**ASK))
        text, last = "", None
        async for chunk in await client.chat.completions.create(
            **ASK, stream=True, stream_options={"include_usage": True}
        ):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            last = chunk
        WAYS["async stream"] = {"text": text, "cost": cost_of(last)}


sync()
asyncio.run(asynchronous())
print(json.dumps(WAYS))
