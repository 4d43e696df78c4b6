"""The tools of the sandbox: which version, what is accepted instead, and where each can be had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.toolchain.version import Range, Version

_MODULES: Final = Path(__file__).resolve().parent
_GO_NAMES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_PULUMI_NAMES: Final = {"x86_64": "x64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Release:
    """Where the publisher offers the executable, for Linux; templates take `version` and `arch`."""

    url: str
    checksums: str
    """A file with the SHA-256 of that download: the bare digest, or lines of digest and file name."""
    members: str | None = None
    """Which members of the archive are installed (a pattern of `fnmatch`); None when the download is the executable."""
    architectures: Mapping[str, str]
    """The publisher's name of each machine (`uname -m`) that it serves."""


@dataclass(frozen=True, kw_only=True)
class GoProgram:
    """How the same executable is built from its Go module; go.mod and go.sum in `folder` pin all of it."""

    folder: Path
    package: str
    built_name: str
    """What `go build` calls the executable: the last element of the import path without a major version."""
    variables: Mapping[str, str]
    """Variables that the linker sets (`-X`): what the publisher's build sets to make the version known."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One executable."""

    name: str
    version: Version
    """The version that is fetched or built."""
    accepted: Range
    """Versions on PATH that serve as well."""
    version_arguments: tuple[str, ...]
    """Arguments that make it print its version first of all versions."""
    release: Release
    program: GoProgram


def _kubernetes(name: str, *, accepted: Range, version_arguments: tuple[str, ...]) -> Tool:
    version = Version(1, 36, 3)
    component = "k8s.io/component-base/version"
    return Tool(
        name=name,
        version=version,
        accepted=accepted,
        version_arguments=version_arguments,
        release=Release(
            url=f"https://dl.k8s.io/release/v{{version}}/bin/linux/{{arch}}/{name}",
            checksums=f"https://dl.k8s.io/release/v{{version}}/bin/linux/{{arch}}/{name}.sha256",
            architectures=_GO_NAMES,
        ),
        program=GoProgram(
            folder=_MODULES / "kubernetes",
            package=f"k8s.io/kubernetes/cmd/{name}",
            built_name=name,
            variables={
                f"{component}.gitVersion": f"v{version}",
                f"{component}.gitMajor": str(version.major),
                f"{component}.gitMinor": str(version.minor),
                "k8s.io/client-go/pkg/version.gitVersion": f"v{version}",
            },
        ),
    )


_SERVER: Final = Range(Version(1, 36, 0), Version(1, 37, 0))
_CLIENT: Final = Range(Version(1, 35, 0), Version(1, 38, 0))
"""kubectl may be one minor older or newer than the API server (Kubernetes version skew policy)."""

_ALL: Final = (
    Tool(
        name="pulumi",
        version=Version(3, 259, 0),
        accepted=Range(Version(3, 259, 0), Version(4, 0, 0)),
        version_arguments=("version",),
        release=Release(
            url="https://get.pulumi.com/releases/sdk/pulumi-v{version}-linux-{arch}.tar.gz",
            checksums="https://github.com/pulumi/pulumi/releases/download/v{version}/pulumi-{version}-checksums.txt",
            # With the CLI come its language hosts, which the plain `pulumi up` needs.
            members="pulumi/*",
            architectures=_PULUMI_NAMES,
        ),
        program=GoProgram(
            folder=_MODULES / "pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            built_name="pulumi",
            variables={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.259.0"},
        ),
    ),
    _kubernetes("kube-apiserver", accepted=_SERVER, version_arguments=("--version",)),
    _kubernetes("kube-controller-manager", accepted=_SERVER, version_arguments=("--version",)),
    _kubernetes("kubectl", accepted=_CLIENT, version_arguments=("version", "--client")),
    Tool(
        name="etcd",
        version=Version(3, 6, 16),
        accepted=Range(Version(3, 5, 0), Version(3, 7, 0)),
        version_arguments=("--version",),
        release=Release(
            url="https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{arch}.tar.gz",
            checksums="https://github.com/etcd-io/etcd/releases/download/v{version}/SHA256SUMS",
            members="etcd-v*-linux-*/etcd",
            architectures=_GO_NAMES,
        ),
        program=GoProgram(
            folder=_MODULES / "etcd",
            package="go.etcd.io/etcd/server/v3",
            built_name="server",
            variables={},
        ),
    ),
    Tool(
        name="helm",
        version=Version(3, 22, 0),
        accepted=Range(Version(3, 14, 0), Version(4, 0, 0)),
        version_arguments=("version", "--short"),
        release=Release(
            url="https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz",
            checksums="https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz.sha256sum",
            members="linux-*/helm",
            architectures=_GO_NAMES,
        ),
        program=GoProgram(
            folder=_MODULES / "helm",
            package="helm.sh/helm/v3/cmd/helm",
            built_name="helm",
            variables={"helm.sh/helm/v3/internal/version.version": "v3.22.0"},
        ),
    ),
    Tool(
        name="actionlint",
        version=Version(1, 7, 12),
        accepted=Range(Version(1, 7, 12), Version(2, 0, 0)),
        version_arguments=("-version",),
        release=Release(
            url="https://github.com/rhysd/actionlint/releases/download/v{version}/actionlint_{version}_linux_{arch}.tar.gz",
            checksums="https://github.com/rhysd/actionlint/releases/download/v{version}/actionlint_{version}_checksums.txt",
            members="actionlint",
            architectures=_GO_NAMES,
        ),
        program=GoProgram(
            folder=_MODULES / "actionlint",
            package="github.com/rhysd/actionlint/cmd/actionlint",
            built_name="actionlint",
            variables={"github.com/rhysd/actionlint.version": "v1.7.12"},
        ),
    ),
)

TOOLS: Final[Mapping[str, Tool]] = {tool.name: tool for tool in _ALL}
