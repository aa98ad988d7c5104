"""The routes of budgets, in the words of two services: caps of tags in hundredths, and limits of anything in units."""

from fastapi import Response
from msgspec import UNSET

from tollway.access.setters import SetBy
from tollway.access.terms import EACH, CapScope
from tollway.billing.budgets import Budget, BudgetStatus, BudgetTerms
from tollway.billing.caps import named_subject
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused, NotThere
from tollway.http.account.amounts import cents, units
from tollway.http.account.asking import Asking
from tollway.http.account.bodies import SCOPES, SPANS, BudgetBody, BudgetChange, TagBudgetBody
from tollway.http.account.naming import number_at
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.ids import ACCOUNT, CAP, KEY, SUB_ACCOUNT, render_id

SCOPE_WORDS = {scope: word.value for word, scope in SCOPES.items()}
SPAN_WORDS = {span: word.value for word, span in SPANS.items()}
NUMBERED = {CapScope.KEY: (KEY, "key"), CapScope.SUB_ACCOUNT: (SUB_ACCOUNT, "sub-account")}
"""What is named by an id."""


def tag_budget_routes(parts: AccountParts) -> Routes:
    """Return the routes of budgets of tags."""
    routes = routes_of("budgets")
    budgets = parts.desk.budgets

    def find(asker: Asking, name: str) -> Budget:
        """Return the budget with an id, or the one of a tag."""
        if name.startswith(CAP):
            return budgets.find(asker.account_id, number_at(CAP, name, "budget"))
        found = [
            budget
            for budget in budgets.list(asker.account_id)
            if budget.cap.scope is CapScope.TAG and budget.cap.subject == name
        ]
        if not found:
            raise NotThere(f"there is no budget of the tag {name[:64]}")
        return next((budget for budget in found if budget.cap.set_by is SetBy.ACCOUNT), found[0])

    @routes.post("/v1/budgets")
    def set_tag_budget(body: TagBudgetBody, asker: Asking) -> Response:
        """Limit what requests with a tag cost in a month; change or lift the limit."""
        terms = BudgetTerms(CapScope.TAG, body.tag, body.cap_nanos or 0)
        budget = budgets.set(asker.account_id, terms, by=asker.actor)
        if budget is None:
            return shown({"id": None, "object": "budget", "tag": body.tag, "monthly_cap_cents": None})
        return shown(view_tag_budget(budget), 201)

    @routes.get("/v1/budgets")
    def list_tag_budgets(asker: Asking) -> Response:
        """List the budgets of tags, oldest first."""
        found = [budget for budget in budgets.list(asker.account_id) if budget.cap.scope is CapScope.TAG]
        return shown({"object": "list", "data": [view_tag_budget(budget) for budget in found]})

    @routes.get("/v1/budgets/{budget}")
    def show_tag_budget(budget: str, asker: Asking) -> Response:
        """Show one, and what is spent of it."""
        status = budgets.status(asker.account_id, find(asker, budget).cap.id)
        return shown(view_tag_budget(status.budget) | {"spent_cents": cents(status.spent_nanos)})

    @routes.delete("/v1/budgets/{budget}")
    def remove_tag_budget(budget: str, asker: Asking) -> Response:
        """Lift one for good, by its id or its tag."""
        removed = budgets.remove(asker.account_id, find(asker, budget).cap.id, by=asker.actor)
        return shown({"status": "ok", "id": render_id(CAP, removed.cap.id), "deleted": True})

    return routes


