"""SQL of the outbox: its scripts and statements, and the part of a store that is the same for both engines."""
