"""The one exception that means "the user gave us something wrong"."""

from __future__ import annotations


class UsageError(ValueError):
    """Bad input: one sentence that names the culprit and says what to do.

    The command line prints the sentence and exits with code 2; no traceback.
    """
