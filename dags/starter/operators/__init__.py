"""Operators of the team."""
