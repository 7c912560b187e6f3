"""What a person does for themself: sees their ways to log in, adds one, removes one (ux.md B2, B3, B6)."""
