"""Side-by-side measurements of the farm and of what one would use instead; ``python -m bench`` as root."""
