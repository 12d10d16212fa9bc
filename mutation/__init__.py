"""Mutants of every source, and whether the regression sees them; ``make mutate`` runs them."""
