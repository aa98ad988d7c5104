"""A user's program that asks with OpenAI's client: chat, completions, Responses."""

from typing import Any

import openai

from tests.e2e.dialects.programs import jobs
from tests.e2e.dialects.programs.jobs import Job

client = openai.OpenAI(base_url=f"{jobs.url()}/v1", api_key=jobs.key(), max_retries=0, timeout=60)

FUNCTIONS = [{"name": name, "description": about, "parameters": schema} for name, about, schema in jobs.TOOLS]
ID, NAME, ARGUMENTS = jobs.CALLED
HISTORY_CALL = {"id": ID, "type": "function", "function": {"name": NAME, "arguments": jobs.json.dumps(ARGUMENTS)}}


def chat_wishes(job: Job) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": jobs.prompt(job)}]
    wishes: dict[str, Any] = {"model": job["model"], "messages": messages, "max_tokens": 2000}
    match job["case"]:
        case "tools" | "parallel":
            wishes["tools"] = [{"type": "function", "function": function} for function in FUNCTIONS]
        case "history":
            wishes["tools"] = [{"type": "function", "function": function} for function in FUNCTIONS]
            messages.append({"role": "assistant", "content": None, "tool_calls": [HISTORY_CALL]})
            messages.append({"role": "tool", "tool_call_id": ID, "content": jobs.RESULT})
            messages.append({"role": "user", "content": jobs.AFTER})
        case "image":
            image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{jobs.PNG}"}}
            messages[0] = {"role": "user", "content": [{"type": "text", "text": jobs.prompt(job)}, image]}
        case "reasoning":
            wishes["reasoning_effort"] = "low"
        case "schema":
            schema = {"name": "colour", "schema": jobs.SCHEMA, "strict": True}
            wishes["response_format"] = {"type": "json_schema", "json_schema": schema}
        case _:
            pass
    if job["stream"]:
        wishes["stream"] = True
        if job["case"] == "tools":
            wishes["stream_options"] = {"include_usage": True}
    if job["system"]:
        messages.insert(0, {"role": "system", "content": jobs.SYSTEM})
    return wishes


