"""Messages about runs: the scheduler leaves them (`listener`), the tenant's triggerer sends them (`delivery`)."""
