"""docs/providers.md against the catalog: its table is what the presets say."""

from pathlib import Path

import pytest

from tollway.catalog.presets import (
    LOCAL_PRESET,
    AuthScheme,
    Need,
    Preset,
    preset_names,
    read_preset,
)

PAGE = Path(__file__).parents[3] / "docs" / "providers.md"

AUTH = {
    AuthScheme.BEARER: "`api_key`",
    AuthScheme.HEADER: "`api_key`",
    AuthScheme.AWS: "`access_key_id` and `secret_access_key`, or `api_key`",
    AuthScheme.GOOGLE: "`credentials_file`",
    AuthScheme.NONE: "none",
}


def row(name: str, preset: Preset) -> str:
    """Return the line of one preset."""
    key = AUTH[preset.auth.scheme] + (", optional" if preset.auth.key is Need.OPTIONAL else "")
    parameters = ", ".join(
        f"`{parameter}`" + (f" (`{table.default}`)" if table.default is not None else "")
        for parameter, table in preset.parameters.items()
    )
    cells = (
        f"`{name}`",
        f"[{preset.title}]({preset.documentation})",
        f"`{preset.base_url}`" if preset.base_url is not None else "say it",
        key,
        parameters,
        ", ".join(f"`{dialect}`" for dialect in preset.dialects),
        "price library" if preset.prices is not None else "at the model",
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("name", sorted({*preset_names()} - {LOCAL_PRESET}))
def test_the_page_says_of_each_preset_what_the_catalog_says(name: str) -> None:
    assert row(name, read_preset(name)) in PAGE.read_text().splitlines()


def test_the_page_names_no_preset_that_is_none() -> None:
    named = {line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    assert named == {*preset_names()} - {LOCAL_PRESET}


@pytest.mark.parametrize("name", sorted({*preset_names()} - {LOCAL_PRESET}))
def test_the_page_explains_every_parameter(name: str) -> None:
    page = PAGE.read_text()
    for parameter, table in read_preset(name).parameters.items():
        assert f"- `{name}`: `{parameter}` is {table.about}." in page


def test_the_page_names_every_dialect_that_a_preset_speaks() -> None:
    page = PAGE.read_text()
    for name in preset_names():
        for dialect in read_preset(name).dialects:
            assert f"`{dialect}`" in page
