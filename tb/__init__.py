"""What runs inside the simulator: transports, stalls, scoreboard, environment, cases."""
