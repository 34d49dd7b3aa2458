"""Profiles of the property tests."""

from hypothesis import settings

settings.register_profile("fixes", max_examples=2_500)  # a twenty-fifth of them: each file is traced several times
