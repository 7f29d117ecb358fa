"""Which job starts when: ``policy`` says what fits, ``state`` decides, ``driver`` carries the decisions out."""
