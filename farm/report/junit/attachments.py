"""Second names for files of a run that GitLab shall attach, for it reads no path with ``[``, ``]`` or ``|``.

<run>/attachments/<16 hex>.log    a hard link to a log or picture, named by the digest of its path

Jobs with axes have brackets in the paths of their logs.
"""

from __future__ import annotations

import hashlib
import os
import stat

from farm.report.text import line

FOLDER = "attachments"
_NOT_IN_A_MARK = frozenset("[]|")


def fits(path: str) -> bool:
    """Whether a mark can hold ``path``."""
    return path == line(path) and not _NOT_IN_A_MARK & set(path)


def second_name(path: str) -> str:
    """What ``path``, of a file below a run's folder, is called as well."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    suffix = os.path.splitext(path)[1]
    return f"{FOLDER}/{digest}{suffix if suffix.isascii() and suffix[1:].isalnum() else ''}"


def link(run_dir: str, path: str) -> bool:
    """Give the file at ``path`` below ``run_dir`` its second name, and say whether it has one.

    It is no error that it cannot have one: there are file systems without links.
    """
    source = os.path.normpath(os.path.join(run_dir, path))
    target = os.path.join(run_dir, second_name(path))
    try:
        if not source.startswith(os.path.normpath(run_dir) + os.sep) or not stat.S_ISREG(os.lstat(source).st_mode):
            return False
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.link(source, target)
    except FileExistsError:
        return True  # the report was written before
    except (OSError, ValueError):
        return False
    return True
