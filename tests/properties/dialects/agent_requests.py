"""What agents send, by the agent: conversations with tools as Claude Code, Codex, Gemini's CLI and others write them."""

from typing import Any

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
LONG_ID = "call_" + "x" * 70
SESSION = '{"device_id":"' + "a" * 64 + '","account_uuid":"","session_id":"0c6e7f0e-0000-4000-8000-000000000000"}'
EMPTY_SCHEMA = {"type": "object"}
RICH_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "path": {"$ref": "#/$defs/path"},
        "mode": {"anyOf": [{"type": "string", "enum": ["r", "w"]}, {"type": "null"}]},
    },
    "required": ["path"],
    "additionalProperties": False,
    "$defs": {"path": {"type": "string", "minLength": 1}},
}


def _use(number: int, name: str = "Read", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_0{number}", "name": name, "input": given}


def _used(number: int, **said: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"toolu_0{number}", **said}


CLAUDE_CODE = {
    "model": "model-1",
    "max_tokens": 32_000,
    "stream": True,
    "metadata": {"user_id": SESSION},
    "system": [
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "\n# Environment", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ],
    "tools": [
        {"name": "Read", "description": "Reads", "input_schema": RICH_SCHEMA},
        {"name": "mcp__server__list", "description": "", "input_schema": EMPTY_SCHEMA},
        {"name": "Bash", "input_schema": {"type": "object", "properties": {}}, "cache_control": {"type": "ephemeral"}},
    ],
    "thinking": {"type": "enabled", "budget_tokens": 31_999},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "<system-reminder>x</system-reminder>"}]},
        {"role": "user", "content": "Look at the files"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Two files.", "signature": "RXJhc2Vk"},
                {"type": "redacted_thinking", "data": "UmVkYWN0ZWQ="},
                {"type": "text", "text": "\n\n"},
                _use(1, path="a.py"),
                _use(2, "mcp__server__list"),
            ],
        },
        {
            "role": "user",
            "content": [
                _used(2, content="", is_error=False),
                _used(
                    1,
                    content=[
                        {"type": "text", "text": "1\tprint()"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    ],
                ),
                {"type": "text", "text": "Go on", "cache_control": {"type": "ephemeral"}},
            ],
        },
        {"role": "assistant", "content": [_use(3, "Bash", command="ls")]},
        {"role": "user", "content": [_used(3, content="<tool_use_error>denied</tool_use_error>", is_error=True)]},
        {"role": "assistant", "content": [{"type": "text", "text": "It was denied."}]},
        {"role": "user", "content": [{"type": "text", "text": "Then stop."}]},
    ],
}

PREFILLED = {
    "model": "model-1",
    "max_tokens": 1,
    "temperature": 1,
    "messages": [{"role": "user", "content": "Is it new?"}, {"role": "assistant", "content": "{ "}],
}
"""Titles and quotas are asked for so."""

CODEX = {
    "model": "model-1",
    "instructions": "You are Codex.",
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "xhigh", "summary": "auto"},
    "text": {"verbosity": "low"},
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "prompt_cache_key": "0199-" + "a" * 80,
    "client_metadata": {"x": "y"},
    "tools": [
        {"type": "function", "name": "shell", "description": "Runs", "strict": False, "parameters": RICH_SCHEMA},
        {"type": "function", "name": "list_mcp_resources", "strict": False, "parameters": {}},
    ],
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Run the tests"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": "gAAAAA"},
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "I run them.", "annotations": [], "logprobs": []}],
        },
        {"type": "function_call", "id": "fc_1", "name": "shell", "arguments": '{"path":"."}', "call_id": "call_a"},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<approved>"}]},
        {"type": "function_call", "name": "list_mcp_resources", "arguments": "", "call_id": LONG_ID},
        {"type": "function_call_output", "call_id": "call_a", "output": '{"output":"ok","metadata":{"exit_code":0}}'},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Faster!"}]},
        {
            "type": "function_call_output",
            "call_id": LONG_ID,
            "output": [
                {"type": "input_text", "text": "shot"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
            ],
        },
        {"role": "user", "content": "And now?"},
    ],
}

