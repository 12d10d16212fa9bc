"""Work on other machines: a Dask cluster in the place of this machine's processes.

What is computed is no business of this room: functions come from those who have work to give. It
sees to it that a worker is what this process is, and says in a sentence what went wrong.

Client, scheduler and workers talk in pickles, so each of them can run anything on the others:
whoever may connect is trusted. Nothing that is read from a file is unpickled.
"""

from softmax_cosim.cluster.arguments import Where, add_arguments, asked
from softmax_cosim.cluster.client import Cluster, connected
from softmax_cosim.cluster.identity import (
    Files,
    Identity,
    check,
    check_files,
    files_of,
    hashed,
    here,
)

__all__ = [
    "Cluster",
    "Files",
    "Identity",
    "Where",
    "add_arguments",
    "asked",
    "check",
    "check_files",
    "connected",
    "files_of",
    "hashed",
    "here",
]
