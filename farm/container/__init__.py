"""One container: what it is (``spec``), its set-up as data (``plan``), performing that (``setup``), its PID 1 (``init``).

Everything here runs inside the zygote or a copy of it, so imports stay small.
"""
