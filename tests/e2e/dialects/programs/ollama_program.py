"""A user's program that asks with Ollama's client: chat and generate."""

from importlib.metadata import version
from typing import Any

import ollama

from tests.e2e.dialects.programs import jobs
from tests.e2e.dialects.programs.jobs import Job

client = ollama.Client(
    host=jobs.url(),
    headers={"authorization": f"Bearer {jobs.key()}"},
    event_hooks={"response": [jobs.note_head]},
    timeout=60,
)
ID, NAME, ARGUMENTS = jobs.CALLED


def chat_wishes(job: Job) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": jobs.prompt(job)}]
    wishes: dict[str, Any] = {"model": job["model"], "messages": messages, "options": {"num_predict": 2000}}
    if job["case"] in {"tools", "parallel", "history"}:
        wishes["tools"] = [
            {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
            for name, about, schema in jobs.TOOLS
        ]
    match job["case"]:
        case "history":
            call = {"function": {"name": NAME, "arguments": ARGUMENTS}}
            messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
            messages.append({"role": "tool", "tool_name": NAME, "content": jobs.RESULT})
            messages.append({"role": "user", "content": jobs.AFTER})
        case "image":
            messages[0]["images"] = [jobs.PNG]
        case "reasoning":
            wishes["think"] = True
        case "schema":
            wishes["format"] = jobs.SCHEMA
        case _:
            pass
    if job["system"]:
        messages.insert(0, {"role": "system", "content": jobs.SYSTEM})
    return wishes


def chat(job: Job) -> dict[str, Any]:
    answer: Any = client.chat(**chat_wishes(job), stream=job["stream"])
    seen: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": None}

    def take(part: Any) -> None:
        seen["text"] += part.message.content or ""
        seen["reasoning"] += part.message.thinking or ""
        for call in part.message.tool_calls or []:
            seen["calls"].append((call.function.name, jobs.json.dumps(dict(call.function.arguments))))
        note_end(part, seen)

    return take_all(job, answer, take, seen)


def generate(job: Job) -> dict[str, Any]:
    wishes: dict[str, Any] = {"model": job["model"], "prompt": jobs.prompt(job)}
    if job["system"]:
        wishes["system"] = jobs.SYSTEM
    match job["case"]:
        case "image":
            wishes["images"] = [jobs.PNG]
        case "reasoning":
            wishes["think"] = True
        case "schema":
            wishes["format"] = jobs.SCHEMA
        case _:
            pass
    answer: Any = client.generate(**wishes, stream=job["stream"], options={"num_predict": 2000})
    seen: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": None}

    def take(part: Any) -> None:
        seen["text"] += part.response or ""
        seen["reasoning"] += part.thinking or ""
        note_end(part, seen)

    return take_all(job, answer, take, seen)


def take_all(job: Job, answer: Any, take: Any, seen: dict[str, Any]) -> dict[str, Any]:
    if job["stream"]:
        jobs.read(answer, take, seen)
    else:
        take(answer)
    return seen | jobs.headers(jobs.noted_head())


def note_end(part: Any, seen: dict[str, Any]) -> None:
    if part.done:
        seen["stop"] = part.done_reason
        seen["usage"] = {"prompt_eval_count": part.prompt_eval_count, "eval_count": part.eval_count}


def told(error: Exception) -> dict[str, Any]:
    head = jobs.noted_head()
    return {
        "kind": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": None,
        "message": str(error),
        "body": str(error),
        "retry_after": head.get("retry-after"),
        "id": head.get("x-request-id"),
    }


jobs.run(version("ollama"), {"ollama_chat": chat, "ollama_generate": generate}, told)
