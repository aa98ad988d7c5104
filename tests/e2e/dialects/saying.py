"""What a scripted provider says in any dialect, and what it counts: the facts that every client must find again."""

import json
from dataclasses import dataclass

INPUT, CACHED, OUTPUT, REASONING = 1000, 200, 100, 20

SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS1pc3N1ZXI="
THOUGHT = "They greet me."
SEALED_THOUGHT = "Weather is asked."


@dataclass(frozen=True)
class Call:
    """One tool call."""

    id: str
    name: str
    arguments: dict[str, object]

    @property
    def text(self) -> str:
        """Its arguments as text."""
        return json.dumps(self.arguments)


@dataclass(frozen=True)
class Saying:
    """One answer: reasoning, then text, then calls."""

    text: tuple[str, ...] = ()
    reasoning: str = ""
    signature: str = ""
    calls: tuple[Call, ...] = ()


WEATHER = Call("call_w1", "weather", {"city": "Paris", "days": 2})
TIME = Call("call_t1", "clock", {"zone": "Europe/Paris"})

TEXT = Saying(text=("Four score", " and séven", " years ago"))

SAYINGS: dict[str, Saying] = {
    "text": TEXT,
    "history": TEXT,
    "image": TEXT,
    "tools": Saying(calls=(WEATHER,)),
    "parallel": Saying(text=("Looking.",), calls=(WEATHER, TIME)),
    "reasoning": Saying(text=("Hello.",), reasoning=THOUGHT, signature=SIGNATURE),
    "sealed": Saying(reasoning=SEALED_THOUGHT, signature=SIGNATURE, calls=(WEATHER,)),
    "schema": Saying(text=('{"colour":', '"red"}')),
}
"""By the first word of the model's name; what is not here is answered as `text`."""
