"""What changes between dialects without being named in a warning: each a rule that docs/dialects.md states.

The properties over all pairs allow a difference only where a rule stands here, and the document is written from it.
"""

from dataclasses import dataclass

EVERY = ("*",)


@dataclass(frozen=True)
class Rule:
    """One fact that another dialect may hold otherwise."""

    fact: str
    """As `conserved.facts_of` calls it."""
    dialects: tuple[str, ...]
    """On their way to these; `*` is every one."""
    sentence: str


RULES = (
    Rule(
        "reasoning text",
        EVERY,
        "Earlier reasoning without a seal is left out where a dialect has no place for it: no provider misses the "
        "thoughts of another. Sealed reasoning that cannot go is named `sealed reasoning`.",
    ),
    Rule(
        "response_format.name",
        ("anthropic_messages", "gemini", "ollama_chat", "ollama_generate", "cohere_chat"),
        "The name of a JSON schema is a label; where there is no place for one it is left out. Its description says "
        "something to the model, and is named `description` when it is left out.",
    ),
    Rule(
        "response_format.strict",
        ("anthropic_messages", "gemini", "ollama_chat", "ollama_generate", "cohere_chat"),
        "`strict` of a JSON schema is left out where every schema is held to strictly.",
    ),
    Rule(
        "reasoning.shown",
        ("openai_chat", "openai_completions", "anthropic_messages", "ollama_chat", "ollama_generate"),
        "The wish to read the thoughts is left out where they are always shown.",
    ),
)


def excused_of(dialect: str) -> set[str]:
    """Return the facts that may be others in a request for a provider of this dialect."""
    return {rule.fact for rule in RULES if rule.dialects == EVERY or dialect in rule.dialects}
