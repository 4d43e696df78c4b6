"""Which layers make an image: Debian, packages and user, Python packages, and the project's own package on top.

What changes often lies on top, so that a change of it rebuilds one small layer.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypedDict

import uv

from sandbox.report import Report
from sandbox.rootfs import debian, statsd
from sandbox.rootfs.chroot import INPUTS
from sandbox.rootfs.definition import Definition, Python
from sandbox.rootfs.layers import Layer, folder

PYTHON: Final = "python3.13"

COMPILE: Final = "-m compileall -q -j 0 -f --invalidation-mode unchecked-hash"
"""Pods have a read-only root file system: what is not compiled in the image is compiled in memory at each start."""
UV: Final = f"{INPUTS}/uv --no-config --no-progress"
_UV_CACHE: Final = "/run/uv-cache"
_PACKAGE: Final = ("pyproject.toml", "airflow_local_settings.py", "ariel_runtime")
"""What the project's own package is made of."""
_INDEX_VARIABLES: Final = ("UV_INDEX", "UV_DEFAULT_INDEX", "http_proxy", "https_proxy", "no_proxy")
_CERTIFICATES: Final = "SSL_CERT_FILE"


def prepare(image: Definition, report: Report) -> None:
    """Make what the layers' scripts need of this machine. Raises MachineError."""
    if image.debian.tool:
        statsd.ensure(report)


def layers(image: Definition) -> Layer:
    """The top layer of the image; those below hang on it. Nothing is built."""
    top = _system(image)
    if image.python is None:
        return top
    return _own_package(image, image.python, _python_packages(image, image.python, top))


def _system(image: Definition) -> Layer:
    """Debian's packages, the user, and single files."""
    user, home = image.user, shlex.quote(image.user.home)
    lines = [
        f"id -u {user.name} > /dev/null 2>&1 || useradd --uid {user.uid} --gid {user.gid} --no-log-init"
        f" --no-create-home --home-dir {home} --shell /bin/sh {user.name}",
        f"[ {home} = /nonexistent ] || install -d -o {user.uid} -g {user.gid} -m 775 {home}",
        f"[ {image.folder} = / ] || install -d -o {user.uid} -g {user.gid} -m 775 {image.folder}",
        *(f"install -m 755 {INPUTS}/{name} {path}" for path, name in image.files.items()),
    ]
    inputs = {name: image.home / name for name in image.files.values()}
    tools: dict[str, Path] = {}
    if image.debian.tool:
        inputs["module"] = statsd.PROGRAM.folder
        tools[image.debian.tool] = statsd.executable()
        lines.append(f"install -m 755 {INPUTS}/{image.debian.tool} {image.entrypoint[0]}")
    packages = sorted({*image.packages, *image.debian.packages})
    return debian.with_packages(image.name, packages, then="\n".join(lines), inputs=inputs, tools=tools)


def _python_packages(image: Definition, python: Python, below: Layer) -> Layer:
    """The locked packages, in an environment where the official image has them too."""
    environment = environment_of(image)
    return Layer(
        name=f"{image.name}-packages",
        script=f"""
{UV} venv --quiet --python /usr/bin/{PYTHON} {environment}
{UV} pip install --quiet --python {environment} --no-deps --require-hashes -r {INPUTS}/requirements
{environment}/bin/python {COMPILE} {environment}/lib /usr/lib/{PYTHON}
""",
        below=below,
        inputs={"requirements": image.home / python.requirements},
        **reach(),
    )


def _own_package(image: Definition, python: Python, below: Layer) -> Layer:
    """The project's own package. What it brought is compiled: files that are newer than the begin."""
    environment, source = environment_of(image), image.home / python.package
    return Layer(
        name=f"{image.name}-own",
        script=f"""
touch /tmp/begin
mkdir /tmp/source
cp -R {" ".join(f"{INPUTS}/{name}" for name in _PACKAGE)} /tmp/source/
{UV} pip install --quiet --python {environment} --no-deps /tmp/source
find {environment}/lib -name '*.py' -cnewer /tmp/begin -exec {environment}/bin/python {COMPILE} {{}} +
""",
        below=below,
        inputs={name: source / name for name in _PACKAGE},
        **reach(),
    )


def environment_of(image: Definition) -> str:
    """Folder of the image's Python, with its packages."""
    return f"{image.user.home}/.local"


class _Reach(TypedDict):
    tools: Mapping[str, Path]
    caches: Mapping[str, Path]
    environment: Mapping[str, str]


def reach() -> _Reach:
    """uv with its cache, and how this machine reaches the package index."""
    environment = {name: os.environ[name] for name in _INDEX_VARIABLES if name in os.environ}
    tools = {"uv": Path(uv.find_uv_bin())}
    if _CERTIFICATES in os.environ:
        tools["certificates"] = Path(os.environ[_CERTIFICATES])
        environment[_CERTIFICATES] = f"{INPUTS}/certificates"
    return {
        "tools": tools,
        "caches": {_UV_CACHE: folder() / "uv"},
        "environment": {**environment, "UV_CACHE_DIR": _UV_CACHE, "UV_LINK_MODE": "copy"},
    }
