"""The ``farm`` command, also as ``python -m farm``."""

from __future__ import annotations

import gc
import os
import signal
import sys

_INTERRUPTED = 2
_OBJECTS = 200_000


def main() -> None:
    """Run the command line and exit with its code.

    Until it has been imported an interrupt has nothing to clean up, and a traceback through the imports would help nobody.
    """
    _open_standard_streams()
    # Hardly anything here goes round in circles; looking for it after every 700 objects takes a tenth of the time to start.
    gc.set_threshold(_OBJECTS)
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored:
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from farm.cli.main import main as command_line

    if not ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command_line()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    finally:
        # The interpreter looks for circles several times while it ends, through all there is; nothing needs that.
        gc.freeze()
        if not ignored:
            # All is done and the code is chosen. Python takes its handlers away long before it is gone: an impatient Ctrl-C
            # would end us as a signal does, whatever the run was.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _open_standard_streams() -> None:
    """What was closed (``>&-``) is /dev/null: a log or a socket would otherwise be descriptor 1, and get what is printed."""
    for stream, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            fd = os.open(os.devnull, os.O_RDWR)
            if fd != stream:
                os.dup2(fd, stream)
                os.close(fd)
            setattr(sys, name, os.fdopen(stream, "r" if stream == 0 else "w", closefd=False))


if __name__ == "__main__":
    main()
