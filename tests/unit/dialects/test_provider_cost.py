"""What providers say that an answer cost: zero is said, nothing is not, junk is nothing."""

import pytest

from tollway.dialects.provider_cost import COST_UNITS_MAX, read_provider_cost


@pytest.mark.parametrize(
    ("found", "nanos"),
    [
        (b'{"prompt_tokens":16,"cost":8.1e-05,"is_byok":false}', 81_000),
        (b'{"cost":0.066407}', 66_407_000),
        (b'{"cost":6e-08}', 60),
        (b'{"cost":1}', 10**9),
        (b'{"cost":0}', 0),
        (b'{"cost":0.0}', 0),
        (b'{"cost":-0}', 0),
        (b'{"cost":0.0000000000001}', 1),
        (b'{"cost":{"input_tokens_cost":1e-05,"request_cost":0.005,"total_cost":0.00502}}', 5_020_000),
        (b'{"cost":{"currency":"USD","input_cost":1.2e-08,"total_cost":1.2e-08}}', 12),
        (b'{"cost":{"total_cost":0}}', 0),
        (b'{"cost_in_usd_ticks":5743500}', 574_350),
        (b'{"cost_in_usd_ticks":1}', 1),
        (b'{"cost_in_usd_ticks":0}', 0),
        (b'{"cost":%d}' % COST_UNITS_MAX, COST_UNITS_MAX * 10**9),
    ],
)
def test_lesson_12_a_stated_cost_is_read_and_zero_is_one(found: bytes, nanos: int) -> None:
    assert read_provider_cost(found) == nanos


@pytest.mark.parametrize(
    "found",
    [
        None,
        b"null",
        b"{}",
        b'{"prompt_tokens":1}',
        b'{"cost_details":{"upstream_inference_cost":1}}',
        b'{"note":"cost"}',
        b'["cost"]',
        b'{"cost":null}',
        b'{"cost":"0.1"}',
        b'{"cost":true}',
        b'{"cost":[1]}',
        b'{"cost":{}}',
        b'{"cost":{"total_cost":null}}',
        b'{"cost":{"total_cost":1,"currency":"EUR"}}',
        b'{"cost":-1}',
        b'{"cost":1e999999}',
        b'{"cost":1e99999999999999999999}',
        b'{"cost":%d}' % (COST_UNITS_MAX + 1),
        b'{"cost_in_usd_ticks":"1"}',
        b'{"cost_in_usd_ticks":-5}',
        b'{"cost_in_usd_ticks":1e99999999999999999999}',
        b'{"cost_in_usd_ticks":1%b}' % (b"0" * 5000),
        b'{"cost":"\xff"}',
    ],
)
def test_lesson_12_what_is_no_cost_is_not_said_and_not_zero(found: bytes | None) -> None:
    assert read_provider_cost(found) is None


def test_a_cost_finer_than_all_numbers_is_no_failure() -> None:
    assert read_provider_cost(b'{"cost":1e-999999999}') in {0, 1}
