"""Control groups: quotas held, counters read, processes frozen and killed; v1, v2 and the hybrid of both.

The zygote imports this room, so it takes nothing but small modules of the standard library.
"""
