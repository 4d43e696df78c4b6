"""Rules over a whole recorded graph: each takes the graph and answers with all offenders and their values.

A rule that finds nothing to judge fails (`NothingToJudgeError`): an empty list proves nothing.
"""
