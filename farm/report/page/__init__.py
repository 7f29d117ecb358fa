"""What ``index.html`` shows, decided before anything is drawn.

``data`` puts the run together as the page's script reads it: a block of all jobs in columns (``table``, ``past``) and blocks of
some hundred jobs each with what only their own view needs (``detail``, ``log``, ``compare``), which a browser unpacks when they
are asked for. ``static`` is what is there without a script. Every text from outside went through ``farm.report.text``.
"""
