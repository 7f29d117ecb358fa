"""The command line: the only floor that prints, exits and chooses exit codes."""
