"""Keeps the metadata database in step with the tenant registry: roles, rules, and Airflow's teams, pools and bundles."""
