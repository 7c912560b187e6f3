"""OpenID Connect Session Management 1.0: a frame that tells an application whether the session is still the same."""
