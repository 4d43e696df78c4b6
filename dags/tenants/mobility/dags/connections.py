"""`mobility.connections`: what Airflow's page `/ariel/secrets/` shows and tests of this team's secrets."""

from __future__ import annotations

from ariel_runtime.secrets.connections_dag import connections_dag

connections_dag("mobility")
