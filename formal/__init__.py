"""Proofs of the RTL, and what runs them."""
