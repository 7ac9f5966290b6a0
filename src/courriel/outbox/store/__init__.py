"""Storage of the outbox: SQLite and PostgreSQL behind one interface."""
