"""What stands for a provider that an account brought."""

from tollway.access.own_providers import OwnProvider, ProviderAuth


def test_a_provider_shows_its_name_and_nothing_else_of_itself() -> None:
    own = OwnProvider(id=1, account_id=2, name="mine", preset="p", auth=ProviderAuth.API_KEY, sealed_key=b"canary")
    assert repr(own) == "OwnProvider('mine')"
