"""A user's program that asks with Mistral's client."""

from importlib.metadata import version
from typing import Any

import httpx
from mistralai.client import Mistral
from mistralai.client.utils import BackoffStrategy, RetryConfig

from tests.e2e.dialects.programs import jobs
from tests.e2e.dialects.programs.jobs import Job

http: Any = httpx.Client(event_hooks={"response": [jobs.note_head]}, timeout=60)
never = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), False)
client = Mistral(api_key=jobs.key(), server_url=jobs.url(), client=http, retry_config=never)
ID, NAME, ARGUMENTS = jobs.CALLED


def wishes_of(job: Job) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": jobs.prompt(job)}]
    wishes: dict[str, Any] = {"model": job["model"], "messages": messages, "max_tokens": 2000}
    functions = [{"name": name, "description": about, "parameters": schema} for name, about, schema in jobs.TOOLS]
    if job["case"] in {"tools", "parallel", "history"}:
        wishes["tools"] = [{"type": "function", "function": function} for function in functions]
    match job["case"]:
        case "history":
            function = {"name": NAME, "arguments": jobs.json.dumps(ARGUMENTS)}
            call = {"id": ID, "type": "function", "function": function}
            messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": ID, "name": NAME, "content": jobs.RESULT})
            messages.append({"role": "user", "content": jobs.AFTER})
        case "image":
            image = {"type": "image_url", "image_url": f"data:image/png;base64,{jobs.PNG}"}
            messages[0]["content"] = [{"type": "text", "text": jobs.prompt(job)}, image]
        case "reasoning":
            wishes["reasoning_effort"] = "high"
        case "schema":
            schema = {"name": "colour", "schema": jobs.SCHEMA, "strict": True}
            wishes["response_format"] = {"type": "json_schema", "json_schema": schema}
        case _:
            pass
    if job["system"]:
        messages.insert(0, {"role": "system", "content": jobs.SYSTEM})
    return wishes


def chat(job: Job) -> dict[str, Any]:
    seen: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": None}
    if not job["stream"]:
        answer = client.chat.complete(**wishes_of(job))
        choice: Any = answer.choices[0]
        add_content(choice.message.content, seen)
        for call in choice.message.tool_calls or []:
            seen["calls"].append([call.function.name, call.function.arguments])
        usage = answer.usage.model_dump(mode="json")
        return seen | {"stop": choice.finish_reason, "usage": usage} | jobs.headers(jobs.noted_head())

    def take(event: Any) -> None:
        for choice in event.data.choices:
            add_content(choice.delta.content, seen)
            for call in choice.delta.tool_calls or []:
                if call.index == len(seen["calls"]):
                    seen["calls"].append([call.function.name, ""])
                seen["calls"][call.index][1] += call.function.arguments
            seen["stop"] = choice.finish_reason or seen["stop"]
        if event.data.usage:
            seen["usage"] = event.data.usage.model_dump(mode="json")

    with client.chat.stream(**wishes_of(job)) as stream:
        seen |= jobs.headers(jobs.noted_head())
        jobs.read(stream, take, seen)
    return seen


def add_content(content: Any, seen: dict[str, Any]) -> None:
    if isinstance(content, str):
        seen["text"] += content


def told(error: Exception) -> dict[str, Any]:
    head = {name.lower(): value for name, value in getattr(error, "headers", {}).items()}
    return {
        "kind": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": None,
        "message": str(error),
        "body": getattr(error, "body", ""),
        "retry_after": head.get("retry-after"),
        "id": head.get("x-request-id"),
    }


jobs.run(version("mistralai"), {"mistral": chat}, told)
