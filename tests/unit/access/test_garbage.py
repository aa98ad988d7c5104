"""What is remembered for each key is nothing that the collector of garbage has to look at."""

import msgspec
import pytest

from tollway.access.limits import RateRule
from tollway.access.principal import Principal
from tollway.access.terms import AccountTerms, CapRule, PackageTerms


@pytest.mark.parametrize("kind", [Principal, AccountTerms, CapRule, PackageTerms, RateRule])
def test_a_fact_about_a_key_is_left_out_of_the_collection_of_garbage(kind: type[msgspec.Struct]) -> None:
    assert not kind.__struct_config__.gc
    assert kind.__struct_config__.frozen, "what cannot change cannot come to refer to itself"
