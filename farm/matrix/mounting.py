"""Files and folders of the host in a container: what may be mounted, and where. Looks whether sources are there."""

from __future__ import annotations

import os

_KERNELS_OWN = ("/proc", "/sys", "/dev")


def host_path(file: str, written: str) -> str:
    """The absolute path that ``written`` in ``file`` means."""
    return os.path.abspath(os.path.join(os.path.dirname(file), written))


def inside(written: str) -> str:
    """The target ``written`` as it is in the container."""
    return "/" + os.path.normpath(written).lstrip("/")


def wrong_source(written: str, path: str) -> tuple[str, str] | None:
    """What is wrong with a source, as message and remedy."""
    real = os.path.realpath(path)
    if real == "/":
        return f"{written!r} is this host's own root", "mount only what the command needs"
    if not os.path.exists(path):
        return f"no file or directory {written!r}", f"paths are relative to the file they are in: looked for {path}"
    if not os.path.isdir(path) and not os.path.isfile(path):
        return f"{written!r} is neither a file nor a directory", "devices and sockets of the host cannot be mounted"
    if any(real == each or real.startswith(f"{each}/") for each in ("/proc", "/sys")):
        return f"{written!r} is the kernel's own", "nothing of /proc and /sys can be mounted"
    return None


def wrong_target(written: str) -> tuple[str, str] | None:
    """What is wrong with a target, as message and remedy."""
    target = inside(written)
    if not written.startswith("/"):
        return f"a target is an absolute path in the container, not {written!r}", "write it like /src"
    if ".." in written.split("/"):
        return f"'..' in the target {written!r}", "write where it leads"
    if target == "/":
        return "the root of the container is its image", "choose a folder below it, like /src"
    if is_kernels(target):
        return f"nothing can be mounted at {target!r}", "/proc, /sys and /dev are the container's own"
    return None


def is_kernels(path: str) -> bool:
    """Whether ``path`` is below one of the kernel's own file systems."""
    return any(path == each or path.startswith(f"{each}/") for each in _KERNELS_OWN)
