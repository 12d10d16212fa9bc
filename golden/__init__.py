"""The golden model: what the hardware computes, bit by bit, and how far that is from softmax.

Integers end to end; floats live in :mod:`.golden.reference` and :mod:`.golden.metrics`, and in
:mod:`.golden.quantise`, which turns float scores into the integers that drive the hardware.
"""
