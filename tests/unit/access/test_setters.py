"""What the operator limited of a thing stays limited until the operator frees it."""

from tollway.access.setters import SetBy, limited_by_operator, touched

OPERATOR, ACCOUNT = SetBy.OPERATOR, SetBy.ACCOUNT


def test_what_the_operator_limits_is_remembered_until_it_is_emptied() -> None:
    limited = limited_by_operator((), {"models": ("m",), "routes": (), "expires": 5}, OPERATOR)
    assert limited == ("models", "expires")
    assert limited_by_operator(limited, {"models": ("n",), "disabled": True}, OPERATOR) == (
        "expires",
        "models",
        "disabled",
    )
    assert limited_by_operator(limited, {"models": (), "expires": None}, OPERATOR) == ()
    assert limited_by_operator(limited, {"routes": ("chat",)}, ACCOUNT) == limited


def test_an_account_touches_nothing_that_the_operator_limited() -> None:
    assert touched(("models",), {"routes": (), "models": ()}, ACCOUNT) == "models"
    assert touched(("models",), {"routes": ()}, ACCOUNT) is None
    assert touched(("models",), {"models": ()}, OPERATOR) is None
