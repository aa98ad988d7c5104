"""How a wish to think is written for a provider of Messages, and when it cannot be. Knows no provider.

`edits.options["thinking"]` says how: `budget` (the default) gives a number of tokens, as models until Claude 4.6 want it;
`adaptive` leaves the number to the model and gives a word for the effort, as newer ones want it.

The limit on output counts the thinking too, here as in the dialects that the wish may come from, and the money is held
for that limit: it is never raised for the sake of thinking. Instead the budget goes down until a quarter of the limit is
left for the answer; where that leaves less than the least budget, the model does not think, and the wish is named.
"""

from typing import cast

from tollway.dialects.anthropic_messages.render_content import Block
from tollway.dialects.anthropic_messages.request import BUDGET_MIN
from tollway.dialects.anthropic_messages.words import EFFORTS, SHOWN_WORDS
from tollway.dialects.record import RequestEdits
from tollway.neutral.reasoning import BUDGET_TOKENS, UNBOUNDED, budget_tokens, effort, nearest
from tollway.neutral.request import REASONING, ChatRequest, Effort, ReasoningWish, ToolUse

OPTION, ADAPTIVE = "thinking", "adaptive"

_FORCED = frozenset((ToolUse.REQUIRED, ToolUse.NAMED))
_SEALS = frozenset(("thinking", "redacted_thinking"))
_ANSWER_SHARE = 4


def thinking_fields(
    request: ChatRequest, messages: list[Block], limit: int, edits: RequestEdits, dropped: list[str]
) -> dict[str, Block]:
    """Return `thinking`, and with it `output_config` where a word says how much; nothing where nothing is wished."""
    wish = request.reasoning
    tokens = None if wish is None else budget_tokens(wish)
    if wish is None or tokens is None:
        return {}
    if tokens == 0:
        return {"thinking": {"type": "disabled"}}
    adaptive = edits.options.get(OPTION) == ADAPTIVE
    if _is_forced(request) or _speaks_for(messages) or not (adaptive or _may_begin(messages)):
        dropped.append(REASONING)
        return {}
    if adaptive:
        return _adaptive(wish)
    wanted = BUDGET_TOKENS[Effort.MEDIUM] if tokens == UNBOUNDED else tokens
    budget = min(max(wanted, BUDGET_MIN), limit - limit // _ANSWER_SHARE)
    if budget < BUDGET_MIN:
        dropped.append(REASONING)
        return {}
    thinking: Block = {"type": "enabled", "budget_tokens": budget}
    if wish.shown is False:
        thinking["display"] = SHOWN_WORDS[False]
    return {"thinking": thinking}


def _adaptive(wish: ReasoningWish) -> dict[str, Block]:
    # What newer models show by default is nothing: who asks for thinking is to read it, unless he says otherwise.
    fields: dict[str, Block] = {"thinking": {"type": ADAPTIVE, "display": SHOWN_WORDS[wish.shown is not False]}}
    word = effort(wish)
    if word is not None and wish.budget_tokens != UNBOUNDED:
        fields["output_config"] = {"effort": nearest(word, tuple(EFFORTS.values())).value}
    return fields


def _is_forced(request: ChatRequest) -> bool:
    """Must the model call a tool? The API does not let it think then, and the choice is a contract."""
    return request.tool_choice is not None and request.tool_choice.use in _FORCED


def _speaks_for(messages: list[Block]) -> bool:
    """Does the client begin the answer itself? The API does not let the model think then."""
    return messages[-1]["role"] == "assistant"


def _may_begin(messages: list[Block]) -> bool:
    """Tell whether thinking with a budget may be switched on here.

    Between the calls of tools and their results, an answer that did not begin with thinking must go on without.
    """
    results, calls = _kinds(messages[-1]), _kinds(messages[-2]) if len(messages) > 1 else []
    return not ("tool_result" in results and "tool_use" in calls and calls[0] not in _SEALS)


def _kinds(message: Block) -> list[object]:
    content = message["content"]
    return [block["type"] for block in cast(list[Block], content)] if isinstance(content, list) else []
