"""Device authorization (RFC 8628): the person brings a short code from the device to a browser."""
