"""How much a model is to think, in the words that chat clients and providers have for it, both ways. Knows no provider by name.

OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, the `thinking` object that several took over from Anthropic, and
Qwen's `enable_thinking` with `thinking_budget`.
"""

from collections.abc import Callable, Mapping

from tollway.dialects.openai_chat import asked
from tollway.neutral.reasoning import UNBOUNDED, budget_tokens, effort, nearest
from tollway.neutral.request import REASONING, Effort, ReasoningWish

_OFF = ("disabled", "none", "off")
_EFFORTS = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
"""The words that every provider knows which knows words."""


def wish_of(
    *,
    effort_word: str | None,
    reasoning: asked.Reasoning | None,
    thinking: asked.Thinking | None,
    enabled: bool | None,
    budget: int | None,
) -> ReasoningWish | None:
    """Return the wish that the fields state together; None where none of them says anything.

    A budget is more exact than a word, and a word than a switch.
    """
    tokens, word, shown = budget, effort_word, None
    if reasoning is not None:
        word = reasoning.effort or word
        tokens = reasoning.max_tokens if tokens is None else tokens
        enabled = reasoning.enabled if enabled is None else enabled
        shown = None if reasoning.exclude is None else not reasoning.exclude
    if thinking is not None:
        tokens = thinking.budget_tokens if tokens is None else tokens
        enabled = thinking.type not in _OFF if enabled is None else enabled
    if enabled is False:
        return ReasoningWish(budget_tokens=0, shown=shown)
    if tokens is not None:
        return ReasoningWish(budget_tokens=tokens, shown=shown)
    if word is not None:
        return ReasoningWish(effort=Effort(word), shown=shown)
    if enabled:
        return ReasoningWish(budget_tokens=UNBOUNDED, shown=shown)
    return None if shown is None else ReasoningWish(shown=shown)


Fields = dict[str, object]


def _as_word(wish: ReasoningWish, known: tuple[Effort, ...]) -> str | None:
    """Return the wish as one of the words that a provider knows; None where it wants no thought and has no word for it."""
    word = effort(wish)
    if word is None or (word is Effort.NONE and Effort.NONE not in known):
        return None
    return nearest(word, known).value


def _effort(wish: ReasoningWish, known: tuple[Effort, ...]) -> Fields:
    word = _as_word(wish, known)
    return {} if word is None else {"reasoning_effort": word}


def _thinking(wish: ReasoningWish, _known: tuple[Effort, ...]) -> Fields:
    tokens = budget_tokens(wish)
    if not tokens:
        return {} if tokens is None else {"thinking": {"type": "disabled"}}
    thinking: Fields = {"type": "enabled"}
    if tokens != UNBOUNDED:
        thinking["budget_tokens"] = tokens
    return {"thinking": thinking}


def _thinking_type(wish: ReasoningWish, _known: tuple[Effort, ...]) -> Fields:
    tokens = budget_tokens(wish)
    return {} if tokens is None else {"thinking": {"type": "enabled" if tokens else "disabled"}}


def _enable_thinking(wish: ReasoningWish, _known: tuple[Effort, ...]) -> Fields:
    tokens = budget_tokens(wish)
    if not tokens:
        return {} if tokens is None else {"enable_thinking": False}
    if tokens == UNBOUNDED:
        return {"enable_thinking": True}
    return {"enable_thinking": True, "thinking_budget": tokens}


def _reasoning_object(wish: ReasoningWish, known: tuple[Effort, ...]) -> Fields:
    reasoning: Fields = {}
    if wish.budget_tokens is not None and wish.budget_tokens > 0:
        reasoning["max_tokens"] = wish.budget_tokens
    elif wish.budget_tokens == UNBOUNDED:
        reasoning["enabled"] = True
    else:
        word = _as_word(wish, (Effort.NONE, *known))
        if word is not None:
            reasoning["effort"] = word
    if wish.shown is not None:
        reasoning["exclude"] = not wish.shown
    return {"reasoning": reasoning} if reasoning else {}


def _none(_wish: ReasoningWish, _known: tuple[Effort, ...]) -> Fields:
    return {}


FORMS: Mapping[str, Callable[[ReasoningWish, tuple[Effort, ...]], Fields]] = {
    "effort": _effort,
    "thinking": _thinking,
    "thinking_type": _thinking_type,
    "enable_thinking": _enable_thinking,
    "reasoning_object": _reasoning_object,
    "none": _none,
}


def render_wish(wish: ReasoningWish, options: Mapping[str, str]) -> tuple[Fields, list[str]]:
    """Return the members that state a wish in the provider's form, and its name where they state nothing of it."""
    words = options.get("efforts")
    known = tuple(Effort(word) for word in words.split()) if words else _EFFORTS
    fields = FORMS[options.get("reasoning", "effort")](wish, known)
    stated = wish.effort is not None or wish.budget_tokens is not None
    return fields, [REASONING] if stated and not fields else []
