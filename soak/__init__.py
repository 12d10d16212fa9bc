"""``make soak``: a hundred million elements of real attention through every configuration."""
