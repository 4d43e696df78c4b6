"""A picture of a page of the running Airflow, by a headless Chromium that signs in as a person does.

usage: python -m tests.screenshot URL FILE --kubeconfig FILE --authority FILE

The password comes from the cluster. The browser is led over the DevTools protocol: navigate, type, click, capture.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.sync.client import ClientConnection, connect

from cli.platform import ADMINISTRATOR, administrator_password
from components.namespace import PLATFORM

WIDTH: Final = 1440
HEIGHT: Final = 900
_WAIT_SECONDS: Final = 60
_QUIET_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.2
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_FORM: Final = "document.querySelector('input[name=username]') !== null"
_BUSY: Final = ".chakra-skeleton, .chakra-spinner"
_TEXT: Final = f"document.querySelector('{_BUSY}') ? '' : document.body.innerText"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshot", description=__doc__)
    parser.add_argument("url", help="of the page")
    parser.add_argument("file", type=Path, help="PNG to write")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of the cluster that knows the password")
    parser.add_argument("--authority", type=Path, required=True, help="certificate that verifies the ingress")
    given = parser.parse_args()
    if shutil.which("chromium") is None:
        sys.stderr.write("chromium: not on PATH. It draws the page. Install it: apt install chromium\n")
        return 1
    password = administrator_password(given.kubeconfig, PLATFORM)
    given.file.write_bytes(picture(given.url, given.authority, password))
    return 0


def picture(url: str, authority: Path, password: str) -> bytes:
    """The page as PNG, after a sign-in. Raises TimeoutError for a page that does not settle."""
    with _browser(_trusted(url, authority)) as tab:
        # A page of a plug-in does not lead to the sign-in, as Airflow's own do.
        tab.ask("Page.navigate", url=urljoin(url, "/"))
        tab.until("Airflow says something", lambda: bool(tab.value(_FORM) or tab.value(_TEXT)))
        if tab.value(_FORM):
            _sign_in(tab, password)
        tab.settle()
        tab.ask("Page.navigate", url=url)
        tab.settle()
        return base64.b64decode(tab.ask("Page.captureScreenshot", format="png")["data"])


class _Tab:
    """One page, over its DevTools connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = count(1)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(_WAIT_SECONDS))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression; None while the page is being exchanged."""
        return self.ask("Runtime.evaluate", expression=expression)["result"].get("value")

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not holds():
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{what}: not within {_WAIT_SECONDS} s; the page reads: {self.value(_TEXT)}")
            time.sleep(_POLL_SECONDS)

    def settle(self) -> None:
        """Returns when nothing is being loaded and the text has stayed the same for a while."""
        seen, since = "", time.monotonic()

        def quiet() -> bool:
            nonlocal seen, since
            text = self.value(_TEXT) or ""
            if text != seen or not text:
                seen, since = text, time.monotonic()
            return time.monotonic() - since > _QUIET_SECONDS

        self.until("the page comes to rest", quiet)


def _sign_in(tab: _Tab, password: str) -> None:
    for field, text in (("username", ADMINISTRATOR), ("password", password)):
        tab.value(f"document.querySelector('input[name={field}]').focus()")
        tab.ask("Input.insertText", text=text)
    tab.value("document.querySelector('button[type=submit]').click()")
    tab.until("the sign-in is taken", lambda: tab.value(_FORM) is False)


@contextmanager
def _browser(trusted: str) -> Iterator[_Tab]:
    """A browser with a profile of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ariel-chromium-", ignore_cleanup_errors=True) as profile:
        command = ["chromium", *_FLAGS, f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}"]
        command += [f"--ignore-certificate-errors-spki-list={trusted}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_page_address(Path(profile, "DevToolsActivePort"), process), max_size=None) as connection:
                tab = _Tab(connection)
                size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
                tab.ask("Emulation.setDeviceMetricsOverride", **size)
                yield tab
        finally:
            process.terminate()
            process.wait(10)


def _page_address(file: Path, process: subprocess.Popen[bytes]) -> str:
    """WebSocket of the first page; the browser writes its port into the file when it listens."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not file.exists() or not file.read_text().strip():
        if process.poll() is not None or time.monotonic() >= deadline:
            raise TimeoutError("chromium did not start")
        time.sleep(_POLL_SECONDS)
    pages = httpx.get(f"http://127.0.0.1:{file.read_text().split()[0]}/json/list", trust_env=False).json()
    return next(str(page["webSocketDebuggerUrl"]) for page in pages if page["type"] == "page")


def _trusted(url: str, authority: Path) -> str:
    """Digest of the server's public key, once its certificate is verified: the browser has no authority of ours."""
    place = urlsplit(url)
    context = ssl.create_default_context(cafile=authority)
    with (
        socket.create_connection(("127.0.0.1", place.port or 443), _WAIT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=place.hostname) as verified,
    ):
        certificate = x509.load_der_x509_certificate(verified.getpeercert(binary_form=True) or b"")
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


if __name__ == "__main__":
    sys.exit(main())
