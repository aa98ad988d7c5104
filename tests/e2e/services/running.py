"""A snippet run as its page has it: what stands above it first, and what all that led to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.e2e.gateway.provider import Seen
from tests.e2e.services.deployments import CANARY, Served
from tests.e2e.services.interpreter import Interpreter, Ran
from tests.e2e.services.scripted import Scripted
from tests.e2e.services.seeds import BRANDS, SNIPPETS_BY_ROW


class Outcome(NamedTuple):
    """What came of one snippet."""

    ran: Ran
    sent: list[Seen]
    """What arrived at the provider."""
    exchanges: list[dict[str, Any]]
    """What the books say, the oldest first."""


class Reader:
    """Somebody who runs snippets against one brand with one generation of clients."""

    def __init__(self, served: Served, provider: Scripted, interpreter: Interpreter) -> None:
        self.served = served
        self.account = served.account()
        self._provider = provider
        self._interpreter = interpreter

    def run(
        self, row: str, *, then: str = "", secret: str | None = None, changes: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run a row, and then a program of ours with its names; `secret` is another key than a good one."""
        snippet = SNIPPETS_BY_ROW[row]
        key = self.served.key(self.account)
        assert key["key"].startswith(snippet.brand.key_prefix)
        for at, name in enumerate(snippet.above):
            self._run(name, key["key"], fresh=at == 0)
        arrived, asked = len(self._provider.seen), len(self.served.exchanges(key["id"]))
        ran = self._run(row, secret or key["key"], fresh=not snippet.above, changes=changes, then=then)
        return Outcome(ran, self._provider.seen[arrived:], self.served.exchanges(key["id"])[asked:])

    def _run(
        self, row: str, secret: str, *, fresh: bool, changes: Mapping[str, str] | None = None, then: str = ""
    ) -> Ran:
        snippet = SNIPPETS_BY_ROW[row]
        code = snippet.at(url=self.served.url, key=secret, changes=changes)
        variable = snippet.brand.key_variable
        env = {variable: secret} if variable else {}
        return self._interpreter.run(row, f"{code}\n{then}", env=env, fresh=fresh)


OURS = ("x-tollway", *(brand.header_prefix for brand in BRANDS.values()))


def assert_nothing_of_ours_is_sent(sent: list[Seen]) -> None:
    """Assert that what is between a client and its gateway stays there."""
    for seen in sent:
        assert not [name for name in seen.headers if name.startswith(OURS)], seen.headers
        told = f"{seen.headers} {seen.raw!r}"
        assert not [word for word in ("user_abc", "sess_xyz", "_of_this_request") if word in told], told
        credentials = {seen.headers.get("authorization", "").removeprefix("Bearer "), seen.headers.get("x-api-key", "")}
        assert credentials - {""} == {CANARY}
