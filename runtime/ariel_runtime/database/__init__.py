"""What PostgreSQL lets each role do with Airflow's metadata: roles, grants, row security and guards.

The rules are data (`access`, `rows`, `guards`); `schema` brings a database to them and `roles` makes who they are for.
Who calls this, and when, is the reconciler's.
"""
