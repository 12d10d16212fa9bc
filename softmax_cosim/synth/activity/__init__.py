"""``cosim synth --activity``: what switches when rows of a real model go through the gates.

The netlist is synthesised with the hierarchy of the RTL, so that every cell belongs to a stage, and
takes the RTL's place in the simulator, which writes the activity of every net in the format of
power tools (SAIF). Nothing has a delay there, so that a net changes at most once a cycle: glitches
are not counted. Memories that are written stay arrays, and their accesses are counted instead.
"""
