"""The ``farm`` command, also as ``python -m farm``."""

from __future__ import annotations

import os
import signal

_INTERRUPTED = 2


def main() -> None:
    """Run the command line and exit with its code.

    Until it has been imported an interrupt has nothing to clean up, and a traceback through the imports would help nobody.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored:
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from farm.cli.main import main as command_line

    if not ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line()


if __name__ == "__main__":
    main()
