"""What tokens say. Signing and storing them is not done here."""
