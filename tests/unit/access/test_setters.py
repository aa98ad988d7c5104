"""What the operator limited of a thing stays limited until the operator frees it."""

from collections.abc import Sequence

import pytest

from tollway.access.setters import SetBy, limited_after
from tollway.errors import OnlyTheOperator

OPERATOR, ACCOUNT = SetBy.OPERATOR, SetBy.ACCOUNT
NOW = {"models": ("m",), "routes": (), "expires": 5, "disabled": False}


def after(before: Sequence[str], told: dict[str, object], side: SetBy) -> tuple[str, ...]:
    return limited_after(before, told, now=NOW, side=side, of="key 7")


def test_what_the_operator_limits_is_remembered_until_it_is_emptied() -> None:
    limited = after((), {"models": ("m",), "routes": (), "expires": 5}, OPERATOR)
    assert limited == ("models", "expires")
    assert after(limited, {"models": ("n",), "disabled": True}, OPERATOR) == ("expires", "models", "disabled")
    assert after(limited, {"models": (), "expires": None}, OPERATOR) == ()
    assert after(limited, {"routes": ("chat",)}, ACCOUNT) == limited


def test_an_account_changes_nothing_that_the_operator_limited() -> None:
    with pytest.raises(OnlyTheOperator, match="the operator set 'models' of key 7, and only the operator changes it"):
        after(("models",), {"routes": ("chat",), "models": ()}, ACCOUNT)
    assert after(("models",), {"routes": ("chat",), "models": ("m",)}, ACCOUNT) == ("models",)
