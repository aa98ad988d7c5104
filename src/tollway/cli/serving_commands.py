"""The commands that run Tollway or prepare it: up, serve, check, migrate."""

from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tollway.catalog.loader import Deployment, deploy, read_deployment
from tollway.cli.catalog_commands import show_findings
from tollway.cli.office import Finding, Health, Office, Welcome
from tollway.cli.options import DATA, Config, Json, choose_deployment, choose_settings
from tollway.cli.output import Shown, announce, show
from tollway.settings import LocalModelSettings, SecretUse, built_in_settings

CURL = """\
curl {url}/chat/completions \\
  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Say hello."}}]}}'"""


def add_serving_commands(app: typer.Typer, office: Office) -> None:
    """Add `tollway up`, `serve`, `check` and `migrate`."""

    @app.command()
    def up(
        port: Annotated[
            int | None, typer.Option(min=0, max=65535, help="0 takes a free one.  [default: 8080]", show_default=False)
        ] = None,
        data: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Where the books are kept.  [default: ./tollway-data]")
        ] = None,
        no_local_model: Annotated[
            bool, typer.Option("--no-local-model", help="Start without the small model.")
        ] = False,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Start on this machine with nothing configured: a store, an account with 5 USD, a key, and a small model."""
        if config is not None and config.is_dir():
            config, data = None, data or config
        if config is not None and data is not None:
            raise typer.BadParameter("the settings file says where the books are kept", param_hint="--data")
        deployment = _deployment_for_up(config, data or DATA, port, LocalModelSettings(enabled=not no_local_model))
        office.up(deployment, partial(_announce, deployment.brand.name, json=json))

    @app.command()
    def serve(json: Json = False, config: Config = None) -> None:
        """Serve what the settings file describes, until stopped; says so in one line once requests are answered."""
        deployment = choose_deployment(config, secrets=SecretUse.RESOLVE)
        office.serve(deployment, partial(_announce_url, deployment.brand.name, json=json))

    @app.command()
    def check(json: Json = False, config: Config = None) -> None:
        """Look whether everything is as it should be; exit status 1 when something is to be mended."""
        deployment = choose_deployment(config, secrets=SecretUse.RESOLVE)
        show_findings((*_settings_findings(deployment), *office.check(deployment)), json=json)

    @app.command()
    def migrate(json: Json = False, config: Config = None) -> None:
        """Bring the store to this program's schema version."""
        version = office.migrate(choose_settings(config))
        show(Shown(document={"version": version}, text=f"The store has schema version {version}."), json=json)


def add_worker_command(app: typer.Typer, office: Office) -> None:
    """Add `tollway worker`, which `serve` runs for each of several workers."""

    @app.command(hidden=True)
    def worker(
        fd: Annotated[int, typer.Option(help="The listening socket that was handed down.")],
        model_port: Annotated[int, typer.Option(help="Where the local model listens; 0 for none.")] = 0,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Serve beside other workers on one socket; says so in one line once requests are answered."""
        deployment = choose_deployment(config, secrets=SecretUse.RESOLVE)
        local_model = LocalModelSettings(enabled=model_port > 0, port=model_port)
        if deployment.settings.local_model != local_model:
            deployment = deploy(msgspec.structs.replace(deployment.settings, local_model=local_model))
        office.serve_worker(deployment, descriptor=fd, ready=partial(_announce_ready, json=json))


def _announce_url(brand: str, url: str, *, json: bool) -> None:
    announce(Shown(document={"url": url}, text=f"{brand} serves at {url}/v1"), json=json)


def _announce_ready(*, json: bool) -> None:
    announce(Shown(document={"ready": True}, text="ready"), json=json)


def _deployment_for_up(
    config: Path | None, data: Path, port: int | None, local_model: LocalModelSettings
) -> Deployment:
    if config is None:
        return deploy(built_in_settings(data, local_model=local_model, port=port))
    deployment = read_deployment(config)
    settings = deployment.settings
    if port is not None:
        settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, port=port))
    if settings.local_model.enabled and not local_model.enabled:
        settings = msgspec.structs.replace(settings, local_model=local_model)
    return deployment if settings is deployment.settings else deploy(settings)


def _settings_findings(deployment: Deployment) -> tuple[Finding, ...]:
    catalog = deployment.catalog
    said = f"{deployment.settings.source}: {len(catalog.providers)} providers, {len(catalog.models)} models"
    unpriced = (
        Finding("prices", Health.NOTE, f"model {name} has no price, so prepaid keys are refused: {'; '.join(reasons)}")
        for name, reasons in catalog.unpriced.items()
    )
    return (Finding("settings", Health.GOOD, said), *unpriced)


def _announce(brand: str, welcome: Welcome, *, json: bool) -> None:
    """Say where Tollway serves: in one JSON line, or so that a first request can be pasted."""
    base_url = f"{welcome.url}/v1"
    lines = [f"{brand} serves at {base_url}", f"  API key:   {welcome.api_key}", f"  Admin key: {welcome.admin_key}"]
    if welcome.console_url is not None:
        lines.append(f"  Console:   {welcome.console_url}")
    lines += welcome.notes
    if welcome.model is not None:
        lines += ["", "A first request:", "", CURL.format(url=base_url, key=welcome.api_key, model=welcome.model)]
    document = {name: getattr(welcome, name) for name in ("url", "api_key", "admin_key", "console_url")}
    announce(Shown(document=document, text="\n".join(lines)), json=json)
