"""Reports held to limits, and to each other: ``--fail-on`` and ``cosim compare``."""
