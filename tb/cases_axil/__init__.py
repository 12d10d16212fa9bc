"""cocotb tests of the core behind its register file: ``softmax_axil``."""
