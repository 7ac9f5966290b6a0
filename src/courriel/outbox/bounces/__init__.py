"""Bounces and complaints about mails of an outbox, and the addresses that get no more mail."""
