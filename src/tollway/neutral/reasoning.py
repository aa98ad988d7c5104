"""How much a model is to think: the one table between words, budgets in tokens, and shares of the output limit. Pure.

The budgets are those that Google documents for the words of its OpenAI endpoint (ai.google.dev/gemini-api/docs/openai,
"Thinking": minimal and low 1,024, medium 8,192, high 24,576), and for the words above, Anthropic's advice to begin with
at most 32,000 and not to go beyond 64,000 without batches (docs.claude.com, "Extended thinking").
"""

from tollway.neutral.request import Effort, ReasoningWish

BUDGET_TOKENS = {
    Effort.NONE: 0,
    Effort.MINIMAL: 1_024,
    Effort.LOW: 1_024,
    Effort.MEDIUM: 8_192,
    Effort.HIGH: 24_576,
    Effort.XHIGH: 32_768,
    Effort.MAX: 65_536,
}
"""What each word is worth to a provider that counts."""

UNBOUNDED = -1
"""The budget that leaves it to the model (Gemini's "dynamic", Anthropic's "adaptive")."""

_WORDS = (
    (0, Effort.NONE),
    (1_024, Effort.LOW),
    (8_192, Effort.MEDIUM),
    (24_576, Effort.HIGH),
    (32_768, Effort.XHIGH),
)


def budget_tokens(wish: ReasoningWish) -> int | None:
    """Return the wish as a budget; UNBOUNDED leaves it to the model, None says nothing."""
    if wish.budget_tokens is not None:
        return wish.budget_tokens
    return None if wish.effort is None else BUDGET_TOKENS[wish.effort]


def effort(wish: ReasoningWish) -> Effort | None:
    """Return the wish as a word: the smallest whose budget is not below the wish's; None says nothing."""
    if wish.effort is not None or wish.budget_tokens is None:
        return wish.effort
    if wish.budget_tokens == UNBOUNDED:
        return Effort.MEDIUM
    return next((word for most, word in _WORDS if wish.budget_tokens <= most), Effort.MAX)


def nearest(word: Effort, known: tuple[Effort, ...]) -> Effort:
    """Return the word of a target's vocabulary that comes nearest, the smaller of two; `known` is not empty.

    To think a little is never turned into not to think, as long as there is another word.
    """
    order = list(Effort)
    at = order.index(word)
    thinking = known if word is Effort.NONE else tuple(other for other in known if other is not Effort.NONE)
    return min(thinking or known, key=lambda other: (abs(order.index(other) - at), order.index(other)))
