"""PostgreSQL servers of the sandbox: what stands behind the Flexible Servers of the emulated Azure."""
