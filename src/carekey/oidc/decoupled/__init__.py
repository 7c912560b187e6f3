"""A client waits at the token endpoint while a person, elsewhere, logs in and agrees: what device authorization
(RFC 8628) and CIBA have in common."""
