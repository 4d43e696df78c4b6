"""Plug-ins of Airflow's UI; the entry points name them. Every Airflow process loads them, so they import little."""
