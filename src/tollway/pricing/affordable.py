"""How much output an amount of money covers: for a limit that is lowered before a request, and for a hold that is extended.

Pure; knows no purse. It does not compute a price a second time: it asks the function that the hold was computed by, so
that what it finds is exact whatever a card looks like.
"""

from collections.abc import Callable

NeedOf = Callable[[int], int]
"""What a request needs at most with a given output limit per choice, in the unit of whoever pays; never falls."""

TOKENS_MAX = 2**31 - 1
"""Where counting stops for what costs nothing: providers keep token counts in 32 bits."""


def affordable_output_tokens(need_of: NeedOf, *, available: int, tokens_max: int = TOKENS_MAX) -> int:
    """Return the greatest output limit per choice, up to `tokens_max`, whose need is within `available`.

    0 when not even the input is covered, or nothing besides it. Takes one or two calls of `need_of` where nothing or
    everything is covered, else one for each bit of `tokens_max`.
    """
    if need_of(1) > available:
        return 0
    if need_of(tokens_max) <= available:
        return tokens_max
    covered, beyond = 1, tokens_max
    while beyond - covered > 1:
        between = (covered + beyond) // 2
        if need_of(between) <= available:
            covered = between
        else:
            beyond = between
    return covered


def tokens_covered(need_of: NeedOf, *, held: int, choices: int) -> int:
    """Return how many output tokens a hold covers after its input, over all choices of the request."""
    return affordable_output_tokens(need_of, available=held) * choices
