"""The append-only record of a run, from which every report can be made again."""
