"""How a client proves at the token endpoint who it is: a module per method, and one that chooses."""
