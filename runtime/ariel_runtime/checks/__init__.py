"""What is asked of a tenant's repository before it is merged; each check runs in a process of its own."""