GEMINI_CLI = {
    "systemInstruction": {"role": "user", "parts": [{"text": "You are an agent."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Look"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]},
        {
            "role": "model",
            "parts": [
                {"text": "**Plan**", "thought": True},
                {
                    "functionCall": {"id": "read_file-1-a", "name": "read_file", "args": {"path": "a"}},
                    "thoughtSignature": "skip_thought_signature_validator",
                },
                {"functionCall": {"name": "read_file", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "read_file-1-a", "name": "read_file", "response": {"output": "x"}}},
                {"functionResponse": {"name": "read_file", "response": {"error": "no such file"}}},
                {"text": "Go on"},
            ],
        },
        {"role": "model", "parts": [{"text": ""}]},
        {"role": "user", "parts": [{"text": "Please"}]},
    ],
    "tools": [
        {
            "functionDeclarations": [
                {"name": "read_file", "description": "Reads", "parametersJsonSchema": RICH_SCHEMA},
                {"name": "old", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
                {"name": "none"},
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "generationConfig": {
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": -1},
    },
}

OPEN_WEBUI = {
    "model": "model-1",
    "stream": True,
    "think": True,
    "keep_alive": "5m",
    "options": {"temperature": 0.7, "num_ctx": 8192, "num_predict": 512},
    "messages": [
        {"role": "system", "content": ""},
        {"role": "user", "content": "What is it?", "images": [PIXEL]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hm.",
            "tool_calls": [
                {"function": {"name": "look", "arguments": {"x": 1}}},
                {"function": {"name": "look", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "a cat", "tool_name": "look"},
        {"role": "tool", "content": "", "tool_name": "look"},
        {"role": "assistant", "content": "A cat."},
        {"role": "user", "content": "Sure?"},
    ],
    "tools": [{"type": "function", "function": {"name": "look", "description": "", "parameters": RICH_SCHEMA}}],
}

LANGGRAPH = {
    "model": "model-1",
    "stream": True,
    "stream_options": {"include_usage": True},
    "user": SESSION,
    "tools": [
        {"type": "function", "function": {"name": "search", "parameters": EMPTY_SCHEMA}},
        {"type": "function", "function": {"name": "noop", "description": "Nothing"}},
        {"type": "function", "function": {"name": "strict", "strict": True, "parameters": RICH_SCHEMA}},
    ],
    "tool_choice": "auto",
    "messages": [
        {"role": "developer", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "ann"},
        {"role": "user", "content": "Search twice"},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [
                {"id": LONG_ID, "type": "function", "function": {"name": "search", "arguments": ""}},
                {"id": "functions.search:1", "type": "function", "function": {"name": "search", "arguments": "{oops"}},
            ],
        },
        {"role": "system", "content": "Hurry"},
        {"role": "tool", "tool_call_id": "functions.search:1", "content": [{"type": "text", "text": "two"}]},
        {"role": "tool", "tool_call_id": LONG_ID, "content": ""},
        {"role": "assistant", "content": ""},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": ""},
                {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PIXEL}", "detail": "low"}},
            ],
        },
    ],
}

CUT_SHORT = {
    "model": "model-1",
    "messages": [
        {"role": "system", "content": " "},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "assistant", "content": "So: \n"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
}
"""A memory that keeps the last messages cut the question off; and the client begins the answer itself."""

TOOLS_GONE = {
    "model": "model-1",
    "messages": [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "user", "content": "Make a title of this"},
    ],
    "tool_choice": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": RICH_SCHEMA, "strict": True}},
}

AGENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Claude Code": ("anthropic_messages", CLAUDE_CODE),
    "a prefilled answer": ("anthropic_messages", PREFILLED),
    "Codex": ("openai_responses", CODEX),
    "Gemini's CLI": ("gemini", GEMINI_CLI),
    "Open WebUI": ("ollama_chat", OPEN_WEBUI),
    "LangGraph": ("openai_chat", LANGGRAPH),
    "a memory cut short": ("openai_chat", CUT_SHORT),
    "tools that are gone": ("openai_chat", TOOLS_GONE),
}
"""The dialect and the body."""
