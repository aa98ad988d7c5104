"""The official libraries as agents use them: each reads a stream, and says what it keeps as history of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai
from google import genai
from google.genai import types

Body = dict[str, Any]

SSE = {"content-type": "text/event-stream"}
QUESTION = "How warm is it?"
RESULTS = ("12 degrees", "")
"""What the tools answer, in the order of their calls."""
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = ("weather", "now")


def _openai(stream: bytes) -> openai.OpenAI:
    answer = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=stream, headers=SSE))
    return openai.OpenAI(api_key="k", base_url="http://t.example/v1", http_client=httpx2.Client(transport=answer))


def chat(stream: bytes) -> Body:
    """Chat completions, as LangChain and Vercel's library keep it."""
    with _openai(stream).chat.completions.stream(model="m", messages=[{"role": "user", "content": QUESTION}]) as read:
        for _ in read:
            pass
        message = read.get_final_completion().choices[0].message
    said = message.to_dict(mode="json")
    said.pop("parsed", None)
    for call in message.tool_calls or ():
        json.loads(call.function.arguments or "{}")
    calls = [call.id for call in message.tool_calls or ()]
    results = [
        {"role": "tool", "tool_call_id": call, "content": text} for call, text in zip(calls, RESULTS, strict=False)
    ]
    tools = [{"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in TOOLS]
    return {"model": "m", "messages": [{"role": "user", "content": QUESTION}, said, *results], "tools": tools}


def responses(stream: bytes) -> Body:
    """Responses, as the Agents library keeps it."""
    with _openai(stream).responses.stream(model="m", input=QUESTION) as read:
        for _ in read:
            pass
        items = [item.to_dict(mode="json") for item in read.get_final_response().output]
    for item in items:
        item.pop("parsed_arguments", None)
    calls = [item["call_id"] for item in items if item["type"] == "function_call"]
    results = [
        {"type": "function_call_output", "call_id": call, "output": text}
        for call, text in zip(calls, RESULTS, strict=False)
    ]
    tools = [{"type": "function", "name": name, "parameters": PARAMETERS, "strict": False} for name in TOOLS]
    return {
        "model": "m",
        "store": False,
        "input": [{"role": "user", "content": QUESTION}, *items, *results],
        "tools": tools,
    }


def messages(stream: bytes) -> Body:
    """Messages, as Claude Code keeps it."""
    answer = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=stream, headers=SSE))
    client = anthropic.Anthropic(api_key="k", base_url="http://t.example", http_client=httpx2.Client(transport=answer))
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": QUESTION}]) as read:
        final = read.get_final_message()
    content = [block.to_dict(mode="json") for block in final.content]
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call, "content": text}
        for call, text in zip(calls, RESULTS, strict=False)
    ]
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": content}]
    return {
        "model": "m",
        "max_tokens": 900,
        "messages": [*turns, {"role": "user", "content": results}],
        "tools": [{"name": name, "input_schema": PARAMETERS} for name in TOOLS],
    }


def gemini(stream: bytes) -> Body:
    """Gemini's, as its library's chats keep it."""
    answer = httpx.MockTransport(lambda _request: httpx.Response(200, content=stream, headers=SSE))
    options = types.HttpOptions(httpx_client=httpx.Client(transport=answer))
    talk = genai.Client(api_key="k", vertexai=False, http_options=options).chats.create(model="m")
    for _ in talk.send_message_stream(QUESTION):
        pass
    contents = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in talk.get_history()]
    calls = [part["functionCall"] for each in contents for part in each["parts"] if "functionCall" in part]
    results = [
        {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": text}}}
        for call, text in zip(calls, RESULTS, strict=False)
    ]
    declared = [{"name": name, "parametersJsonSchema": PARAMETERS} for name in TOOLS]
    return {
        "contents": [*contents, {"role": "user", "parts": results}],
        "tools": [{"functionDeclarations": declared}],
    }


def ollama_chat(stream: bytes) -> Body:
    """Ollama's, as Open WebUI keeps it."""
    answer = httpx.MockTransport(lambda _request: httpx.Response(200, content=stream))
    client = ollama.Client(host="http://t.example", transport=answer)
    said: Body = {"role": "assistant", "content": "", "thinking": "", "tool_calls": []}
    for chunk in client.chat(model="m", messages=[{"role": "user", "content": QUESTION}], stream=True):
        said["content"] += chunk.message.content or ""
        said["thinking"] += chunk.message.thinking or ""
        said["tool_calls"] += [call.model_dump(mode="json") for call in chunk.message.tool_calls or ()]
    results = [
        {"role": "tool", "tool_name": call["function"]["name"], "content": text}
        for call, text in zip(said["tool_calls"], RESULTS, strict=False)
    ]
    tools = [{"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in TOOLS]
    turns = [{"role": "user", "content": QUESTION}, said, *results]
    return {"model": "m", "stream": False, "messages": turns, "tools": tools}


CLIENTS: Mapping[str, Callable[[bytes], Body]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic_messages": messages,
    "gemini": gemini,
    "ollama_chat": ollama_chat,
}
"""What an agent sends next: the conversation so far, with the answer of the stream, and with what its tools say."""
