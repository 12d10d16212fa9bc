"""``cosim synth``: what a design costs in gates and cells, and how fast its clock may be.

Three flows, all on Yosys with its slang front end, all from PyPI:

* generic gates: two-input NAND and NOR, inverters and flip-flops (``abc -g cmos2``). Memories that
  are written are kept apart as memories; constant tables are gates like everything else. The
  netlist is kept too: it can be simulated in the RTL's place.
* ECP5: cells placed and routed by nextpnr, out of context, speed grade 6.
* the cells of a library that the user has, a Liberty file, from the same generic design.

The figures of our own configurations stand in ``synth/area.json`` and, for people, in the table of
``synth/README.md``; those of somebody else's design are printed, and written where the user says.
"""
