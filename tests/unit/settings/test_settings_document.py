"""docs/settings.md against the settings: defaults and presets are what the program has."""

import re
from pathlib import Path

import msgspec
import pytest

from tollway.money import render_amount
from tollway.settings import Settings
from tollway.settings.tables import kinds_of

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()

FIELDS = [
    (table, kind.name, kind.field)
    for table, section in kinds_of(Settings).items()
    if section.record is not None
    for kind in kinds_of(section.record).values()
]


def row(table: str, key: str) -> str:
    section = next(part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if f"[{table}]" in part.splitlines()[0])
    return next(line for line in section.splitlines() if line.startswith(f"| `{key}` |"))


@pytest.mark.parametrize(("table", "key", "field"), FIELDS)
def test_every_setting_is_documented_with_its_default(table: str, key: str, field: str) -> None:
    record = kinds_of(Settings)[table].record
    assert record is not None
    (info,) = [info for info in msgspec.structs.fields(record) if info.name == field]
    default = row(table, key).split("|")[3]
    if info.required:
        assert default.strip() == "required"
    elif isinstance(info.default, str):
        assert f'"{info.default}"' in default
    elif isinstance(info.default, bool):
        assert str(info.default).lower() in default
    elif key in {"amount_min", "amount_max"}:
        assert f'"{render_amount(info.default)}"' in default
    elif isinstance(info.default, int | float) and not field.endswith("_ppm"):
        assert f"`{info.default}`" in default
