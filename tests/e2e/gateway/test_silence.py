"""A provider that thinks for long: the client is kept awake, and a late failure is still told honestly."""

import asyncio
import json
import threading
from typing import Any

from tests.e2e.gateway.deployment import Deployment, sse_data
from tests.e2e.gateway.provider import Line, Provider, Seen, event, events
from tollway.relay.pump import KEEPALIVE_COMMENT, KEEPALIVE_S

CHAT = "/v1/chat/completions"


def ask(model: str) -> dict[str, object]:
    """Return a request for a stream."""
    return {"model": f"p/{model}", "messages": [{"role": "user", "content": "x"}], "stream": True}


def test_a_silent_stream_is_kept_awake_and_then_answered_or_refused_inside(
    tollway: Deployment, provider: Provider
) -> None:
    """One test for all, because each of them waits for KEEPALIVE_S."""
    account = tollway.account("5.00")
    key = tollway.key(account)

    async def thinks(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await asyncio.sleep(KEEPALIVE_S * 1.5)
        for piece in events("x"):
            await to.piece(piece)
        await to.end_stream()

    async def thinks_and_fails(seen: Seen, to: Line) -> None:
        await asyncio.sleep(KEEPALIVE_S * 1.5)
        await to.whole(b'{"error":{"message":"overloaded"}}', status="500 Oops")

    async def pauses(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("x", {"content": "first"}))
        await asyncio.sleep(KEEPALIVE_S * 2.2)
        for piece in events("x")[1:]:
            await to.piece(piece)
        await to.end_stream()

    provider.scripts |= {"thinks": thinks, "fails": thinks_and_fails, "pauses": pauses}
    replies: dict[str, Any] = {}

    def run(model: str) -> None:
        with tollway.client(key) as client:
            replies[model] = client.post(CHAT, json=ask(model), timeout=60)

    threads = [threading.Thread(target=run, args=(model,)) for model in ("thinks", "fails", "pauses")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    comment = KEEPALIVE_COMMENT.decode()
    assert replies["thinks"].text.startswith(comment)
    assert sse_data(replies["thinks"].text)[-1] == "[DONE]"
    assert comment in replies["pauses"].text
    assert sse_data(replies["pauses"].text)[-1] == "[DONE]"
    failed = replies["fails"]
    assert failed.status_code == 200, "the head had to go out with the comment"
    assert failed.text.startswith(comment)
    [told] = [json.loads(data) for data in sse_data(failed.text)]
    assert told["error"]["code"] == "upstream_error"
    line = tollway.command("requests", "show", failed.headers["x-request-id"])
    assert (line["outcome"], line["total_cost"]) == ("failed", "0.00")
    assert tollway.balance(account)[1] == 0
    tollway.check()