def chat(job: Job) -> dict[str, Any]:
    raw = client.chat.completions.with_raw_response.create(**chat_wishes(job))
    seen: dict[str, Any] = jobs.headers(raw.headers)
    answer: Any = raw.parse()
    if not job["stream"]:
        choice = answer.choices[0]
        calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
        text, thought = choice.message.content or "", getattr(choice.message, "reasoning_content", None) or ""
        stop, usage = choice.finish_reason, answer.usage.to_dict()
        return seen | {"text": text, "reasoning": thought, "calls": calls, "stop": stop, "usage": usage}
    seen |= {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": None}

    def take(chunk: Any) -> None:
        for choice in chunk.choices:
            seen["text"] += choice.delta.content or ""
            seen["reasoning"] += getattr(choice.delta, "reasoning_content", None) or ""
            for call in choice.delta.tool_calls or []:
                if call.index == len(seen["calls"]):
                    assert call.id
                    seen["calls"].append([call.function.name, ""])
                seen["calls"][call.index][1] += call.function.arguments or ""
            seen["stop"] = choice.finish_reason or seen["stop"]
        if chunk.usage is not None:
            seen["usage"] = chunk.usage.to_dict()

    jobs.read(answer, take, seen)
    return seen


def completions(job: Job) -> dict[str, Any]:
    wishes: dict[str, Any] = {"model": job["model"], "prompt": jobs.prompt(job), "max_tokens": 2000}
    raw = client.completions.with_raw_response.create(**wishes, stream=job["stream"])
    seen: dict[str, Any] = jobs.headers(raw.headers)
    answer: Any = raw.parse()
    if not job["stream"]:
        choice = answer.choices[0]
        return seen | {"text": choice.text, "stop": choice.finish_reason, "usage": answer.usage.to_dict()}
    seen |= {"text": "", "stop": None, "usage": None}

    def take(chunk: Any) -> None:
        for choice in chunk.choices:
            seen["text"] += choice.text
            seen["stop"] = choice.finish_reason or seen["stop"]
        if chunk.usage is not None:
            seen["usage"] = chunk.usage.to_dict()

    jobs.read(answer, take, seen)
    return seen


def responses_wishes(job: Job) -> dict[str, Any]:
    asked: list[Any] = [{"role": "user", "content": jobs.prompt(job)}]
    wishes: dict[str, Any] = {
        "model": job["model"],
        "input": asked,
        "max_output_tokens": 2000,
        "store": False,
    }
    if job["system"]:
        wishes["instructions"] = jobs.SYSTEM
    if job["case"] in {"tools", "parallel", "history"}:
        wishes["tools"] = [{"type": "function", "strict": False, **function} for function in FUNCTIONS]
    match job["case"]:
        case "history":
            arguments = jobs.json.dumps(ARGUMENTS)
            asked.append({"type": "function_call", "call_id": ID, "name": NAME, "arguments": arguments})
            asked.append({"type": "function_call_output", "call_id": ID, "output": jobs.RESULT})
            asked.append({"role": "user", "content": jobs.AFTER})
        case "image":
            image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{jobs.PNG}"}
            asked[0]["content"] = [{"type": "input_text", "text": jobs.prompt(job)}, image]
        case "reasoning":
            wishes["reasoning"] = {"effort": "low", "summary": "auto"}
        case "schema":
            schema = {"type": "json_schema", "name": "colour", "schema": jobs.SCHEMA, "strict": True}
            wishes["text"] = {"format": schema}
        case _:
            wishes["input"] = jobs.prompt(job)
    return wishes


def items_of(response: Any) -> dict[str, Any]:
    thoughts = [part.text for item in response.output if item.type == "reasoning" for part in item.summary or []]
    calls = [(item.name, item.arguments) for item in response.output if item.type == "function_call"]
    return {
        "text": response.output_text,
        "reasoning": "".join(thoughts),
        "calls": calls,
        "stop": response.status,
        "usage": response.usage.to_dict(),
    }


def responses(job: Job) -> dict[str, Any]:
    raw = client.responses.with_raw_response.create(**responses_wishes(job), stream=job["stream"])
    seen: dict[str, Any] = jobs.headers(raw.headers)
    answer: Any = raw.parse()
    if not job["stream"]:
        return seen | items_of(answer)
    seen |= {"text": "", "numbers": []}
    thoughts: list[str] = []
    arguments: dict[int, str] = {}
    last: list[Any] = []

    def take(event: Any) -> None:
        seen["numbers"].append(event.sequence_number)
        match event.type:
            case "response.output_text.delta":
                seen["text"] += event.delta
            case "response.reasoning_summary_text.delta":
                thoughts.append(event.delta)
            case "response.function_call_arguments.delta":
                arguments[event.output_index] = arguments.get(event.output_index, "") + event.delta
            case "response.completed" | "response.incomplete":
                last.append(event.response)
            case "response.failed":
                raise RuntimeError(event.response.error.message)
            case _:
                pass

    jobs.read(answer, take, seen)
    found = items_of(last[0])
    assert found["text"] == seen["text"], (found, seen)
    assert found["reasoning"] == "".join(thoughts), (found, thoughts)
    assert [each for _, each in found["calls"]] == list(arguments.values()), (found, arguments)
    assert seen["numbers"] == list(range(len(seen["numbers"])))
    return seen | found


def told(error: Exception) -> dict[str, Any]:
    response = getattr(error, "response", None)
    return {
        "kind": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "message": str(error),
        "retry_after": None if response is None else response.headers.get("retry-after"),
        "body": None if response is None else response.text,
        "id": None if response is None else response.headers.get("x-request-id"),
    }


jobs.run(openai.__version__, {"chat": chat, "completions": completions, "responses": responses}, told)
