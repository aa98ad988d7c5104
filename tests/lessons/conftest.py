"""The lessons are tested on a real gateway in front of a scripted provider, as the gateway's own tests are."""

from tests.e2e.gateway.conftest import deploy, provider, store_kind, tollway

__all__ = ["deploy", "provider", "store_kind", "tollway"]
