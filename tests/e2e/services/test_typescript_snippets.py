"""The snippet in TypeScript, unchanged but for base URL and key: the three costs that it prints are the ledger's."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.services.deployments import Serve
from tests.e2e.services.node import packages, run_typescript
from tests.e2e.services.running import assert_nothing_of_ours_is_sent
from tests.e2e.services.scripted import Scripted
from tests.e2e.services.seeds import GONKAGATE, SNIPPETS_BY_ROW

COSTS = ("base_cost", "platform_fee", "total_cost")


@pytest.mark.parametrize("client", ["openai-6", "openai-7"])
def test_g3_prints_three_costs_that_are_the_ledgers(
    serve: Serve, provider: Scripted, tmp_path: Path, client: str
) -> None:
    served = serve(GONKAGATE)
    key = served.key(served.account())
    arrived = len(provider.seen)
    code = SNIPPETS_BY_ROW["G3"].at(url=served.url, key=key["key"])
    printed = run_typescript(code, name="openai.ts", modules=packages(client), folder=tmp_path)
    (exchange,) = served.exchanges(key["id"])
    assert [Decimal(cost) for cost in printed.split()] == [Decimal(exchange[name]) for name in COSTS]
    base, fee, total = (Decimal(exchange[name]) for name in COSTS)
    assert base > 0
    assert fee == base / 10, "the brand's fee is a tenth of what the network takes"
    assert total == base + fee
    assert exchange["currency"] == "USD"
    assert_nothing_of_ours_is_sent(provider.seen[arrived:])
