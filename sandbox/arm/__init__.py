"""Emulated Azure Resource Manager: the rules of ARM as an HTTP service, with its state on disk."""
