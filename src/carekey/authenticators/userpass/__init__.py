"""User name and password: AAL1, for sandboxes alone (cis2-profile section 4.1). Production refuses to start with it."""
