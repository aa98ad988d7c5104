"""What agents send reaches a model of any other provider in a form that its API takes."""

import json

import pytest

from tests.dialect_matrix import parsed, rendered
from tests.properties.dialects.agent_requests import AGENTS
from tests.properties.dialects.provider_rules import RULES, mistakes
from tollway.errors import Refusal

REFUSED = {
    ("Codex", "cohere_chat"): "a picture in a result",
    ("Claude Code", "cohere_chat"): "a picture in a result",
}
"""Content and contracts that a dialect has no place for: named, and not dropped."""


@pytest.mark.parametrize("provider", RULES)
@pytest.mark.parametrize("agent", AGENTS)
def test_what_an_agent_sends_is_taken(agent: str, provider: str) -> None:
    client, body = AGENTS[agent]
    request = parsed(client, json.dumps(body).encode(), streamed=body.get("stream", False) is True)
    if (agent, provider) in REFUSED:
        with pytest.raises(Refusal):
            rendered(provider, request)
        return
    made = rendered(provider, request)
    assert mistakes(provider, json.loads(made.body), made.body) == []


@pytest.mark.parametrize("provider", ["anthropic_messages", "bedrock_converse", "gemini"])
def test_a_conversation_in_which_nobody_says_anything_is_refused(provider: str) -> None:
    request = parsed("openai_chat", b'{"model":"m","messages":[{"role":"user","content":""}]}')
    with pytest.raises(Refusal, match="says something"):
        rendered(provider, request)


@pytest.mark.parametrize("provider", ["gemini", "anthropic_messages", "bedrock_converse", "cohere_chat"])
def test_a_tool_that_must_be_called_must_be_there(provider: str) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"tool_choice":"required"}'
    with pytest.raises(Refusal, match="tool"):
        rendered(provider, parsed("openai_chat", body))


@pytest.mark.parametrize(
    ("provider", "words", "effort"),
    [
        ("openai_responses", None, "high"),
        ("openai_responses", "none low medium high xhigh", "xhigh"),
        ("openai_chat", None, "high"),
    ],
)
def test_the_most_effort_is_what_the_model_knows(provider: str, words: str | None, effort: str) -> None:
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "max"},
    }
    request = parsed("anthropic_messages", json.dumps(body).encode())
    options = {} if words is None else {"efforts": words}
    made = json.loads(rendered(provider, request, options=options).body)
    assert made.get("reasoning_effort", made.get("reasoning", {}).get("effort")) == effort
