"""The cocotb tests, one module a topic."""
