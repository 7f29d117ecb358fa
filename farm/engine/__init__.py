"""Where an attempt runs, and what its end means."""
