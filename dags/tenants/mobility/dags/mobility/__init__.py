"""The mobility team's own code."""
