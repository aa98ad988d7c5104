"""Where a request with wishes may go, what is set aside for it, and what the target that answers is charged by."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.access.credentials import ClientKey
from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import CapRule, CapScope, CapSpan, PackageTerms, PackageUnit
from tollway.catalog.catalog import Catalog
from tollway.catalog.loader import read_deployment
from tollway.catalog.records import Target
from tollway.dialects.known import DIALECTS
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.errors import Refusal
from tollway.http.replies import ReplyHeads
from tollway.ledger.lines import NOBODY, Attribution, ExchangeLine, Hold, Outcome
from tollway.limits.windows import WindowClock
from tollway.neutral.usage import Basis, Usage
from tollway.neutral.wishes import Steering
from tollway.relay.admit import Admitted, Lowered
from tollway.relay.arrival import Arrival
from tollway.relay.funding import Funds
from tollway.relay.planning import AS_ASKED, Planned, Planner
from tollway.relay.settlement import Ending, line_of
from tollway.settings.brand import read_brand

FILE = """\
[billing]
rates = { CNY = "0.14" }

[[providers]]
name = "p"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9000/v1"
timeouts = { connect_s = 2, first_byte_s = 20, idle_s = 10, total_s = 60 }

[[providers]]
name = "q"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9001/v1"

[[providers]]
name = "theirs"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9002/v1"
auth = "passthrough"

[[providers]]
name = "others"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9003/v1"
auth = "passthrough"

[[models]]
id = "theirs/*"
targets = [{ provider = "theirs", model = "*" }]
price = { input = "1", output = "5" }

[[models]]
id = "others/*"
targets = [{ provider = "others", model = "*" }]
price = { input = "1", output = "5" }

[[models]]
id = "big"
targets = [{ provider = "p", model = "big-1" }, { provider = "q", model = "big-1", weight = 0 }]
price = { input = "10", output = "50" }
discount = "20%"
output_tokens_max = 4000
context_tokens = 10000
capabilities = ["chat"]

[[models]]
id = "small"
targets = [{ provider = "p", model = "small-1" }]
price = { input = "1", output = "5" }
output_tokens_max = 1000
capabilities = ["chat", "tools"]

[[models]]
id = "yuan"
targets = [{ provider = "q", model = "yuan-1" }]
price = { input = "70", output = "90", currency = "CNY" }
markup = "10%"
capabilities = ["vision"]

[[models]]
id = "dated"
targets = [{ provider = "p", model = "dated-1" }]
price = [{ input = "1", output = "5" }, { input = "2", output = "10", from = "2027-01-01" }]
output_tokens_max = 1000
capabilities = ["speech"]

