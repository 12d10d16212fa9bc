"""``make faults``: runs that are killed, or lose disk or files, and go on as if nothing was."""
