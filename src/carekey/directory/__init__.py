"""People, organisations, positions and roles: what the claims of cis2-profile section 3 are made of."""
