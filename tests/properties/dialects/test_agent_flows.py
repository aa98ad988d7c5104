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
