"""Scripts that train the small models whose weights are committed in ``models/``."""
