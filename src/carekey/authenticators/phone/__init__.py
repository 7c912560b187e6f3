"""Log-in with a phone or tablet: the shell around `authenticators/uaf`, and CareKey Phone, a UAF client in the browser."""
