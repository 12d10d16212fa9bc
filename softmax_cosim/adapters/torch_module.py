"""Any torch module: its attention scores recorded, or its softmax replaced.

Whatever a module calls (``torch.softmax``, ``nn.Softmax``, ``scaled_dot_product_attention``,
``nn.MultiheadAttention``, exponentials over their sum), it is heard for as long as a context
lasts. An attention operator that is not known is refused rather than missed.

For inference: no gradient flows through an attention that was replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from softmax_cosim.account import Account
from softmax_cosim.adapters.torch_attend import attend, refuse_dropout
from softmax_cosim.adapters.torch_listen import Listener
from softmax_cosim.engines import Softmax

__all__ = ["attend", "patched", "refuse_dropout"]


@contextmanager
def patched(softmax: Softmax, within: Any = None) -> Iterator[Account]:
    """Let a function compute every softmax, for as long as the context lasts.

    ::

        with torch_module.patched(softmax, model.encoder) as account:
            model(x)

    ``nn.MultiheadAttention`` and ``nn.TransformerEncoder`` are kept from their fused kernels; the
    encoder then fills what its padding mask hides with other values than 0. Around a function that
    answers None, as a :class:`.engines.Recorder` on its own, they run once more as if nothing
    were patched, and that output counts: no bit changes. What ``torch.compile`` made of a module
    runs as it was written.

    Args:
        softmax: the function; where it answers None, the module's own result stands.
        within: an ``nn.Module``: only what runs inside it is replaced, in any thread, and its
            modules' names are those of the layers. None: everything, a classifier's softmax too,
            in the calling thread and in every module.

    Yields:
        The account of every softmax that ran; added to ``softmax.account`` if there is one.

    Raises:
        UsageError: inside the context: dropout of probabilities, a function in
            ``torch.inference_mode()`` outside of any module, attention in an operator that is not
            known; at its end: what ran has no softmax.

    Warns:
        MissedSoftmax: one that was heard and could not be replaced, or nothing ran.
    """
    with Listener(softmax, within, every=True).listening() as account:
        yield account
