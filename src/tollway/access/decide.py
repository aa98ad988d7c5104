"""Whether a key may be used, and for which model. Pure: time enters as an argument."""

from tollway.access.packages import deduction_ppm, matches, model_not_covered
from tollway.access.principal import Principal
from tollway.errors import Refusal


def check_key(principal: Principal | None, *, now_ms: int) -> Principal:
    """Return the principal when its key is good now; raises Refusal 401 for the key, 403 for the account."""
    if principal is None:
        raise Refusal("invalid_api_key", "This API key is unknown or was revoked: check it, or create a new one.")
    if principal.expires_ms is not None and principal.expires_ms <= now_ms:
        raise Refusal("invalid_api_key", "This API key has expired: create a new one.")
    if principal.disabled:
        raise Refusal("invalid_api_key", "This API key is disabled: enable it, or use another one.")
    if principal.account_suspended:
        raise Refusal("account_suspended", "The account of this API key is suspended: ask its operator.")
    if principal.sub_account_suspended:
        raise Refusal(
            "account_suspended", "The sub-account of this API key is suspended: ask the owner of the account."
        )
    return principal


def may_use(principal: Principal, model_asked: str) -> bool:
    """Tell whether the key's list of models admits a model, and its package, if it spends one, covers it."""
    return _is_listed(principal, model_asked) and _is_covered(principal, model_asked)


def check_model(principal: Principal, model_asked: str) -> None:
    """Raise Refusal 403 `model_not_allowed` when the key may not use the model, or its package does not cover it."""
    if not _is_listed(principal, model_asked):
        raise Refusal(
            "model_not_allowed",
            f"This API key may not use the model {model_asked!r}: it is limited to {_listed(principal)}.",
            param="model",
        )
    if principal.package is not None and not _is_covered(principal, model_asked):
        raise model_not_covered(principal.package, model_asked)


def _is_listed(principal: Principal, model_asked: str) -> bool:
    """Tell whether the lists of models of the key and of its sub-account, exact or ending in `*`, both admit a model.

    An empty list admits all.
    """
    lists = (principal.models, principal.sub_account_models)
    return all(not models or any(matches(pattern, model_asked) for pattern in models) for models in lists)


def _listed(principal: Principal) -> str:
    lists = (principal.models, principal.sub_account_models)
    return ", within ".join(", ".join(models) for models in lists if models)


def _is_covered(principal: Principal, model_asked: str) -> bool:
    package = principal.package
    return package is None or deduction_ppm(package, model_asked) is not None
