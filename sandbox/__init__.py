"""The embedded default of ariel: tool chain, one-node cluster, emulated Azure, provider plug-ins, compact chart.

A real deployment needs none of it; see README.md in this folder.
"""
