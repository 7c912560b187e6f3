"""SQLite and PostgreSQL: one schema, one set of statements."""
