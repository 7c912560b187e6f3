"""What every authenticator must do, run by subclassing `contract.AuthenticatorContract` in its tests."""
