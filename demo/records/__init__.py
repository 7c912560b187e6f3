"""A record service: the API that the ward application calls. It verifies access tokens by itself (RFC 9068) and says
when it wants a stronger or newer log-in than the one behind them (RFC 9470)."""
