"""Debian root trees and container images, built on this machine where no image registry is reachable.

Owns the trees, layers and images in the cache. Does not own what runs in them, nor their import into a node.
"""

from __future__ import annotations

from sandbox.rootfs.trees import ensure

__all__ = ["ensure"]
