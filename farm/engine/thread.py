"""Making a descriptor in a thread, so that the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


async def in_thread(make: Callable[[str, int], int], folder: str, size_bytes: int) -> int:
    """The descriptor that ``make`` returns, the caller's from then on; closed where nobody waits for it any more."""
    future = asyncio.get_running_loop().run_in_executor(None, make, folder, size_bytes)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(_close)
        raise


def _close(future: asyncio.Future[int]) -> None:
    if not future.cancelled() and future.exception() is None:
        os.close(future.result())
