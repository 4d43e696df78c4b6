"""A message on its way, in the tenant's triggerer: by Slack, mail or a webhook, with a connection of the team's vault.

Where it fails it is tried again, twice; then the trigger's log and the row in `callback` say why. No run notices.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import tenacity
from airflow.sdk import BaseHook
from airflow.sdk._shared.secrets_masker import redact

from ariel_runtime.notifications.message import Kind, title

_SECONDS: Final = 10
"""For one attempt, with the look-up in the vault."""
_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 5
_LONGEST_FAULT: Final = 300
_EVERYBODY: Final = "<!channel> "


class NotDeliveredError(Exception):
    """Names the connections that failed, and why; holds no value of theirs."""


async def deliver(channel: str, message: dict[str, Any], targets: dict[str, str]) -> str:
    """Send to each target by its connection, `targets` being connection id -> target. Raises NotDeliveredError."""
    faults = [await _fault(channel, message, connection_id, target) for connection_id, target in targets.items()]
    if any(faults):
        raise NotDeliveredError("; ".join(filter(None, faults)))
    return f"{message['kind']} of {message['run_id']} told to {', '.join(targets.values())}"


async def _fault(channel: str, message: Mapping[str, Any], connection_id: str, target: str) -> str:
    """Why it was not sent; empty where it was."""
    try:
        async for attempt in tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS), wait=tenacity.wait_fixed(_PAUSE_SECONDS), reraise=True
        ):
            with attempt:
                async with asyncio.timeout(_SECONDS):
                    await _SENDERS[channel](connection_id, target, message)
    except Exception as error:  # noqa: BLE001 - providers raise what they like, some with the address they were given
        fault = f"{channel} to {target} by connection {connection_id}: {type(error).__name__}: {redact(str(error))}"
        return fault[:_LONGEST_FAULT]
    return ""


async def _slack(connection_id: str, target: str, message: Mapping[str, Any]) -> None:
    """By a token to the channel `target`; by an incoming webhook (`slackwebhook`) to the channel that it belongs to."""
    from airflow.providers.slack.notifications.slack import SlackNotifier
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    # Slack's own rule: these three, so that no id of a run becomes a mention or a link.
    text = html.escape(message["text"], quote=False)
    if message["kind"] == Kind.CRITICAL:
        text = _EVERYBODY + text
    connection = await BaseHook.aget_connection(connection_id)
    if connection.conn_type == "slackwebhook":
        by_webhook = SlackWebhookNotifier(slack_webhook_conn_id=connection_id, text=text, timeout=_SECONDS)
        await by_webhook.async_notify({})
    else:
        by_token = SlackNotifier(slack_conn_id=connection_id, text=text, channel=target, timeout=_SECONDS)
        await by_token.async_notify({})


async def _email(connection_id: str, target: str, message: Mapping[str, Any]) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    by_mail = SmtpNotifier(
        smtp_conn_id=connection_id,
        to=target,
        subject=title(message["text"]),
        html_content=f"<pre>{html.escape(message['text'])}</pre>",
    )
    await by_mail.async_notify({})


async def _webhook(connection_id: str, target: str, message: Mapping[str, Any]) -> None:
    """POST of the message as JSON to the path `target`, with the connection's password as bearer token."""
    import aiohttp

    connection = await BaseHook.aget_connection(connection_id)
    port = f":{connection.port}" if connection.port else ""
    url = f"{connection.schema or 'https'}://{connection.host}{port}{target}"
    headers = {"Authorization": f"Bearer {connection.password}"} if connection.password else {}
    # The triggerer trusts what its variables say, as all clients in its pod do.
    async with (
        aiohttp.ClientSession(trust_env=True, raise_for_status=True) as session,
        session.post(url, json=dict(message), headers=headers, allow_redirects=False),
    ):
        pass


_SENDERS: Final[Mapping[str, Callable[[str, str, Mapping[str, Any]], Awaitable[None]]]] = {
    "slack": _slack,
    "email": _email,
    "webhook": _webhook,
}
