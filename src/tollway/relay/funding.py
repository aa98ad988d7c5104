"""What pays for a request: the balance or a package, within which caps, at whose fee and prices; and in which unit.

Decides, and holds nothing: the books do. Knows no connection and no SQL.
"""

import msgspec

from tollway.access.cap_rules import SPAN_WORDS, alert_nanos, cap_reached, rules_for
from tollway.access.packages import deduction_ppm, model_not_covered, package_exhausted, package_expired
from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import CapRule, PackageTerms, PackageUnit
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, PriceCard
from tollway.errors import Refusal, Shortage
from tollway.ledger.lines import Attribution
from tollway.ledger.purses import CapWindow, cap_purse_id
from tollway.limits.windows import WindowClock, render_moment
from tollway.money import PPM, render_amount
from tollway.pricing.charge import PriceTerms, batch_ppm, combined_ppm

CAP_WINDOWS_MAX = 100_000
"""Windows of caps that are remembered (about 40 MB): end users are as many as a client likes to name."""


class Funding(msgspec.Struct, frozen=True, kw_only=True):
    """What one request is held from, and on which terms it is charged."""

    payer_id: int
    """The purse that pays: the account's, or a package's."""
    currency: str
    fee_ppm: int
    price_ppm: int
    """The model's discount or markup times the account's."""
    rates: RateTable
    package: PackageTerms | None = None
    ratio_ppm: int | None = None
    """Of a package that holds tokens: what a token of this model takes of it. None when money pays."""
    rules: tuple[CapRule, ...] = ()
    caps: tuple[CapWindow, ...] = ()
    """The window of each rule, in the same order."""
    known_terms: tuple[int, PriceTerms] | None = None
    """The id of a card, and the terms on which it is charged, where somebody knows them already."""

    def terms_for(self, card: PriceCard, *, service_tier: str | None = None) -> PriceTerms:
        """Return the terms on which a card is charged; the tier is what the provider said of an answer.

        Raises Refusal when nobody has said what the card's currency costs in the account's.
        """
        known = self.known_terms
        if known is not None and known[0] == card.id and (service_tier is None or card.batch_ppm is None):
            return known[1]
        price_ppm = self.price_ppm
        if card.batch_ppm is not None and service_tier is not None:
            price_ppm = combined_ppm(model_ppm=price_ppm, account_ppm=PPM, batch_ppm=batch_ppm(card, service_tier))
        rate_nanos = self.rates.rate_nanos(card.currency, self.currency)
        return PriceTerms(fee_ppm=self.fee_ppm, price_ppm=price_ppm, rate_nanos=rate_nanos)

    @property
    def package_id(self) -> int | None:
        """The package that pays; None when the balance does."""
        return None if self.package is None else self.package.package_id

    def purse_word(self, purse_id: int) -> str:
        """Return how a warning calls one of the purses: `balance`, `package`, `daily cap`."""
        for rule, cap in zip(self.rules, self.caps, strict=True):
            if cap.purse_id == purse_id:
                return SPAN_WORDS[rule.span]
        return "balance" if self.package is None else "package"


class Funds:
    """Finds what pays. Belongs to the event loop; remembers the windows of caps that run."""

    def __init__(self, *, fee_ppm: int, rates: RateTable, windows: WindowClock) -> None:
        """Take the deployment's fee, what currencies cost in each other, and the clock of its timezone."""
        self._fee_ppm = fee_ppm
        self._rates = rates
        self._windows = windows
        self._caps: dict[tuple[int, str], CapWindow] = {}

    def find(self, principal: Principal, model: Model, attribution: Attribution, *, now_ms: int) -> Funding:
        """Return what pays for a request; raises Refusal when a package does not, or not for this model."""
        terms = principal.terms
        fee_ppm = self._fee_ppm if terms.fee_ppm is None else terms.fee_ppm
        package, ratio_ppm = None, None
        if principal.billing is BillingMode.PACKAGE:
            package = _spendable(principal, now_ms=now_ms)
            ratio = deduction_ppm(package, model.id)
            if ratio is None:
                raise model_not_covered(package, model.id)
            if package.unit is PackageUnit.TOKENS:
                ratio_ppm = ratio
                if model.listed_as is not None:  # by another name, no model takes less
                    ratio_ppm = max(ratio, deduction_ppm(package, model.listed_as) or 0)
        rules = rules_for(principal, tag=attribution.tag, end_user=attribution.end_user)
        return Funding(
            payer_id=principal.account_id if package is None else package.package_id,
            currency=principal.currency,
            fee_ppm=fee_ppm,
            price_ppm=combined_ppm(model_ppm=model.price_ppm, account_ppm=terms.price_ppm),
            rates=self._rates,
            package=package,
            ratio_ppm=ratio_ppm,
            rules=rules,
            caps=tuple([self._window(rule, principal.account_id, now_ms) for rule in rules]) if rules else (),
        )

    def refuse(self, funding: Funding, shortage: Shortage, *, needed: int) -> Refusal:
        """Return the refusal of a request that needs `needed` of every purse, one of which cannot cover it."""
        for rule, cap in zip(funding.rules, funding.caps, strict=True):
            if cap.purse_id == shortage.purse_id:
                resets_at = None if cap.end_ms is None else render_moment(cap.end_ms, self._windows.zone)
                left = shortage.available_nanos
                return cap_reached(rule, left_nanos=left, currency=funding.currency, resets_at=resets_at)
        if funding.package is not None:
            return package_exhausted(funding.package, left=shortage.available_nanos, needed=needed)
        return _too_little(funding.currency, available_nanos=shortage.available_nanos, needed_nanos=needed)

    def _window(self, rule: CapRule, account_id: int, now_ms: int) -> CapWindow:
        """Return the window of a cap that runs now: usually the one that ran a moment ago."""
        found = self._caps.get((rule.cap_id, rule.subject))
        if (
            found is not None
            and found.start_ms <= now_ms
            and (found.end_ms is None or now_ms < found.end_ms)
            and found.limit_nanos == rule.limit_nanos
        ):
            return found
        window = self._windows.at(rule.span.value, now_ms)
        cap = CapWindow(
            purse_id=cap_purse_id(rule.cap_id, rule.subject, window.start_ms),
            cap_id=rule.cap_id,
            account_id=account_id,
            subject=rule.subject,
            start_ms=window.start_ms,
            end_ms=window.end_ms,
            limit_nanos=rule.limit_nanos,
            alert_nanos=alert_nanos(rule.limit_nanos, rule.alert_ppm),
        )
        if len(self._caps) >= CAP_WINDOWS_MAX:
            self._caps.clear()
        self._caps[rule.cap_id, rule.subject] = cap
        return cap


def _spendable(principal: Principal, *, now_ms: int) -> PackageTerms:
    package = principal.package
    if package is None:
        raise Refusal(
            "insufficient_quota",
            "The package of this API key is over: buy another one and make a key for it, or use a pay-as-you-go key.",
        )
    if package.expires_ms is not None and package.expires_ms <= now_ms:
        raise package_expired(package)
    return package


def _too_little(currency: str, *, available_nanos: int, needed_nanos: int) -> Refusal:
    unit = currency.lower()
    cost, available = render_amount(needed_nanos), render_amount(available_nanos)
    return Refusal(
        "insufficient_quota",
        f"This request may cost up to {cost} {currency}; {available} {currency} is available. "
        "Top up the account, or lower max_tokens.",
        metadata={f"balance_{unit}": available, f"estimated_cost_{unit}": cost},
    )
