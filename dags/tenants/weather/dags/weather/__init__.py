"""The weather team's own code: what its DAGs, tasks and triggers share."""
