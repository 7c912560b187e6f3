"""What tests of the whole need: a running CareKey, applications to log in to, a browser, a security key."""
