"""What tests of the whole and the bench share: a running CareKey, applications to log in to, browsers, authenticators."""
