"""A user's program that asks with Anthropic's client: whole answers, and streams by its helper."""

from typing import Any

import anthropic

from tests.e2e.dialects.programs import jobs
from tests.e2e.dialects.programs.jobs import Job

client = anthropic.Anthropic(base_url=jobs.url(), api_key=jobs.key(), max_retries=0, timeout=60)
ID, NAME, ARGUMENTS = jobs.CALLED


def wishes_of(job: Job) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": jobs.prompt(job)}]
    wishes: dict[str, Any] = {"model": job["model"], "max_tokens": 4000, "messages": messages}
    if job["system"]:
        wishes["system"] = jobs.SYSTEM
    if job["case"] in {"tools", "parallel", "history"}:
        wishes["tools"] = [
            {"name": name, "description": about, "input_schema": schema} for name, about, schema in jobs.TOOLS
        ]
    match job["case"]:
        case "history":
            use = {"type": "tool_use", "id": ID, "name": NAME, "input": ARGUMENTS}
            result = {"type": "tool_result", "tool_use_id": ID, "content": jobs.RESULT}
            after = {"type": "text", "text": jobs.AFTER}
            messages.append({"role": "assistant", "content": [use]})
            messages.append({"role": "user", "content": [result, after]})
        case "image":
            source = {"type": "base64", "media_type": "image/png", "data": jobs.PNG}
            image = {"type": "image", "source": source}
            messages[0]["content"] = [image, {"type": "text", "text": jobs.prompt(job)}]
        case "reasoning":
            wishes["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        case "schema":
            form = {"type": "json_schema", "schema": jobs.SCHEMA}
            wishes["extra_body"] = {"output_config": {"format": form}}
        case _:
            pass
    return wishes


def messages(job: Job) -> dict[str, Any]:
    wishes = wishes_of(job)
    if not job["stream"]:
        raw = client.messages.with_raw_response.create(**wishes)
        return jobs.headers(raw.headers) | blocks_of(raw.parse())
    seen: dict[str, Any] = {"text": ""}
    last: dict[str, Any] = {}
    with client.messages.stream(**wishes) as stream:
        seen |= jobs.headers(stream.response.headers)

        def take(event: Any) -> None:
            if event.type == "text":
                seen["text"] += event.text
            if event.type == "message_delta":  # its helper keeps only what it knows of it
                last.update(event.usage.to_dict())

        jobs.read(stream, take, seen)
        found = blocks_of(stream.get_final_message())
    assert found["text"] == seen["text"]
    return seen | found | {"usage": last | found["usage"]}


def blocks_of(message: Any) -> dict[str, Any]:
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "reasoning": "".join(block.thinking for block in message.content if block.type == "thinking"),
        "calls": [(block.name, jobs.json.dumps(block.input)) for block in message.content if block.type == "tool_use"],
        "stop": message.stop_reason,
        "usage": message.usage.to_dict(),
    }


def told(error: Exception) -> dict[str, Any]:
    response = getattr(error, "response", None)
    headers = {} if response is None else response.headers
    body_given = getattr(error, "body", None)
    error_given = body_given.get("error") if isinstance(body_given, dict) else None
    return {
        "kind": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": error_given.get("code") if isinstance(error_given, dict) else None,
        "message": str(error),
        "retry_after": headers.get("retry-after"),
        "body": jobs.json.dumps(body_given),
        "id": headers.get("x-request-id"),
    }


jobs.run(anthropic.__version__, {"messages": messages}, told)
