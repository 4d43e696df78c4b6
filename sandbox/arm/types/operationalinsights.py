"""Microsoft.OperationalInsights: Log Analytics workspaces."""

from __future__ import annotations

from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.spec import LONG_RUNNING, Name, TypeSpec

WORKSPACE = "Microsoft.OperationalInsights/workspaces"

SPECS = (
    TypeSpec(
        type=WORKSPACE,
        source="Log Analytics documentation: retention 30-730 days, SKU PerGB2018; naming rules 4-63",
        api_versions=("2023-09-01", "2022-10-01", "2025-02-01", "2025-07-01"),
        name=Name(
            pattern=r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
            rule="4-63 letters, digits and -, first and last no -.",
        ),
        invalid="InvalidParameter",
        long_running=LONG_RUNNING,
        fields=(
            Field(
                "properties.sku.name",
                required=True,
                one_of=("PerGB2018", "CapacityReservation", "LACluster", "Free", "PerNode", "Standalone"),
            ),
            Field("properties.retentionInDays", kind="integer", between=(30, 730), default=30),
            Field("properties.publicNetworkAccessForIngestion", one_of=("Enabled", "Disabled"), default="Enabled"),
            Field("properties.publicNetworkAccessForQuery", one_of=("Enabled", "Disabled"), default="Enabled"),
        ),
        outputs=lambda change: {"properties": {"customerId": change.fact("customerId")}},
        in_use=Refusal(409, "ResourceInUse", "Workspace '{id}' is used by '{holder}'."),
    ),
)
