"""``python -m softmax_cosim``: the command line."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python looks in the working folder first: nobody's numpy.py there is ours to import.
    if not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).parents[1]:
        del sys.path[0]

    from softmax_cosim.entry import main

    sys.exit(main())
