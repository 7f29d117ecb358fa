"""Templates of reports, compiled once and kept beside them, as Python keeps its own modules."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import sys

import jinja2
from jinja2.bccache import Bucket


class Compiled(jinja2.FileSystemBytecodeCache):
    """In the folder ``__pycache__`` of ``templates``. Compiling the page takes longer than a hundred jobs' share of it.

    What is there is only taken for the same template, ``options``, Python and jinja2; where nothing can be written, nothing
    is kept.
    """

    def __init__(self, templates: str, options: str) -> None:
        super().__init__(os.path.join(templates, "__pycache__"), f"%s.{jinja2.__version__}")
        self._options = options

    def get_source_checksum(self, source: str) -> str:
        """See ``BytecodeCache``; the options of an environment are compiled into its templates."""
        return hashlib.sha256(f"{self._options}\0{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """See ``BytecodeCache``; what is damaged or cannot be read is compiled again."""
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """See ``BytecodeCache``."""
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError):
                os.makedirs(self.directory, exist_ok=True)
                super().dump_bytecode(bucket)
