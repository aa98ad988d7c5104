"""`[auto]` names models that there are, each once; every mistake is told before anything is served."""

from pathlib import Path

import pytest

from tollway.catalog.loader import read_deployment
from tollway.errors import SetupError
from tollway.neutral import wishes
from tollway.settings import routing

FILE = """\
[[providers]]
name = "acme"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9000/v1"

[[models]]
id = "small"
targets = [{ provider = "acme", model = "small-1" }]
price = { input = "1", output = "5" }
"""


def read(folder: Path, auto: str) -> dict[str, tuple[str, ...]]:
    path = folder / "tollway.toml"
    path.write_text(f"{FILE}\n[auto]\n{auto}\n")
    return {"text": read_deployment(path).settings.auto.text}


def test_models_by_any_name_that_has_a_price(tmp_path: Path) -> None:
    assert read(tmp_path, 'text = ["small", "acme/small-1"]') == {"text": ("small", "acme/small-1")}


@pytest.mark.parametrize(
    ("auto", "says"),
    [
        ('text = ["smal"]', '[auto]: text: "smal" is no model with a price that is known; did you mean small?'),
        ('image = ["acme/*"]', '[auto]: image: "acme/*" is no model with a price that is known'),
        ('text = ["small", "small"]', '[auto]: text: "small" stands twice'),
        ("text = 5", "[auto]: text: must be a list"),
        ('smell = ["small"]', "[auto]: smell: is not a setting"),
    ],
)
def test_a_name_that_is_none_is_told(tmp_path: Path, auto: str, says: str) -> None:
    with pytest.raises(SetupError) as caught:
        read(tmp_path, auto)
    assert says in str(caught.value)


def test_a_client_may_ask_for_as_many_retries_as_an_operator() -> None:
    assert routing.RETRIES_MAX == wishes.RETRIES_MAX
