"""The tasks that come along, a module each with ``make() -> Task``."""
