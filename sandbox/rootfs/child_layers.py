"""The layers of a child image, above those of the platform's Airflow: Debian's packages, then what Python is given."""

from __future__ import annotations

import shlex
from typing import Final

from sandbox.rootfs import debian
from sandbox.rootfs.child import INTERPRETERS, REQUIREMENTS, ChildImage, check, pins
from sandbox.rootfs.chroot import INPUTS
from sandbox.rootfs.definition import Definition
from sandbox.rootfs.layers import Layer
from sandbox.rootfs.recipes import COMPILE, PYTHON, UV, environment_of, reach
from stacks.errors import Problem, UsageError

_OWN: Final = f"{INPUTS}/image"


def layers(image: ChildImage, airflow: Definition, below: Layer) -> Layer:
    """The top layer of the image above `below`, that of `airflow`. Nothing is built. Raises UsageError."""
    if image.dockerfile:
        raise UsageError(
            [
                Problem(
                    path=str(image.dockerfile),
                    value="a Dockerfile",
                    rule="only requirements.txt and packages.txt: the sandbox builds without Docker",
                    action="say it by those, or build with `--live`",
                )
            ]
        )
    name = image.repository.replace("/", "-")
    if image.packages:
        below = debian.with_packages(f"{name}-system", image.packages, below=below)
    return _python(image, airflow, name, below)


def _python(image: ChildImage, airflow: Definition, name: str, below: Layer) -> Layer:
    """Compiled is what is newer than the begin.

    One that this Python cannot compile is no fault: some packages hold examples or templates.
    """
    environment, versions = environment_of(airflow), pins(airflow)
    lines = ["touch /tmp/begin", f"mkdir -p {INTERPRETERS}"]
    if image.requirements:
        kept = " ".join(f"{package}=={version}" for package, version in versions.items())
        lines.append(f"{UV} pip install --quiet --python {environment} -r {_OWN}/{REQUIREMENTS} {kept}")
    for interpreter in image.interpreters:
        target = f"{INTERPRETERS}/{interpreter}"
        wanted = f"{INPUTS}/{interpreter}/{REQUIREMENTS}"
        lines += [
            f"{UV} venv --quiet --python /usr/bin/{PYTHON} {target}",
            f"{UV} pip install --quiet --python {target} -r {wanted}",
        ]
    lines += [
        f"find {environment}/lib {INTERPRETERS} -name '*.py' -cnewer /tmp/begin"
        f" -exec {environment}/bin/python {COMPILE} {{}} + || :",
        f"AIRFLOW_HOME=/tmp/airflow {environment}/bin/python -c {shlex.quote(check(versions))}",
    ]
    inputs = {"image": image.folder, **image.interpreters}
    return Layer(name=name, script="\n".join(lines), below=below, inputs=inputs, **reach())
