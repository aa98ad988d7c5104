"""How the models behind Converse are told to think: the fields for each way, and what may not stand beside them. Pure."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from tollway.neutral.reasoning import BUDGET_TOKENS, UNBOUNDED, budget_tokens, effort, nearest
from tollway.neutral.request import ChatRequest, Effort, ReasoningWish, ToolUse

BUDGET_TOKENS_MIN = 1_024
"""The smallest budget that is taken; what is asked below is raised to it."""

_EFFORTS = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
_OFF = {"type": "disabled"}


class Thinking(Struct, frozen=True, kw_only=True):
    """What a wish becomes."""

    fields: Mapping[str, object] = {}
    """Of `additionalModelRequestFields`."""
    carried: bool = False
    forbids: frozenset[str] = frozenset()
    """Tuning fields, by our names, that the provider refuses beside it."""


_NOT_CARRIED = Thinking()
_FORBIDDEN = frozenset(("temperature", "top_p", "top_k"))


def thinking_of(request: ChatRequest, way: str, limit: int | None) -> Thinking:
    """Return what the request's wish becomes in the way that a model knows; `limit` is that of the output."""
    wish = request.reasoning
    ways = _WAYS.get(way)
    if wish is None or ways is None or effort(wish) is None:
        return _NOT_CARRIED
    return ways(request, wish, limit)


def _budget(request: ChatRequest, wish: ReasoningWish, limit: int | None) -> Thinking:
    budget = budget_tokens(wish) or 0
    if budget == 0:
        return Thinking(fields={"thinking": _OFF}, carried=True)
    if _is_forced(request):
        return _NOT_CARRIED  # thinking and a forced tool exclude each other, and the tool is the contract
    budget = max(BUDGET_TOKENS[Effort.MEDIUM] if budget == UNBOUNDED else budget, BUDGET_TOKENS_MIN)
    if limit is not None:
        budget = min(budget, limit - 1)
    if budget < BUDGET_TOKENS_MIN:
        return _NOT_CARRIED
    return Thinking(fields={"thinking": {"type": "enabled", "budget_tokens": budget}}, carried=True, forbids=_FORBIDDEN)


def _adaptive(request: ChatRequest, wish: ReasoningWish, _limit: int | None) -> Thinking:
    word = effort(wish)
    if word is None or word is Effort.NONE:
        return Thinking(fields={"thinking": _OFF}, carried=True)
    if _is_forced(request):
        return _NOT_CARRIED
    fields: dict[str, object] = {"thinking": {"type": "adaptive"}}
    if wish.budget_tokens != UNBOUNDED:
        fields["output_config"] = {"effort": nearest(word, (*_EFFORTS, Effort.MAX)).value}
    return Thinking(fields=fields, carried=True, forbids=_FORBIDDEN)


def _reasoning_config(_request: ChatRequest, wish: ReasoningWish, limit: int | None) -> Thinking:
    word = effort(wish)
    if word is None or word is Effort.NONE:
        return Thinking(fields={"reasoningConfig": _OFF}, carried=True)
    # The highest effort is refused beside a limit and beside every sampling parameter.
    word = nearest(word, _EFFORTS if limit is None else _EFFORTS[:-1])
    return Thinking(
        fields={"reasoningConfig": {"type": "enabled", "maxReasoningEffort": word.value}},
        carried=True,
        forbids=_FORBIDDEN if word is Effort.HIGH else frozenset(),
    )


def _word(_request: ChatRequest, wish: ReasoningWish, _limit: int | None) -> Thinking:
    word = nearest(effort(wish) or Effort.LOW, _EFFORTS)
    return Thinking(fields={"reasoning_effort": word.value}, carried=True)


_WAYS: Mapping[str, Callable[[ChatRequest, ReasoningWish, int | None], Thinking]] = {
    "thinking": _budget,
    "adaptive": _adaptive,
    "reasoningConfig": _reasoning_config,
    "reasoning_effort": _word,
}


def _is_forced(request: ChatRequest) -> bool:
    return request.tool_choice is not None and request.tool_choice.use in {ToolUse.REQUIRED, ToolUse.NAMED}
