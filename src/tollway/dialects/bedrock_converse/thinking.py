"""How the models behind Converse are told to think: the fields for each way, and what may not stand beside them. Pure."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from msgspec import Struct

from tollway.dialects.bedrock_converse.content import ASSISTANT, Block
from tollway.neutral.reasoning import BUDGET_TOKENS, UNBOUNDED, budget_tokens, effort, nearest
from tollway.neutral.request import ChatRequest, Effort, ReasoningWish, ToolUse

BUDGET_TOKENS_MIN = 1_024
"""The smallest budget that is taken; what is asked below is raised to it."""

_EFFORTS = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
_OFF = {"type": "disabled"}
_ANSWER_SHARE = 4
"""A quarter of the limit is left for the answer."""


class Asked(NamedTuple):
    """What a way to think depends on."""

    request: ChatRequest
    turns: list[Block]
    """The conversation as it is sent."""
    limit: int | None
    """Of the output, thoughts included."""


class Thinking(Struct, frozen=True, kw_only=True):
    """What a wish becomes."""

    fields: Mapping[str, object] = {}
    """Of `additionalModelRequestFields`."""
    carried: bool = False
    forbids: frozenset[str] = frozenset()
    """Tuning fields, by our names, that the provider refuses beside it."""


_NOT_CARRIED = Thinking()
_FORBIDDEN = frozenset(("temperature", "top_p", "top_k"))


def thinking_of(asked: Asked, way: str) -> Thinking:
    """Return what the request's wish becomes in the way that a model knows."""
    wish = asked.request.reasoning
    ways = _WAYS.get(way)
    word = None if wish is None else effort(wish)
    if wish is None or ways is None or word is None:
        return _NOT_CARRIED
    return ways(asked, wish, word)


def _budget(asked: Asked, wish: ReasoningWish, word: Effort) -> Thinking:
    if word is Effort.NONE:
        return Thinking(fields={"thinking": _OFF}, carried=True)
    if _is_forced(asked.request) or _speaks_for(asked.turns) or not _may_begin(asked.turns):
        return _NOT_CARRIED
    wanted = budget_tokens(wish)
    if wanted is None or wanted == UNBOUNDED:
        wanted = BUDGET_TOKENS[word]
    budget = max(wanted, BUDGET_TOKENS_MIN)
    if asked.limit is not None:
        budget = min(budget, asked.limit - asked.limit // _ANSWER_SHARE)
    if budget < BUDGET_TOKENS_MIN:
        return _NOT_CARRIED
    return Thinking(fields={"thinking": {"type": "enabled", "budget_tokens": budget}}, carried=True, forbids=_FORBIDDEN)


def _adaptive(asked: Asked, wish: ReasoningWish, word: Effort) -> Thinking:
    if word is Effort.NONE:
        return Thinking(fields={"thinking": _OFF}, carried=True)
    if _is_forced(asked.request) or _speaks_for(asked.turns):
        return _NOT_CARRIED
    # What newer models show by default is nothing: who asks for thinking is to read it, unless he says otherwise.
    display = "omitted" if wish.shown is False else "summarized"
    fields: dict[str, object] = {"thinking": {"type": "adaptive", "display": display}}
    if wish.budget_tokens != UNBOUNDED:
        fields["output_config"] = {"effort": nearest(word, (*_EFFORTS, Effort.MAX)).value}
    return Thinking(fields=fields, carried=True, forbids=_FORBIDDEN)


def _reasoning_config(asked: Asked, _wish: ReasoningWish, word: Effort) -> Thinking:
    if word is Effort.NONE:
        return Thinking(fields={"reasoningConfig": _OFF}, carried=True)
    # The highest effort is refused beside a limit and beside every sampling parameter.
    word = nearest(word, _EFFORTS if asked.limit is None else _EFFORTS[:-1])
    return Thinking(
        fields={"reasoningConfig": {"type": "enabled", "maxReasoningEffort": word.value}},
        carried=True,
        forbids=_FORBIDDEN if word is Effort.HIGH else frozenset(),
    )


def _word(_asked: Asked, _wish: ReasoningWish, word: Effort) -> Thinking:
    return Thinking(fields={"reasoning_effort": nearest(word, _EFFORTS).value}, carried=True)


_WAYS: Mapping[str, Callable[[Asked, ReasoningWish, Effort], Thinking]] = {
    "thinking": _budget,
    "adaptive": _adaptive,
    "reasoningConfig": _reasoning_config,
    "reasoning_effort": _word,
}


def _is_forced(request: ChatRequest) -> bool:
    """Must the model call a tool? It may not think then, and the choice is a contract."""
    return request.tool_choice is not None and request.tool_choice.use in {ToolUse.REQUIRED, ToolUse.NAMED}


def _speaks_for(turns: list[Block]) -> bool:
    """Does the client begin the answer itself? The model may not think then."""
    return turns[-1]["role"] == ASSISTANT


def _may_begin(turns: list[Block]) -> bool:
    """Tell whether thinking with a budget may be switched on here.

    Between the calls of tools and their results, an answer that did not begin with thinking must go on without.
    """
    calls = _kinds(turns[-2]) if len(turns) > 1 else []
    return not ("toolResult" in _kinds(turns[-1]) and "toolUse" in calls and calls[0] != "reasoningContent")


def _kinds(turn: Block) -> list[str]:
    return [kind for block in cast(list[Block], turn["content"]) for kind in block]
