"""One thin typed wrapper a system call, with the kernel's own names; the only floor that speaks ctypes.

The zygote imports this floor, so nothing here may import more than the standard library's small modules.
"""
