"""``cosim verify``: the cases of ``tb/cases`` against any design, ours or somebody's own."""
