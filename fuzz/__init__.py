"""``make fuzz``: a million inputs each into what reads files of others."""
