"""The composition root: settings, registry, wiring, the ASGI application, the command line."""
