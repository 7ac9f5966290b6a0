"""The worker of the outbox: claiming, sending, leases, results."""
