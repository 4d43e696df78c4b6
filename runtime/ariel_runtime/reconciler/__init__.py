"""Keeps the metadata database in step with the tenant registry: roles, rules, teams, pools and bundles."""
