"""Secure defaults by class of environment, in the words of a stack file; the file's own values go over them."""

from __future__ import annotations

from typing import Any, Final

from stacks.settings import EnvironmentClass

DEFAULTS: Final[dict[EnvironmentClass, dict[str, Any]]] = {
    EnvironmentClass.SANDBOX: {
        "protect": False,
        "kubernetes": {
            "private": False,
            "systemPool": {"vmSize": "Standard_D2ds_v5", "minimum": 1, "maximum": 2},
            "taskPool": {"vmSize": "Standard_D4ds_v5", "minimum": 0, "maximum": 2},
            "upgradeChannel": "none",
        },
        "database": {
            "sku": "Standard_B2s",
            "storageGb": 32,
            "highAvailability": False,
            "backupDays": 7,
            "geoBackup": False,
        },
        "pgbouncer": {"replicas": 2, "maxClientConn": 100, "metadataPoolSize": 10, "reservePoolSize": 2},
        "airflow": {
            "signIn": "simple",
            "scheduler": {"replicas": 1, "resources": {"cpu": "500m", "memory": "1Gi"}},
            "apiServer": {"replicas": 2, "resources": {"cpu": "500m", "memory": "1Gi"}},
        },
        "registry": {"private": False},
        "vault": {"purgeProtection": False, "softDeleteDays": 7, "keepOnRemoval": False, "ciMayWrite": False},
        "logs": {"workspaceDays": 30, "taskDays": 7},
    },
    EnvironmentClass.LOWER: {
        "protect": False,
        "kubernetes": {
            "private": False,
            "systemPool": {"vmSize": "Standard_D4ds_v5", "minimum": 2, "maximum": 4},
            "taskPool": {"vmSize": "Standard_D4ds_v5", "minimum": 0, "maximum": 6},
            "upgradeChannel": "patch",
        },
        "database": {
            "sku": "Standard_D2ds_v5",
            "storageGb": 64,
            "highAvailability": False,
            "backupDays": 7,
            "geoBackup": False,
        },
        "pgbouncer": {"replicas": 2, "maxClientConn": 100, "metadataPoolSize": 10, "reservePoolSize": 5},
        "airflow": {
            "signIn": "entra",
            "scheduler": {"replicas": 1, "resources": {"cpu": "500m", "memory": "1Gi"}},
            "apiServer": {"replicas": 2, "resources": {"cpu": "500m", "memory": "1Gi"}},
        },
        "registry": {"private": False},
        "vault": {"purgeProtection": False, "softDeleteDays": 7, "keepOnRemoval": False, "ciMayWrite": True},
        "logs": {"workspaceDays": 30, "taskDays": 30},
    },
    EnvironmentClass.HIGHER: {
        "protect": True,
        "kubernetes": {
            "private": True,
            "systemPool": {"vmSize": "Standard_D4ds_v5", "minimum": 3, "maximum": 6},
            "taskPool": {"vmSize": "Standard_D8ds_v5", "minimum": 1, "maximum": 20},
            "upgradeChannel": "patch",
        },
        "database": {
            "sku": "Standard_D4ds_v5",
            "storageGb": 256,
            "highAvailability": True,
            "backupDays": 35,
            "geoBackup": True,
        },
        "pgbouncer": {"replicas": 3, "maxClientConn": 1000, "metadataPoolSize": 40, "reservePoolSize": 10},
        "airflow": {
            "signIn": "entra",
            "scheduler": {"replicas": 2, "resources": {"cpu": "1", "memory": "2Gi"}},
            "apiServer": {"replicas": 3, "resources": {"cpu": "1", "memory": "2Gi"}},
        },
        "registry": {"private": True},
        "vault": {"purgeProtection": True, "softDeleteDays": 90, "keepOnRemoval": True, "ciMayWrite": False},
        "logs": {"workspaceDays": 90, "taskDays": 365},
    },
}
