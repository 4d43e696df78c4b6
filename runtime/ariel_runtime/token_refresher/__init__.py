"""PgBouncer's sidecar: keeps its aliases, logins and tokens up to date without a restart.

Does not import Airflow. `configuration` (what PgBouncer reads), `renewal` (when a token is due) and `limits` (how long
it may be) are pure; `files` and `console` touch PgBouncer; `refresher` is the loop, `metrics` what it reports.
"""
