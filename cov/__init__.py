"""Coverage of the regression: lines, branches and toggles of the RTL, and the functional plan."""
