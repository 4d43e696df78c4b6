"""The diagnostic setting of one resource: its logs and metrics go to the stack's Log Analytics workspace."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import monitor


def diagnose(
    name: str,
    *,
    target_id: pulumi.Input[str],
    workspace_id: pulumi.Input[str],
    parent: pulumi.Resource,
    categories: tuple[str, ...] = (),
    all_logs: bool = True,
    metrics: bool = True,
) -> monitor.DiagnosticSetting:
    """Sends all logs, or only `categories` where they are named, and all metrics of `target_id` to the workspace.

    `all_logs=False` without categories is for types that have metrics only, `metrics=False` for those with logs only.
    """
    if categories:
        logs = [monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in categories]
    elif all_logs:
        logs = [monitor.DiagnosticsLogSettingsArgs(category_group="allLogs", enabled=True)]
    else:
        logs = []
    return monitor.DiagnosticSetting(
        f"{name}-diagnostics",
        name="ariel",
        resource_uri=target_id,
        workspace_id=workspace_id,
        logs=logs,
        metrics=[monitor.DiagnosticsMetricSettingsArgs(category="AllMetrics", enabled=True)] if metrics else [],
        opts=pulumi.ResourceOptions(parent=parent),
    )
