"""The authorization endpoint: what a request asks for, and how the answer goes back. Who it is, login/ finds out."""
