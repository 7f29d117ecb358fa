"""The zygote, the process that makes containers (``zygote``), and the side of it that the engine talks to (``client``)."""
