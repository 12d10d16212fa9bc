"""``cosim new``: a folder with a design of somebody's own that runs at once."""
