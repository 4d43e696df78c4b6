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
class DebianPackages:
    """Where Debian and its kin have the same executable; unpacked into the cache, never installed on the machine."""

    names: tuple[str, ...]
    """The package and those of the shared libraries that a machine may lack."""
    files: tuple[str, ...]
    """Which of their files are kept (patterns of `fnmatch` on the path in the package), side by side."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One executable, with what it needs beside itself."""

    name: str
    version: Version
    """The version that is fetched or built."""
    accepted: Range
    """Versions on PATH that serve as well."""
    version_arguments: tuple[str, ...]
    """Arguments that make it print its version first of all versions."""
    release: Release | None
    """None when the publisher offers no executable."""
    source: GoProgram | DebianPackages
    """Where it comes from when it cannot be downloaded."""


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
        source=GoProgram(
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
        source=GoProgram(
            folder=_MODULES / "pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            built_name="pulumi",
            variables={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.259.0"},
        ),
    ),
    _kubernetes("kube-apiserver", accepted=_SERVER, version_arguments=("--version",)),
    _kubernetes("kube-controller-manager", accepted=_SERVER, version_arguments=("--version",)),
    _kubernetes("kube-scheduler", accepted=_SERVER, version_arguments=("--version",)),
    _kubernetes("kube-proxy", accepted=_SERVER, version_arguments=("--version",)),
    _kubernetes("kubelet", accepted=_SERVER, version_arguments=("--version",)),
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
        source=GoProgram(
            folder=_MODULES / "etcd",
            package="go.etcd.io/etcd/server/v3",
            built_name="server",
            variables={},
        ),
    ),
    Tool(
        name="coredns",
        version=Version(1, 14, 7),
        accepted=Range(Version(1, 11, 0), Version(2, 0, 0)),
        version_arguments=("-version",),
        release=Release(
            url="https://github.com/coredns/coredns/releases/download/v{version}/coredns_{version}_linux_{arch}.tgz",
            checksums="https://github.com/coredns/coredns/releases/download/v{version}/coredns_{version}_linux_{arch}.tgz.sha256",
            members="coredns",
            architectures=_GO_NAMES,
        ),
        # A main of our own, with the plugins that `sandbox.cluster.dns` names: all of them take minutes to build.
        source=GoProgram(folder=_MODULES / "coredns", package=".", built_name="coredns", variables={}),
    ),
    Tool(
        name="pause",
        version=Version(1, 0, 0),
        accepted=Range(Version(1, 0, 0), Version(2, 0, 0)),
        version_arguments=("-v",),
        # Kubernetes publishes its own in an image only.
        release=None,
        source=GoProgram(folder=_MODULES / "pause", package=".", built_name="pause", variables={}),
    ),
    Tool(
        name="containerd",
        version=Version(1, 7, 28),
        accepted=Range(Version(1, 6, 0), Version(2, 0, 0)),
        version_arguments=("--version",),
        release=Release(
            url="https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-linux-{arch}.tar.gz",
            checksums="https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-linux-{arch}.tar.gz.sha256sum",
            members="bin/*",
            architectures=_GO_NAMES,
        ),
        source=DebianPackages(
            names=("containerd",), files=("usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr")
        ),
    ),
    Tool(
        name="runc",
        version=Version(1, 3, 3),
        accepted=Range(Version(1, 1, 0), Version(2, 0, 0)),
        version_arguments=("--version",),
        release=Release(
            url="https://github.com/opencontainers/runc/releases/download/v{version}/runc.{arch}",
            checksums="https://github.com/opencontainers/runc/releases/download/v{version}/runc.sha256sum",
            architectures=_GO_NAMES,
        ),
        source=DebianPackages(names=("runc", "libseccomp2"), files=("usr/sbin/runc", "usr/lib/*/libseccomp.so.2")),
    ),
    Tool(
        # One of the reference plug-ins of CNI, which come together; the others lie beside it.
        name="host-local",
        version=Version(1, 8, 0),
        accepted=Range(Version(1, 1, 0), Version(2, 0, 0)),
        version_arguments=("--version",),
        release=Release(
            url="https://github.com/containernetworking/plugins/releases/download/v{version}/cni-plugins-linux-{arch}-v{version}.tgz",
            checksums="https://github.com/containernetworking/plugins/releases/download/v{version}/cni-plugins-linux-{arch}-v{version}.tgz.sha256",
            members="./*",
            architectures=_GO_NAMES,
        ),
        source=DebianPackages(
            names=("containernetworking-plugins",),
            files=("usr/lib/cni/bridge", "usr/lib/cni/host-local", "usr/lib/cni/loopback"),
        ),
    ),
    Tool(
        name="nft",
        version=Version(1, 0, 6),
        accepted=Range(Version(1, 0, 1), Version(2, 0, 0)),
        version_arguments=("--version",),
        # Its publisher offers the source only.
        release=None,
        source=DebianPackages(
            names=(
                "nftables",
                "libnftables1",
                "libnftnl11",
                "libmnl0",
                "libxtables12",
                "libjansson4",
                "libgmp10",
                "libedit2",
            ),
            # By their sonames only: the loader asks for nothing else.
            files=("usr/sbin/nft", "*lib/*/lib*.so.[0-9]", "*lib/*/lib*.so.[0-9][0-9]"),
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
        source=GoProgram(
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
        source=GoProgram(
            folder=_MODULES / "actionlint",
            package="github.com/rhysd/actionlint/cmd/actionlint",
            built_name="actionlint",
            variables={"github.com/rhysd/actionlint.version": "v1.7.12"},
        ),
    ),
)

TOOLS: Final[Mapping[str, Tool]] = {tool.name: tool for tool in _ALL}
