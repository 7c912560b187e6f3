"""Log out at the provider: an application asks for it (RP-Initiated Logout 1.0), or the person does."""
