"""Whether a key may be used, and for which model. Pure: time enters as an argument."""

from tollway.access.principal import Principal
from tollway.errors import Refusal


def check_key(principal: Principal | None, *, now_ms: int) -> Principal:
    """Return the principal when its key is good now; raises Refusal 401 for the key, 403 for the account."""
    if principal is None:
        raise Refusal("invalid_api_key", "This API key is unknown or was revoked: check it, or create a new one.")
    if principal.expires_ms is not None and principal.expires_ms <= now_ms:
        raise Refusal("invalid_api_key", "This API key has expired: create a new one.")
    if principal.account_suspended:
        raise Refusal("account_suspended", "The account of this API key is suspended: ask its operator.")
    return principal


def may_use(principal: Principal, model_asked: str) -> bool:
    """Tell whether the key's list of models, exact or ending in `*`, admits a model; an empty list admits all."""
    if not principal.models:
        return True
    return any(
        model_asked.startswith(pattern[:-1]) if pattern.endswith("*") else model_asked == pattern
        for pattern in principal.models
    )


def check_model(principal: Principal, model_asked: str) -> None:
    """Raise Refusal 403 `model_not_allowed` when the key may not use the model."""
    if not may_use(principal, model_asked):
        raise Refusal(
            "model_not_allowed",
            f"This API key may not use the model {model_asked!r}: it is limited to {', '.join(principal.models)}.",
            param="model",
        )
