"""The single sign-on session: one browser, one person, one issuer."""
