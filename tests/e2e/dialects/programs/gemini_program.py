"""A user's program that asks with Google's client."""

import base64
from typing import Any

from google import genai
from google.genai import errors, types

from tests.e2e.dialects.programs import jobs
from tests.e2e.dialects.programs.jobs import Job

client = genai.Client(api_key=jobs.key(), http_options=types.HttpOptions(base_url=jobs.url(), timeout=60_000))
ID, NAME, ARGUMENTS = jobs.CALLED


def contents_of(job: Job) -> list[Any]:
    asked = types.Content(role="user", parts=[types.Part(text=jobs.prompt(job))])
    if job["case"] == "image":
        data = types.Part.from_bytes(data=base64.b64decode(jobs.PNG), mime_type="image/png")
        assert asked.parts
        asked.parts.append(data)
    if job["case"] != "history":
        return [asked]
    call = types.Part(function_call=types.FunctionCall(name=NAME, args=ARGUMENTS))
    answer = types.FunctionResponse(name=NAME, response={"result": jobs.RESULT})
    return [
        asked,
        types.Content(role="model", parts=[call]),
        types.Content(role="user", parts=[types.Part(function_response=answer)]),
        types.Content(role="user", parts=[types.Part(text=jobs.AFTER)]),
    ]


def config_of(job: Job) -> types.GenerateContentConfig:
    config = types.GenerateContentConfig(max_output_tokens=2000)
    if job["system"]:
        config.system_instruction = jobs.SYSTEM
    if job["case"] in {"tools", "parallel", "history"}:
        declared = [
            types.FunctionDeclaration(name=name, description=about, parameters_json_schema=schema)
            for name, about, schema in jobs.TOOLS
        ]
        config.tools = [types.Tool(function_declarations=declared)]
    if job["case"] == "reasoning":
        config.thinking_config = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    if job["case"] == "schema":
        config.response_mime_type = "application/json"
        config.response_json_schema = jobs.SCHEMA
    return config


def gemini(job: Job) -> dict[str, Any]:
    wishes: dict[str, Any] = {"model": job["model"], "contents": contents_of(job), "config": config_of(job)}
    seen: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "stop": None, "usage": None}

    def take(answer: Any) -> None:
        if "id" not in seen and answer.sdk_http_response:
            seen.update(jobs.headers({k.lower(): v for k, v in answer.sdk_http_response.headers.items()}))
        for candidate in answer.candidates or []:
            for part in (candidate.content.parts if candidate.content else None) or []:
                if part.function_call:
                    seen["calls"].append((part.function_call.name, jobs.json.dumps(part.function_call.args)))
                elif part.text:
                    seen["reasoning" if part.thought else "text"] += part.text
            if candidate.finish_reason:
                seen["stop"] = candidate.finish_reason.value
        if answer.usage_metadata:
            seen["usage"] = answer.usage_metadata.model_dump(mode="json", exclude_none=True)

    if job["stream"]:
        jobs.read(client.models.generate_content_stream(**wishes), take, seen)
    else:
        take(client.models.generate_content(**wishes))
    return seen


def told(error: Exception) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": type(error).__name__, "message": str(error), "body": str(error)}
    facts |= {"status": None, "code": None, "retry_after": None, "id": None}
    if isinstance(error, errors.APIError):
        response: Any = error.response
        headers = {name.lower(): value for name, value in getattr(response, "headers", {}).items()}
        details: Any = error.details
        inner = details.get("error", {}) if isinstance(details, dict) else {}
        facts |= {"status": error.code, "code": inner.get("code"), "id": headers.get("x-request-id")}
        facts |= {"retry_after": headers.get("retry-after"), "body": jobs.json.dumps(details)}
    return facts


jobs.run(genai.__version__, {"gemini": gemini}, told)
