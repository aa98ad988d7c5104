"""What the operator decides: one TOML file, read whole, every mistake reported at once. Knows no provider and no catalog."""

from tollway.settings.brand import Brand, Brands
from tollway.settings.load import brands_of, built_in_settings, load_settings, read_settings
from tollway.settings.mistakes import Mistakes
from tollway.settings.prices import PriceSettings, TierSettings
from tollway.settings.records import (
    AfterLeaveChoice,
    BillingSettings,
    BrandSettings,
    Durability,
    LimitsSettings,
    LocalModelSettings,
    ModelSettings,
    PaymentSettings,
    ProviderSettings,
    ServerSettings,
    Settings,
    SharedSettings,
    StoreSettings,
    TargetSettings,
    TimeoutSettings,
)
from tollway.settings.secret import Secret, SecretUse

__all__ = [
    "AfterLeaveChoice",
    "BillingSettings",
    "Brand",
    "BrandSettings",
    "Brands",
    "Durability",
    "LimitsSettings",
    "LocalModelSettings",
    "Mistakes",
    "ModelSettings",
    "PaymentSettings",
    "PriceSettings",
    "ProviderSettings",
    "Secret",
    "SecretUse",
    "ServerSettings",
    "Settings",
    "SharedSettings",
    "StoreSettings",
    "TargetSettings",
    "TierSettings",
    "TimeoutSettings",
    "brands_of",
    "built_in_settings",
    "load_settings",
    "read_settings",
]
