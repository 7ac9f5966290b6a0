"""Frozen values: messages, addresses, envelopes, receipts, servers, credentials, trust."""
