"""Frozen values that every floor shares: no I/O, no third-party imports."""
