"""The fixture `material` of the API tests."""

from tests.api.conftest import material

__all__ = ["material"]
