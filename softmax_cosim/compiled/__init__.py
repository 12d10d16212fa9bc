"""What measuring does to every element, compiled: much faster, and equal to ``golden``.

``golden`` is the one definition. What is computed here comes from its tables and its functions of a
row, and whoever finds a difference from what the hardware gave asks ``golden`` itself before
saying so; tests hold the two to each other, value by value.
"""
