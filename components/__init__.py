"""How one thing is built: one ComponentResource per file, with its roles, endpoints and diagnostics beside it."""
