"""Connections whose wait for news can be ended from outside, for watching a mailbox."""
