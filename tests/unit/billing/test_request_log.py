"""Statuses as people write them."""

import pytest

from tollway.billing.request_log import parse_statuses
from tollway.errors import CommandRefused


@pytest.mark.parametrize(
    ("text", "statuses"),
    [("429", (429, 429)), (" 4XX ", (400, 499)), ("ok", (200, 399)), ("error", (400, 599)), ("2xx", (200, 299))],
)
def test_a_status_is_one_a_class_or_a_word(text: str, statuses: tuple[int, int]) -> None:
    assert parse_statuses(text) == statuses


@pytest.mark.parametrize("text", ["", "4", "42", "600", "099", "4x", "xx", "failed", "429,500", "4\n29", "٤٢٩"])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(CommandRefused, match="is not a status"):
        parse_statuses(text)
