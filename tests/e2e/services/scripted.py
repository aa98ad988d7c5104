"""The scripted provider behind the services: it speaks OpenAI's chat and Anthropic's Messages, by the path that is asked."""

import json

from tests.e2e.dialects import provider as dialects
from tests.e2e.gateway.provider import Line, Provider, Script, Seen

TEXT = "Four score and séven years ago"
"""What it says to everything."""


class Scripted(Provider):
    """The server; a script that is set for a model takes the place of its answer."""

    def script_for(self, seen: Seen) -> Script:
        """Return what a request sets off."""
        return self.scripts.get(dialects.model_of(seen), dialects.answer)


def failing(status: int) -> Script:
    """Return a script that fails with a status."""

    async def fail(seen: Seen, to: Line) -> None:
        error = {"message": "The cluster is on fire", "type": "server_error", "param": None, "code": None}
        await to.whole(json.dumps({"error": error}).encode(), f"{status} Trouble")

    return fail
