"""Starting a command in a container, and saying why it cannot be started."""

from __future__ import annotations

import errno
import os

from farm.errors import KernelError
from farm.kernel import signals

TYPE_CHECKING = False  # typing's own would import typing, into memory that is copied for every container
if TYPE_CHECKING:
    from collections.abc import Callable

# What Python changed, and what whoever started the farm ignores (nohup, a shell's &): the command gets the defaults.
_RESTORED = tuple(sorted(signals.settable()))
_DEFAULT_PATH = "/usr/bin:/bin"


def enter(directory: str) -> None:
    """Make ``directory`` that of this process, and so of a command. Raises ``KernelError``."""
    try:
        os.chdir(directory)
    except OSError as error:
        hint = {errno.ENOENT: f"the image has no {directory}", errno.ENOTDIR: "that is no folder"}.get(
            error.errno or 0, ""
        )
        raise KernelError("chdir", error.errno or 0, (directory,), hint) from error


def spawn(argv: tuple[str, ...], environment: dict[str, str], actions: list[tuple[object, ...]]) -> int:
    """The pid of ``argv``, in a session of its own: posix_spawn(3), which copies no page tables. It has this process's real
    ids for all of its ids (``process.lend``).

    A name without a slash is looked for in the command's own PATH, as execvp(3) does. Raises ``KernelError``: ENOENT, EACCES
    or ENOEXEC with a hint that tells a missing command from a missing interpreter, and both from a wrong processor.
    """

    def start(candidate: str) -> int:
        return os.posix_spawn(
            candidate,
            argv,
            environment,
            file_actions=actions,
            setsid=True,
            resetids=True,
            setsigmask=(),
            setsigdef=_RESTORED,
        )

    return _first_of(argv[0], environment, start)


def replace(argv: tuple[str, ...], environment: dict[str, str], direct: tuple[str, ...]) -> None:
    """Be ``argv`` from here on, or ``direct`` where that can be. Raises as ``spawn`` does."""
    if direct:
        try:
            _first_of(direct[0], environment, lambda candidate: os.execve(candidate, direct, environment))
        except KernelError:
            pass  # nobody's business: the shell says why
    _first_of(argv[0], environment, lambda candidate: os.execve(candidate, argv, environment))


def _first_of(name: str, environment: dict[str, str], start: Callable[[str], int]) -> int:
    """What ``start`` returns for the first path that ``name`` can mean."""
    folders = environment.get("PATH", _DEFAULT_PATH).split(":")
    candidates = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in folders]
    denied = ""
    for candidate in candidates:
        try:
            return start(candidate)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            denied = denied or candidate
        except ValueError as error:
            raise KernelError("execve", errno.EINVAL, (), f"the command or its environment: {error}") from error
        except OSError as error:
            hint = _unfit(candidate) if error.errno == errno.ENOEXEC else ""
            raise KernelError("execve", error.errno or 0, (candidate,), hint) from error
    if denied:
        raise KernelError("execve", errno.EACCES, (denied,), _closed(denied))
    raise KernelError("execve", errno.ENOENT, (name,), _missing(name, candidates))


def _missing(name: str, candidates: list[str]) -> str:
    for candidate in candidates:
        if os.path.exists(candidate):
            return f"{candidate} is there, but the interpreter or loader it names is not"
    return f"the image has no {name}"


def _closed(path: str) -> str:
    return f"{path} is a directory, not executable" if os.path.isdir(path) else f"{path} is not executable"


def _unfit(path: str) -> str:
    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except OSError:
        return ""
    if not start:
        return f"{path} is empty"
    if start == b"\x7fELF":
        return f"{path} is a program for another processor"
    return f"{path} has no #! line that names its interpreter"
