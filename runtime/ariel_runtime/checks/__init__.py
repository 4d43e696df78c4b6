"""What is asked of a tenant's repository before it is merged: one module for each rule, run by `__main__`."""
