"""Network namespaces and links through pyroute2; the default container has loopback only and needs none of this.

Everything the farm makes on the host's side carries ``PREFIX``, so that what a dead run left can be told apart from what
others made.
"""
