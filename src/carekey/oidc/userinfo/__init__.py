"""The userinfo endpoint."""
