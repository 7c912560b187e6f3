"""Client-initiated backchannel authentication (CIBA Core 1.0): the client names the person, and we ask them."""
