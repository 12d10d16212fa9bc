"""A configuration inside a Python file: the golden function and its numbers in one.

The block has the form of PEP 723, with the type ``cosim``::

    # /// cosim
    # input = "q8.8"
    # output = "unorm8"
    # ///
"""

from __future__ import annotations

import re
from pathlib import Path

from softmax_cosim.configs.errors import UsageError

__all__ = ["block"]

#: As the specification of inline script metadata has it, for our type.
_BLOCK = re.compile(r"(?m)^# /// cosim$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


def block(path: Path, text: str) -> str:
    """The TOML in a Python file.

    Raises:
        UsageError: there is no block, or more than one.
    """
    found = list(_BLOCK.finditer(text))
    if len(found) != 1:
        raise UsageError(
            f"{path} has {len(found) or 'no'} block{'s' * (len(found) > 1)} of configuration; give "
            "one: a line '# /// cosim', keys as '# input = \"q8.8\"', and a line '# ///'"
        )
    lines = found[0]["content"].splitlines()
    return "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
