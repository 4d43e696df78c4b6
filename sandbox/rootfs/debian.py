"""What ariel takes of Debian: the bottom layer, and layers that add packages to it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sandbox.rootfs.debootstrap import SUITE
from sandbox.rootfs.layers import Layer

BASE: Final = Layer(
    name="debian",
    # Documentation never enters a tree, but for the licences; the machine's own name and name servers do not either.
    script=f"""
cat > /etc/dpkg/dpkg.cfg.d/lean <<'END'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/lintian/*
END
mirror=$(grep -m 1 ^deb /etc/apt/sources.list | cut -d " " -f 2)
cat > /etc/apt/sources.list <<END
deb $mirror {SUITE} main
deb $mirror {SUITE}-updates main
deb ${{mirror%/}}-security {SUITE}-security main
END
find /usr/share/doc -type f ! -name copyright -delete
find /usr/share/doc -type l -delete
rm -rf /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/lintian/*
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log /var/log/apt/*
mkdir -p /var/lib/apt/lists /var/cache/apt/archives
: > /etc/resolv.conf
: > /etc/hosts
echo localhost > /etc/hostname
""",
)


def with_packages(
    name: str,
    packages: Sequence[str],
    *,
    below: Layer = BASE,
    then: str = "",
    inputs: Mapping[str, Path] | None = None,
    tools: Mapping[str, Path] | None = None,
) -> Layer:
    """A layer that installs packages, without starting any service, and then runs a script."""
    install = f"{with_releases(packages)}apt update\napt install {shlex.join(packages)}" if packages else ":"
    script = f"""
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
apt() {{ apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Languages=none -o APT::Install-Recommends=no "$@"; }}
{install}
rm -f /usr/sbin/policy-rc.d
rm -rf /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log /var/log/apt /var/cache/apt/*.bin /var/cache/ldconfig
{then}"""
    return Layer(name=name, script=script, below=below, inputs=inputs or {}, tools=tools or {})


def with_releases(packages: Sequence[str]) -> str:
    """The script that lets apt find packages of other releases, asked for as `python2.7/bullseye`; empty without one.

    They come from the mirror of the tree's own release, and nothing that was not asked for comes with them.
    """
    releases = sorted({release for package in packages if (release := package.partition("/")[2])})
    if not releases:
        return ""
    return f"""
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/*$' | sort -u | head -n 1)
for release in {" ".join(releases)}; do
    echo "deb $mirror $release main" > /etc/apt/sources.list.d/$release.list
    printf 'Package: *\\nPin: release n=%s\\nPin-Priority: 100\\n' $release > /etc/apt/preferences.d/$release
done
"""
