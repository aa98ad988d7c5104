"""The commands about what is for sale: models, prices, and whether providers answer."""

from typing import Annotated, cast

import typer

from tollway.catalog.listing import price_rows, render_model
from tollway.catalog.loader import Deployment
from tollway.catalog.records import Model
from tollway.cli.office import Finding, Health, Office
from tollway.cli.options import Config, Json, choose_deployment
from tollway.cli.output import Shown, as_table, show
from tollway.errors import CommandRefused
from tollway.settings import SecretUse

MODEL_COLUMNS = ("id", "owned_by", "context_length", "input", "output", "capabilities")
PRICE_COLUMNS = ("model", "provider", "model_routed", "currency", "input", "output", "cached_input", "source")
FINDING_COLUMNS = ("subject", "health", "text")

OfModel = Annotated[
    str | None, typer.Argument(metavar="[MODEL]", help="One model only, also PROVIDER/NAME.", show_default=False)
]


def add_catalog_commands(app: typer.Typer) -> None:
    """Add `tollway models` and `tollway prices`."""

    @app.command()
    def models(json: Json = False, config: Config = None) -> None:
        """List the configured models."""
        deployment = choose_deployment(config, secrets=SecretUse.LEAVE)
        entries = [render_model(model) for model in _models(deployment, None)]
        # Prices stand one level down in the API's form; a table has no levels.
        flat = [entry | cast("dict[str, object]", entry["pricing"] or {}) for entry in entries]
        table = as_table(flat, MODEL_COLUMNS, empty="No model is configured.")
        wildcards = deployment.catalog.wildcards
        more = f"\nAnd whatever matches {', '.join(wildcards)}." if wildcards else ""
        show(Shown(document=entries, text=table.text + more), json=json)

    @app.command()
    def prices(model: OfModel = None, json: Json = False, config: Config = None) -> None:
        """Show prices per million tokens, with where each comes from."""
        deployment = choose_deployment(config, secrets=SecretUse.LEAVE)
        rows = [row for found in _models(deployment, model) for row in price_rows(found)]
        show(as_table(rows, PRICE_COLUMNS, empty="No model is configured."), json=json)


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

    # A group with one command would otherwise become that command.
    @app.callback()
    def providers() -> None:
        """Providers: who serves the models."""

    @app.command()
    def check(json: Json = False, config: Config = None) -> None:
        """Ask each provider whether its address and key are good; exit status 1 when one is not."""
        show_findings(office.check_providers(choose_deployment(config, secrets=SecretUse.RESOLVE)), json=json)

    return app


def show_findings(findings: tuple[Finding, ...], *, json: bool) -> None:
    """Show what a check found; exit status 1 when something is to be mended."""
    rows = [{"subject": found.subject, "health": found.health.value, "text": found.text} for found in findings]
    show(as_table(rows, FINDING_COLUMNS, empty="There was nothing to check."), json=json)
    if any(found.health is Health.BAD for found in findings):
        raise typer.Exit(1)
