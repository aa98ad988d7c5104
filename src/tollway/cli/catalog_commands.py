"""The commands about what is for sale: models, prices, and whether providers answer."""

from collections.abc import Sequence
from typing import Annotated, cast

import typer

from tollway import clock
from tollway.catalog.base_url import render_base_url
from tollway.catalog.listing import PIECE_UNITS, TOKEN_UNITS, price_rows, render_model
from tollway.catalog.loader import Deployment
from tollway.catalog.records import Model, Provider
from tollway.cli.office import Finding, Health, Office
from tollway.cli.options import Config, Json, choose_deployment
from tollway.cli.output import Shown, as_table, show
from tollway.errors import CommandRefused
from tollway.settings import SecretUse

MODEL_COLUMNS = ("id", "owned_by", "context_length", "input", "output", "capabilities")
PRICE_COLUMNS = ("model", "provider", "model_routed", "currency", "input", "output", "source")
MORE_PRICE_COLUMNS = ("from", "above", *TOKEN_UNITS[2:], *PIECE_UNITS, "batch", "factor")
"""Shown only where some price has them: most have few, and a line has room for few."""
PROVIDER_COLUMNS = ("name", "base_url", "dialects")
FINDING_COLUMNS = ("subject", "health", "text")

OfModel = Annotated[
    str | None, typer.Argument(metavar="[MODEL]", help="One model only, also PROVIDER/NAME.", show_default=False)
]


def add_catalog_commands(app: typer.Typer, _: Office) -> None:
    """Add `tollway models` and `tollway prices`."""

    @app.command()
    def models(json: Json = False, config: Config = None) -> None:
        """List the configured models."""
        deployment = choose_deployment(config, secrets=SecretUse.LEAVE)
        now_ms = clock.now_ms()
        entries = [render_model(model, deployment.rates, now_ms=now_ms) for model in _models(deployment, None)]
        # Prices stand one level down in the API's form; a table has no levels.
        flat = [entry | cast("dict[str, object]", entry["pricing"] or {}) for entry in entries]
        table = as_table(flat, MODEL_COLUMNS, empty="No model is configured.")
        wildcards = deployment.catalog.wildcards
        more = f"\nAnd whatever matches {', '.join(wildcards)}." if wildcards else ""
        show(Shown(document=entries, text=table.text + more), json=json)

    @app.command()
    def prices(model: OfModel = None, json: Json = False, config: Config = None) -> None:
        """Show prices per million tokens, those to come too, with where each comes from."""
        deployment = choose_deployment(config, secrets=SecretUse.LEAVE)
        now_ms = clock.now_ms()
        rows = [row for found in _models(deployment, model) for row in price_rows(found, now_ms=now_ms)]
        show(Shown(document=rows, text=_price_table(rows)), json=json)


def _price_table(rows: Sequence[dict[str, object]]) -> str:
    """Return a line for each price, and one below it for each of its tiers, with the columns that any of them has."""
    lines: list[dict[str, object]] = []
    for row in rows:
        tiers = cast("list[dict[str, object]]", row.get("tiers", []))
        lines += [row, *({"model": row["model"], **tier} for tier in tiers)]
    used = {name for line in lines for name, value in line.items() if value is not None}
    *first, source = PRICE_COLUMNS
    columns = [*first, *(column for column in MORE_PRICE_COLUMNS if column in used), source]
    table = as_table(lines, columns, empty="No model is configured.")
    if not rows:
        return table.text
    apiece = "; pictures and calls apiece" if used.intersection(PIECE_UNITS) else ""
    return f"{table.text}\nPer million tokens{apiece}."


def _models(deployment: Deployment, asked: str | None) -> list[Model]:
    catalog = deployment.catalog
    if asked is None:
        return sorted(catalog.models.values(), key=lambda model: model.id)
    model = catalog.resolve(asked)
    if model is None:
        close = ", ".join(catalog.suggest(asked))
        raise CommandRefused(f"there is no model {asked!r}" + (f"; did you mean {close}?" if close else ""))
    return [model]


def provider_commands(office: Office) -> typer.Typer:
    """Return `tollway providers …`."""
    app = typer.Typer(help="Providers: who serves the models.", no_args_is_help=True)

    @app.command("list")
    def list_(json: Json = False, config: Config = None) -> None:
        """List the configured providers with the dialects that each speaks, and where."""
        deployment = choose_deployment(config, secrets=SecretUse.LEAVE)
        entries = [_provider_entry(provider) for provider in deployment.catalog.providers.values()]
        table = as_table(
            [entry | {"dialects": ", ".join(cast("dict[str, str]", entry["dialects"]))} for entry in entries],
            PROVIDER_COLUMNS,
            empty="No provider is configured.",
        )
        show(Shown(document=entries, text=table.text), json=json)

    @app.command()
    def check(json: Json = False, config: Config = None) -> None:
        """Ask each provider whether its address and key are good; exit status 1 when one is not."""
        show_findings(office.check_providers(choose_deployment(config, secrets=SecretUse.RESOLVE)), json=json)

    return app


def _provider_entry(provider: Provider) -> dict[str, object]:
    home = provider.home
    return {
        "name": provider.name,
        "base_url": render_base_url(home.origin, home.path_prefix),
        "prices": provider.prices_id,
        "dialects": {spoken.dialect: render_base_url(spoken.origin, spoken.path_prefix) for spoken in provider.speaks},
    }


def show_findings(findings: tuple[Finding, ...], *, json: bool) -> None:
    """Show what a check found; exit status 1 when something is to be mended."""
    rows = [{"subject": found.subject, "health": found.health.value, "text": found.text} for found in findings]
    show(as_table(rows, FINDING_COLUMNS, empty="There was nothing to check."), json=json)
    if any(found.health is Health.BAD for found in findings):
        raise typer.Exit(1)
