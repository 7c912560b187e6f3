"""Where everything is kept. Nothing imports this but `app` and tests."""
