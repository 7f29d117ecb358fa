"""The composition root: the only floor that puts the others together. One module a thing that a user asks for."""
