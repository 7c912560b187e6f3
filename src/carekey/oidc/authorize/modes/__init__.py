"""How an answer travels: a file per response mode (OAuth 2.0 Multiple Response Type Encoding Practices)."""
