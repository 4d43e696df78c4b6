"""What Airflow tells ariel of: ends of runs, for messages to teams, and starts of processes, for fields of logs."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from ariel_runtime import log_fields
from ariel_runtime.notifications import listener


class ListenersPlugin(AirflowPlugin):
    name = "ariel_listeners"
    listeners = [listener, log_fields]
