"""What `[payments]` may say: nothing starts half configured, and no secret is repeated in a mistake."""

from pathlib import Path

import pytest

from tollway.errors import SetupError
from tollway.money import NANOS_PER_UNIT
from tollway.settings import PaymentSettings, Secret, SecretUse, load_settings

WHOLE = """
[payments]
stripe_secret_key = "env:KEY"
stripe_webhook_secret = "env:SIGNING"
success_url = "https://example.test/paid?session={CHECKOUT_SESSION_ID}"
"""


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk_test_canary")
    monkeypatch.setenv("SIGNING", "whsec_canary")
    monkeypatch.setenv("EMPTY", "  ")


def read(tmp_path: Path, text: str, secrets: SecretUse = SecretUse.RESOLVE) -> PaymentSettings:
    path = tmp_path / "tollway.toml"
    path.write_text(text)
    return load_settings(path, secrets=secrets).payments


def mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(SetupError) as caught:
        read(tmp_path, text)
    said = "\n".join(caught.value.mistakes)
    assert "canary" not in said
    return said


def test_payments_are_off_unless_configured(tmp_path: Path) -> None:
    assert read(tmp_path, "") == PaymentSettings()
    assert PaymentSettings().stripe_secret_key is None


def test_everything_that_payments_need_is_read(tmp_path: Path) -> None:
    payments = read(tmp_path, WHOLE + 'amount_min = "0.50"\namount_max = 20\ncancel_url = "http://localhost:3000/"\n')
    assert payments.stripe_secret_key == Secret("sk_test_canary")
    assert payments.stripe_webhook_secret == Secret("whsec_canary")
    assert payments.success_url == "https://example.test/paid?session={CHECKOUT_SESSION_ID}"
    assert payments.cancel_url == "http://localhost:3000/"
    assert (payments.amount_min, payments.amount_max) == (NANOS_PER_UNIT // 2, 20 * NANOS_PER_UNIT)


def test_a_command_about_the_books_needs_no_secret_of_payments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY")
    assert read(tmp_path, WHOLE, SecretUse.LEAVE).stripe_secret_key == Secret("")


def test_lesson_67_nothing_starts_with_a_key_and_no_webhook_secret(tmp_path: Path) -> None:
    said = mistakes(tmp_path, WHOLE.replace('stripe_webhook_secret = "env:SIGNING"', ""))
    assert "[payments]: stripe_webhook_secret: is missing" in said


def test_lesson_67_nothing_starts_with_an_empty_webhook_secret(tmp_path: Path) -> None:
    said = mistakes(tmp_path, WHOLE.replace("env:SIGNING", "env:EMPTY"))
    assert said.count("[payments]") == 1
    assert "[payments]: stripe_webhook_secret: the environment variable EMPTY is not set" in said


def test_all_mistakes_of_payments_are_said_at_once(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path,
        """
        [payments]
        stripe_secret_key = "env:SIGNING"
        stripe_webhook_secret = "env:KEY"
        cancel_url = "ftp://example.test"
        api_base = "http://10.0.0.1:80"
        amount_min = 0.5
        amount_max = "-1"
        """,
    )
    for part in (
        "stripe_secret_key: is none of Stripe's: it begins with sk_ or rk_",
        "stripe_webhook_secret: is none of Stripe's: it begins with whsec_",
        "success_url: is missing",
        "cancel_url: must be the whole URL of a page",
        "api_base: must begin with https://, or with http:// and a loopback address",
        'amount_min: must be written as text: "0.5"',
        "amount_max: must be above zero",
    ):
        assert f"[payments]: {part}" in said


def test_a_webhook_secret_alone_and_an_empty_range_are_mistakes(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path, '[payments]\nstripe_webhook_secret = "env:SIGNING"\namount_min = "5"\namount_max = "4.99"\n'
    )
    assert "[payments]: stripe_secret_key: is missing" in said
    assert "[payments]: amount_min: is more than amount_max" in said


def test_amounts_finer_than_a_nano_unit_are_refused(tmp_path: Path) -> None:
    assert "amount_min: '0.0000000001' is finer" in mistakes(tmp_path, '[payments]\namount_min = "0.0000000001"\n')


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:12111", "http://[::1]:12111", "http://localhost:1", "https://stripe.example.test"]
)
def test_lesson_24_the_secret_key_may_go_to_this_machine_or_over_tls(tmp_path: Path, base: str) -> None:
    assert read(tmp_path, f'{WHOLE}api_base = "{base}"\n').api_base == base


@pytest.mark.parametrize(
    "base",
    [
        "http://api.stripe.com",
        "http://127.0.0.1.example.test",
        "http://user@127.0.0.1",
        "http://192.168.0.1",
        "127.0.0.1:12111",
        "https://",
        "https://[::1",
        "ftp://127.0.0.1",
    ],
)
def test_lesson_24_the_secret_key_goes_nowhere_else(tmp_path: Path, base: str) -> None:
    assert "[payments]: api_base: must begin with" in mistakes(tmp_path, f'{WHOLE}api_base = "{base}"\n')
