"""What runs a simulation: tools, builds, simulator processes, and the RTL as a function."""
