"""Reads our bytes as the official client does: run with either generation of it, apart from our code.

Takes on its input a JSON list of {"kind", "body"}, and prints for each what the client found.
"""

import json
import sys
from typing import Any

import openai

HTTP: Any = sys.modules.get("httpx2") or sys.modules["httpx"]
"""What this generation of the client speaks through."""


def client_of(body: str, kind: str) -> openai.OpenAI:
    content_type = "application/json" if kind == "whole" else "text/event-stream"

    def answer(_request: Any) -> Any:
        return HTTP.Response(200, content=body.encode(), headers={"content-type": content_type})

    return openai.OpenAI(
        api_key="none",
        base_url="http://127.0.0.1/v1",
        http_client=HTTP.Client(transport=HTTP.MockTransport(answer)),
        max_retries=0,
        _strict_response_validation=True,
    )


def found_in(body: str, kind: str) -> dict[str, Any]:
    client = client_of(body, kind)
    if kind == "whole":
        response = client.responses.create(model="m", input="Hi")
        return {"response": response.to_dict(mode="json"), "text": response.output_text}
    if kind == "events":
        events = list(client.responses.create(model="m", input="Hi", stream=True))
        return {"types": [event.type for event in events], "classes": [type(event).__name__ for event in events]}
    seen: list[str] = []
    try:
        with client.responses.stream(model="m", input="Hi") as stream:
            for event in stream:
                seen.append(event.type)  # noqa: PERF401  an error shows what came before it
            final = stream.get_final_response()
    except openai.APIError as error:
        return {"error": error.message, "seen": seen}
    return {"response": final.to_dict(mode="json"), "text": final.output_text, "seen": seen}


print(json.dumps([found_in(each["body"], each["kind"]) for each in json.load(sys.stdin)]))
