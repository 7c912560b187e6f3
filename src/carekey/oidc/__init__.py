"""OpenID Connect: the provider. Endpoint by endpoint, one folder each."""
