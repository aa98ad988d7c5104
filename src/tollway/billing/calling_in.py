"""Asking again for money that workers have borrowed and that may lie idle with them. Knows no purse and no store."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

PAUSES_S = (0.06, 0.1, 0.2, 0.3)
"""Workers look every 50 ms whether something is wanted of them, and one that is busy may need a few turns. A person waits
for the sum of these."""

Pause = Callable[[float], None]
"""Let so many seconds pass."""

sleep: Pause = time.sleep


def ask_again(attempt: Callable[[], Answer], pause: Pause, *, good: Callable[[Answer], bool] = bool) -> Answer:
    """Attempt until the answer is good, for about two thirds of a second; return the last answer."""
    for seconds in PAUSES_S:
        answer = attempt()
        if good(answer):
            return answer
        pause(seconds)
    return attempt()
