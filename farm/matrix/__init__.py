"""The matrix file: ``load.load`` reads it, ``expand.expand`` makes its jobs, ``select.select`` picks among them.

Only ``schema`` and what it serves import pydantic; ``select`` and ``document`` import nothing heavy.
"""
