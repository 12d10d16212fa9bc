"""A plugin of pytest: hypothesis makes no failing example smaller, as nobody reads it."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), database=None)
settings.load_profile("mutants")
