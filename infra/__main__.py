"""Entrance of the plain `pulumi` command."""

from infra.program import program

program()
