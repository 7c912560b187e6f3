"""What a registration authority does: whether a person may log in, with what, and in which roles."""
