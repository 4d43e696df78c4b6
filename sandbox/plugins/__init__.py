"""Plug-ins of the Pulumi engine for the sandbox, as raw gRPC servicers; see README.md of this folder."""