def budget_routes(parts: AccountParts) -> Routes:
    """Return the routes of budgets of anything."""
    routes = routes_of("budgets")
    budgets = parts.desk.budgets

    @routes.post("/api/v1/budgets")
    def create_budget(body: BudgetBody, asker: Asking) -> Response:
        """Set a budget; one for the same scope and period takes these limits."""
        scope = SCOPES[body.scope]
        terms = BudgetTerms(scope, subject_of(body, scope), body.hard_nanos or 0, body.soft_nanos, SPANS[body.period])
        budget = budgets.set(asker.account_id, terms, by=asker.actor)
        return shown({"id": None, "deleted": True}) if budget is None else shown(view_budget(budget), 201)

    @routes.get("/api/v1/budgets")
    def list_budgets(asker: Asking) -> Response:
        """List the budgets, oldest first."""
        return shown({"object": "list", "data": [view_budget(each) for each in budgets.list(asker.account_id)]})

    @routes.get("/api/v1/budgets/{budget}")
    def show_budget(budget: str, asker: Asking) -> Response:
        """Show one."""
        return shown(view_budget(budgets.find(asker.account_id, number_at(CAP, budget, "budget"))))

    @routes.get("/api/v1/budgets/{budget}/status")
    def show_budget_status(budget: str, asker: Asking) -> Response:
        """Show what is spent of one in the period that runs."""
        return shown(view_status(budgets.status(asker.account_id, number_at(CAP, budget, "budget"))))

    @routes.put("/api/v1/budgets/{budget}")
    @routes.patch("/api/v1/budgets/{budget}")
    def change_budget(budget: str, body: BudgetChange, asker: Asking) -> Response:
        """Give one other limits; a hard limit of zero lifts it."""
        given = body.model_fields_set
        changed = budgets.update(
            asker.account_id,
            number_at(CAP, budget, "budget"),
            (body.hard_nanos or 0) if "hard_nanos" in given else UNSET,
            body.soft_nanos if "soft_nanos" in given else UNSET,
            by=asker.actor,
        )
        return shown({"id": budget, "deleted": True} if changed is None else view_budget(changed))

    @routes.delete("/api/v1/budgets/{budget}")
    def remove_budget(budget: str, asker: Asking) -> Response:
        """Lift one for good."""
        removed = budgets.remove(asker.account_id, number_at(CAP, budget, "budget"), by=asker.actor)
        return shown({"id": render_id(CAP, removed.cap.id), "deleted": True, "status": "ok"})

    return routes


def subject_of(body: BudgetBody, scope: CapScope) -> str:
    """Return the subject that a body names, as caps have it."""
    if scope is CapScope.ACCOUNT:
        return ""
    named = body.scope_id or ""
    if not named:
        raise CommandRefused(f"scope_id: is missing: it says which {body.scope.value}, or * for each of them")
    if scope in NUMBERED and named != EACH:
        prefix, what = NUMBERED[scope]
        return str(number_at(prefix, named, what))
    return named


def view_tag_budget(budget: Budget) -> View:
    """Show a budget of a tag; the cap is what it is in its window, which is a month unless it was set elsewhere."""
    cap = budget.cap
    return {
        "id": render_id(CAP, cap.id),
        "object": "budget",
        "tag": cap.subject,
        "label": cap.subject,
        "monthly_cap_cents": cents(cap.limit_nanos),
        "period": SPAN_WORDS[cap.span],
        "created_at": cap.created_ms // 1000,
        "set_by": cap.set_by.value,
    }


def view_budget(budget: Budget) -> View:
    """Show a budget."""
    cap = budget.cap
    return {
        "id": render_id(CAP, cap.id),
        "org_id": render_id(ACCOUNT, cap.account_id),
        "scope": SCOPE_WORDS[cap.scope],
        "scope_id": named_subject(cap.scope, cap.subject),
        "soft_limit_usd": units(budget.soft_nanos),
        "hard_limit_usd": units(budget.hard_nanos),
        "period_type": SPAN_WORDS[cap.span],
        "created_at": view_time(cap.created_ms),
        "set_by": cap.set_by.value,
    }


def view_status(status: BudgetStatus) -> View:
    """Show how much of a budget is spent."""
    cap = status.budget.cap
    return view_budget(status.budget) | {
        "budget_id": render_id(CAP, cap.id),
        "subject": named_subject(cap.scope, status.subject),
        "current_spend": units(status.spent_nanos),
        "remaining": units(status.remaining_nanos),
        "utilization": status.utilization,
        "currency": status.currency,
        "resets_at": view_time(status.resets_ms),
    }
