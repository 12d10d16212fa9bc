"""Measurements of speed; see :mod:`benchmarks.bench`."""