[[models]]
id = "unpriced"
targets = [{ provider = "q", model = "unpriced-1" }]
capabilities = ["chat"]
"""

HEADS = ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error)
PRINCIPAL = Principal(key_id=1, account_id=2)
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
YEAR_MS = 366 * DAY_MS
MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = tmp_path_factory.mktemp("planning") / "tollway.toml"
    path.write_text(FILE)
    return read_deployment(path).catalog


class Asking:
    """A deployment that is asked for a chat."""

    def __init__(self, catalog: Catalog, **auto: tuple[str, ...]) -> None:
        self._funds = Funds(fee_ppm=50_000, rates=catalog.rates, windows=WindowClock(ZoneInfo("UTC")))
        self._planner = Planner(models=catalog, funds=self._funds, auto=auto)

    def plan(
        self,
        *,
        principal: Principal = PRINCIPAL,
        steering: Steering | None = None,
        dialect: str = "openai_chat",
        client_key: ClientKey | None = None,
        provider: str | None = None,
        received_ms: int = NOW_MS,
        attribution: Attribution = NOBODY,
        models: Catalog | None = None,
        **body: Any,
    ) -> Planned:
        members = {name.replace("x_", "x-"): value for name, value in body.items()}
        text = json.dumps({"messages": MESSAGES, **members}).encode()
        arrival = Arrival(
            exchange_id=1,
            request_id="req_1",
            received_ms=received_ms,
            dialect=DIALECTS[dialect],
            principal=principal,
            heads=HEADS,
            body=text,
            client_key=client_key,
            provider=provider,
            attribution=attribution,
            models=models,
        )
        if steering is not None:
            arrival = msgspec.structs.replace(arrival, steering=steering)
        return self._planner.plan(arrival, arrival.dialect.peek(text, arrival.called))

    def refused(self, **asked: Any) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.plan(**asked)
        return caught.value


@pytest.fixture(scope="module")
def asking(catalog: Catalog) -> Asking:
    return Asking(catalog)


def places(planned: Planned) -> list[str]:
    return [f"{target.provider.name}/{target.model_routed}" for target in planned.need.all_targets]


def admitted(planned: Planned, *, principal: Principal = PRINCIPAL) -> Admitted:
    hold = Hold(
        exchange_id=1,
        account_id=2,
        key_id=1,
        worker_id=1,
        payer_id=planned.need.funding.payer_id,
        amount_nanos=planned.need.as_asked(),
        model_asked=planned.need.peek.model_asked,
        started_ms=0,
        expires_ms=1,
    )
    return Admitted(
        principal=principal,
        peek=planned.need.peek,
        model=planned.model,
        need=planned.need,
        hold=hold,
        steered=planned.steered,
    )


def settled(planned: Planned, target: Target | None, usage: Usage) -> ExchangeLine:
    ending = Ending(outcome=Outcome.COMPLETED, status=200, usage=usage, basis=Basis.REPORTED, target=target)
    return line_of(admitted(planned), ending)


def test_a_request_without_wishes_has_one_need_and_its_own_body(asking: Asking) -> None:
    planned = asking.plan(model="big")
    assert places(planned) == ["p/big-1", "q/big-1"]
    assert (planned.need.others, planned.steered) == ((), AS_ASKED)


def test_models_and_fallbacks_stand_in_their_order_each_place_once(asking: Asking) -> None:
    planned = asking.plan(model=["small", "p/big-1"], fallbacks=["big", "yuan"])
    assert places(planned) == ["p/small-1", "p/big-1", "q/big-1", "q/yuan-1"]
    assert [need.model_id for need in (planned.need, *planned.need.others)] == ["small", "p/big-1", "big", "yuan"]
    assert json.loads(planned.steered.body or b"") == {"messages": MESSAGES, "model": "small"}


def test_what_the_body_says_of_fallbacks_counts_before_the_header(asking: Asking) -> None:
    header = Steering(fallbacks=("yuan",), retries=2, timeout_ms=1500)
    planned = asking.plan(model="small", steering=header)
    assert places(planned) == ["p/small-1", "q/yuan-1"]
    assert (planned.steered.body, planned.steered.retries, planned.steered.timeout_s) == (None, 2, 1.5)
    assert places(asking.plan(model="small", fallbacks=["big"], steering=header)) == ["p/small-1", "p/big-1", "q/big-1"]
    assert places(asking.plan(model="small", fallbacks=False, steering=header)) == ["p/small-1"]
    assert places(asking.plan(model="small", steering=Steering(fallbacks=("small",)))) == ["p/small-1"]


def test_no_more_models_than_a_body_may_name(asking: Asking) -> None:
    header = Steering(fallbacks=tuple(f"p/{n}" for n in range(8)))
    assert asking.refused(model="small", steering=header).param == "model"


def test_the_hold_is_that_of_the_dearest_target_and_each_is_charged_its_own_price(asking: Asking) -> None:
    planned = asking.plan(model="small", fallbacks=["big", "yuan"], max_tokens=100)
    alone = [asking.plan(model=model, max_tokens=100).need.as_asked() for model in ("small", "big", "yuan")]
    assert planned.need.as_asked() >= max(alone)
    small, big, _, yuan = planned.need.all_targets
    usage = Usage(input=1000, output=100)
    assert settled(planned, small, usage).base_nanos == 1_500_000
    assert settled(planned, big, usage).base_nanos == 15_000_000 * 8 // 10
    assert settled(planned, yuan, usage).base_nanos == 79_000_000 * 11 // 10 * 14 // 100
    assert [settled(planned, each, usage).price_ppm for each in (small, big, yuan)] == [1_000_000, 800_000, 1_100_000]
    assert settled(planned, None, usage).base_nanos == 0


@given(
    models=st.permutations(["small", "big", "yuan"]),
    tokens_max=st.none() | st.integers(1, 5000),
    share=st.floats(0, 1),
    choices=st.integers(1, 3),
)
def test_no_target_costs_more_than_was_set_aside(
    asking: Asking, models: list[str], tokens_max: int | None, share: float, choices: int
) -> None:
    planned = asking.plan(model=models[0], fallbacks=models[1:], max_tokens=tokens_max, n=choices)
    for target in planned.need.all_targets:
        need = planned.need.at(target)
        tokens = int(need.output_tokens_max * share) * choices
        line = settled(planned, target, Usage(input=planned.need.peek.body_bytes, output=tokens))
        assert line.total_nanos <= need.as_asked() <= planned.need.as_asked()
        covered, _ = admitted(planned).covered(target)
        assert covered == need.output_tokens_max * choices
        held = need.covering(covered)
        assert need.covered_by(held) >= covered
        for guess in (1, tokens, covered, covered + 7):
            assert need.covered_by(held, guess=guess) == need.covered_by(held)


def test_the_plan_of_a_key_is_remembered_until_the_key_is_another(asking: Asking) -> None:
    first, again = asking.plan(model="small"), asking.plan(model="small")
    again_still = asking.plan(model="small")
    assert again_still.need.funding is again.need.funding
    assert again.need.funding.known_terms is not None
    known = msgspec.structs.replace(again.need.funding, known_terms=None)
    for target in again.need.targets:
        assert target.card is not None
        for tier in (None, "batch", "default"):
            told = again.need.funding.terms_for(target.card, service_tier=tier)
            assert told == known.terms_for(target.card, service_tier=tier)
    assert (again.model, again.steered, again.need.as_asked()) == (first.model, AS_ASKED, first.need.as_asked())
    rule = CapRule(cap_id=5, scope=CapScope.KEY, subject="1", span=CapSpan.TOTAL, limit_nanos=10**9, alert_ppm=0)
    capped = msgspec.structs.replace(PRINCIPAL, caps=(rule,))
    assert [asking.plan(model="small", principal=capped).need.funding.rules for _ in range(2)] == [(rule,)] * 2
    kept_out = msgspec.structs.replace(PRINCIPAL, models=("big",))
    assert asking.refused(model="small", principal=kept_out).code == "model_not_allowed"
    assert asking.plan(model="small", fallbacks=["big"]).need.others
    assert asking.refused(model="small", fallbacks=["nothing"]).code == "model_not_found"


def test_a_plan_that_the_moment_or_the_request_decides_is_made_each_time(asking: Asking) -> None:
    dear = asking.plan(model="dated", received_ms=NOW_MS + 4 * YEAR_MS).need.as_asked()
    assert asking.plan(model="dated").need.as_asked() < dear
    assert asking.plan(model="dated", received_ms=NOW_MS + 4 * YEAR_MS).need.as_asked() == dear

    day = CapRule(cap_id=6, scope=CapScope.KEY, subject="1", span=CapSpan.DAY, limit_nanos=10**9, alert_ppm=0)
    capped = msgspec.structs.replace(PRINCIPAL, caps=(day,))
    windows = [
        asking.plan(model="small", principal=capped, received_ms=at).need.funding.caps[0].start_ms
        for at in (NOW_MS, NOW_MS + 1, NOW_MS + YEAR_MS, NOW_MS)  # the clock was set back
    ]
    assert windows[0] == windows[1] < windows[2]
    assert windows[3] == windows[0]

    month = msgspec.structs.replace(day, cap_id=7, span=CapSpan.MONTH)
    twice = msgspec.structs.replace(PRINCIPAL, caps=(day, month))
    days = [
        asking.plan(model="small", principal=twice, received_ms=at).need.funding.caps[0].start_ms
        for at in (NOW_MS, NOW_MS + DAY_MS, NOW_MS)
    ]
    assert days == [windows[0], windows[0] + DAY_MS, windows[0]]

    package = PackageTerms(
        package_id=9, name="P", unit=PackageUnit.MONEY, models=(("*", 1_000_000),), expires_ms=NOW_MS + 1
    )
    spends = msgspec.structs.replace(PRINCIPAL, billing=BillingMode.PACKAGE, package=package)
    assert asking.plan(model="small", principal=spends).need.funding.package is package
    assert asking.refused(model="small", principal=spends, received_ms=NOW_MS + 1).code == "insufficient_quota"

    assert places(asking.plan(model="small", provider="p")) == ["p/small-1"]
    assert asking.refused(model="small", provider="q").code == "model_not_found"
    assert asking.plan(model="small", steering=Steering(retries=3)).steered.retries == 3
    assert {places(asking.plan(model="big"))[0] for _ in range(3)} == {"p/big-1"}
    assert len(asking.plan(model="big").need.targets) == 2


def test_a_package_takes_of_each_model_its_own_ratio(asking: Asking) -> None:
    models = (("small", 1_000_000), ("big", 3_000_000))
    package = PackageTerms(package_id=9, name="P", unit=PackageUnit.TOKENS, models=models)
    principal = Principal(key_id=1, account_id=2, billing=BillingMode.PACKAGE, package=package)
    planned = asking.plan(principal=principal, model="small", fallbacks=["big"], max_tokens=100)
    small, big, _ = planned.need.all_targets
    taken = [settled(planned, each, Usage(input=10, output=5)) for each in (small, big)]
    assert [(line.package_micros, line.ratio_ppm, line.base_nanos) for line in taken] == [
        (15_000_000, 1_000_000, 0),
        (45_000_000, 3_000_000, 0),
    ]
    assert planned.need.as_asked() == planned.need.at(big).as_asked() > planned.need.at(small).as_asked()
    refused = asking.refused(principal=principal, model="small", fallbacks=["yuan"])
    assert (refused.code, refused.param) == ("model_not_allowed", "model")


def test_a_lowered_limit_is_no_more_than_each_model_can_write(asking: Asking) -> None:
    planned = asking.plan(model="small", fallbacks=["big"])
    small, big, _ = planned.need.all_targets
    assert planned.need.output_tokens_max == 4000
    lowered = Lowered(tokens=2000, because="balance")
    found = msgspec.structs.replace(admitted(planned), lowered=lowered)
    assert [found.lowered_at(lowered, each) for each in (small, big)] == [1000, 2000]
    assert [found.covered(each)[0] for each in (small, big)] == [1000, 2000]
    alone = msgspec.structs.replace(admitted(asking.plan(model="small")), lowered=lowered)
    assert alone.covered(alone.targets[0])[0] == 2000, "as the client asked"


def test_unknown_and_unpriced_models_are_refused(asking: Asking) -> None:
    assert "'nope', 'nada' do not exist" in asking.refused(model=["nope", "small"], fallbacks=["nada"]).message
    assert asking.refused(model="nope").code == "model_not_found"
    assert asking.refused(model=["small", "unpriced"]).code == "model_not_allowed"
    limited = msgspec.structs.replace(PRINCIPAL, models=("small",))
    assert asking.refused(principal=limited, model="small", fallbacks=["big"]).code == "model_not_allowed"


def test_a_clients_own_key_goes_to_one_provider_alone(asking: Asking) -> None:
    key = ClientKey("sk-theirs")
    assert places(asking.plan(model=["theirs/a", "small", "theirs/b"], client_key=key)) == [
        "theirs/a",
        "p/small-1",
        "theirs/b",
    ]
    refused = asking.refused(model=["theirs/a", "others/b"], client_key=key)
    assert (refused.code, refused.param) == ("invalid_request", "model")
    assert "theirs and others" in refused.message
    only = asking.plan(model=["theirs/a", "others/b"], client_key=key, routing={"providers": ["others"]})
    assert places(only) == ["others/b"]


def test_wishes_choose_among_the_targets(asking: Asking) -> None:
    models = ["big", "small"]
    assert places(asking.plan(model=models, routing={"policy": "lowest_cost"}))[0] == "p/small-1"
    assert places(asking.plan(model=models, routing={"policy": "pinned"})) == ["p/big-1"]
    assert places(asking.plan(model=models, routing={"providers": ["q"]})) == ["q/big-1"]
    latency = asking.plan(model=models, routing={"policy": "lowest_latency"})
    assert "nothing is measured" in latency.steered.notice
    assert admitted(latency).warning == latency.steered.notice


def test_a_time_limit_shortens_what_an_attempt_may_wait(asking: Asking) -> None:
    steered = asking.plan(model="small", steering=Steering(timeout_ms=1500)).steered
    provider = asking.plan(model="small").need.targets[0].provider
    whole = steered.timeouts_of(provider, streamed=False)
    assert (whole.connect_s, whole.first_byte_s, whole.idle_s, whole.total_s) == (1.5, 1.5, 10, 1.5)
    streamed = steered.timeouts_of(provider, streamed=True)
    assert (streamed.first_byte_s, streamed.total_s) == (1.5, 60)
    long = asking.plan(model="small", steering=Steering(timeout_ms=3_600_000)).steered
    assert long.timeouts_of(provider, streamed=False) == provider.timeouts
    assert AS_ASKED.timeouts_of(provider, streamed=True) is provider.timeouts


# -- auto


def test_auto_is_every_priced_model_that_says_that_it_can(asking: Asking) -> None:
    planned = asking.plan(model="auto")
    assert places(planned) == ["p/big-1", "q/big-1", "p/small-1", "q/yuan-1"]
    assert (planned.steered.reason, planned.steered.chosen) == ("the first of 3", {"big", "small", "yuan"})
    assert planned.need.peek.model_asked == "auto"
    assert planned.steered.body is None, "the model is all that changes, which every attempt does"


def test_auto_is_what_is_configured(catalog: Catalog) -> None:
    asking = Asking(catalog, text=("small", "p/big-1"))
    assert places(asking.plan(model="auto/text")) == ["p/small-1", "p/big-1"]
    missing = asking.plan()
    assert (places(missing), missing.need.peek.model_asked) == (["p/small-1", "p/big-1"], "auto")
    assert json.loads(missing.steered.body or b"")["model"] == "auto"
    cost = asking.plan(model="auto", x_routing="speed")
    assert "x-routing speed: nothing is measured" in cost.steered.notice


def test_a_request_without_a_model_is_refused_where_auto_is_not_configured(asking: Asking) -> None:
    refused = asking.refused()
    assert (refused.code, refused.param) == ("invalid_request", "model")


def test_auto_may_stand_behind_other_models(asking: Asking) -> None:
    planned = asking.plan(model="small", fallbacks=["auto"])
    assert places(planned) == ["p/small-1", "p/big-1", "q/big-1", "q/yuan-1"]
    assert planned.steered.chosen == {"big", "yuan"}, "the client named the other itself"


def test_auto_keeps_to_the_key_and_the_baseline(asking: Asking) -> None:
    limited = msgspec.structs.replace(PRINCIPAL, models=("small", "yuan"))
    assert places(asking.plan(principal=limited, model="auto")) == ["p/small-1", "q/yuan-1"]
    assert places(asking.plan(model="auto", baseline_model="small")) == ["p/small-1"]
    header = Steering(baseline_model="yuan")
    assert places(asking.plan(model="auto", steering=header)) == ["p/small-1", "q/yuan-1"]
    assert places(asking.plan(model="auto", baseline_model="small", steering=header)) == ["p/small-1"]
    nothing = asking.refused(principal=msgspec.structs.replace(PRINCIPAL, models=("x",)), model="auto")
    assert (nothing.code, "this key may use" in nothing.message) == ("model_not_found", True)


def test_a_baseline_that_is_none_is_refused(asking: Asking) -> None:
    assert asking.refused(model="auto", baseline_model="nope").param == "baseline_model"
    unpriced = asking.refused(model="auto", baseline_model="unpriced")
    assert (unpriced.code, unpriced.param) == ("invalid_request", "baseline_model")


def test_auto_with_nothing_to_choose_from_says_what_to_configure(asking: Asking) -> None:
    refused = asking.refused(dialect="openai_embeddings", model="auto", input="hi")
    assert refused.code == "model_not_found"
    assert "[auto] embedding" in refused.message
