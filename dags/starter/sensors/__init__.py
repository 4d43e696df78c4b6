"""Sensors of the team, and the triggers that wait for them."""
