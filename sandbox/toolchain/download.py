"""Official downloads of the tools: verified by the publisher's checksum, unpacked without trusting the archive."""

from __future__ import annotations

import fnmatch
import hashlib
import platform
import shutil
import ssl
import tarfile
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

import httpx

from sandbox.report import Report
from sandbox.toolchain.attempt import AttemptError
from sandbox.toolchain.tool import Tool

CONNECT_SECONDS: Final = 3.0
"""So that a closed network costs seconds, not minutes; reading may take longer."""

_READ_SECONDS: Final = 60.0


class Downloads:
    """Fetches releases; a host that cannot be reached is not asked again by the same object."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        # The machine's own trust store (with SSL_CERT_FILE), which knows the authority of a company's proxy.
        self._client = httpx.Client(
            transport=transport,
            verify=ssl.create_default_context(),
            follow_redirects=True,
            # The digests are of what the publisher stores, so nothing may be compressed on the way.
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(_READ_SECONDS, connect=CONNECT_SECONDS),
        )
        self._unreachable: dict[str, str] = {}

    def fetch(self, tool: Tool, folder: Path, report: Report) -> dict[str, Path]:
        """Download into `folder` and return the files to install by name. Raises AttemptError."""
        release, machine = tool.release, platform.machine()
        arch = None if release is None else release.architectures.get(machine)
        if release is None or arch is None:
            raise AttemptError(f"download: the publisher serves no {tool.name} for {machine}")
        url = release.url.format(version=tool.version, arch=arch)
        name = PurePosixPath(urlsplit(url).path).name
        sums = self._text(release.checksums.format(version=tool.version, arch=arch))
        expected = expected_digest(sums, name)
        if expected is None:
            raise AttemptError(f"download: the publisher's checksums do not name {name}")
        target = folder / name
        found = self._file(url, target, f"Download {tool.name} {tool.version}", report)
        if found != expected:
            target.unlink()
            raise AttemptError(f"download: {url} has SHA-256 {found}, the publisher says {expected}")
        if release.members is None:
            return {tool.name: target}
        return unpack(target, release.members, folder)

    def reachable(self, tool: Tool) -> bool:
        """Whether the publisher of that tool answers; nothing is downloaded."""
        if tool.release is None:
            return False
        arch = tool.release.architectures.get(platform.machine(), "")
        url = tool.release.checksums.format(version=tool.version, arch=arch)
        try:
            self._text(url)
        except AttemptError:
            return False
        return True

    def _text(self, url: str) -> str:
        host = self._reachable_host(url)
        try:
            response = self._client.get(url)
        except httpx.RequestError as error:
            raise self._failed(host, url, error) from error
        _check(response, url)
        return response.text

    def _file(self, url: str, target: Path, label: str, report: Report) -> str:
        host = self._reachable_host(url)
        digest = hashlib.sha256()
        try:
            with self._client.stream("GET", url) as response, report.step(label) as step, target.open("wb") as out:
                _check(response, url)
                length = response.headers.get("content-length")
                total, done = (int(length) if length else None), 0
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    step.advance(done, total)
        except httpx.RequestError as error:
            raise self._failed(host, url, error) from error
        return digest.hexdigest()

    def _reachable_host(self, url: str) -> str:
        host = urlsplit(url).netloc
        if host in self._unreachable:
            raise AttemptError(self._unreachable[host])
        return host

    def _failed(self, host: str, url: str, error: httpx.RequestError) -> AttemptError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            self._unreachable[host] = f"download: {host} cannot be reached ({error or type(error).__name__})"
            return AttemptError(self._unreachable[host])
        return AttemptError(f"download: {url} broke off ({error or type(error).__name__})")


def expected_digest(sums: str, name: str) -> str | None:
    """The digest of `name` in the publisher's file: a bare digest, or lines `digest [*]name`."""
    lines = [line.split() for line in sums.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0]) == 1:
        return lines[0][0].lower()
    for fields in lines:
        if len(fields) == 2 and PurePosixPath(fields[1].lstrip("*")).name == name:
            return fields[0].lower()
    return None


def unpack(archive: Path, members: str, folder: Path) -> dict[str, Path]:
    """Copy the regular files that match `members` out of a tar archive, by their last name only.

    No path, link, mode or owner of the archive is used, so it cannot write anywhere else. Raises AttemptError.
    """
    files = {}
    try:
        with tarfile.open(archive) as content:
            for member in content:
                source = content.extractfile(member) if member.isreg() else None
                if source is None or not fnmatch.fnmatchcase(member.name, members):
                    continue
                name = PurePosixPath(member.name).name
                target = folder / f"unpacked-{name}"
                with source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
                files[name] = target
    except tarfile.TarError as error:
        raise AttemptError(f"download: {archive.name} is no archive ({error})") from error
    if not files:
        raise AttemptError(f"download: {archive.name} holds no {members}")
    return files


def _check(response: httpx.Response, url: str) -> None:
    if response.status_code != httpx.codes.OK:
        raise AttemptError(f"download: {url} answered {response.status_code}")
