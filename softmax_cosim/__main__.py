"""``python -m softmax_cosim``: the command line."""

import sys

from softmax_cosim.cli import main

if __name__ == "__main__":
    sys.exit(main())
