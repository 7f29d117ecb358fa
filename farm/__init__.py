"""farm: a multi-distribution test farm on its own container runtime.

The house and its floors are described in ``docs/architecture.md``; imports go down only.
"""

__version__ = "0.1.0"
