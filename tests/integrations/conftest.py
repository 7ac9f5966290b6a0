"""The real servers, the sendmail, and what workers of task queues need, for the tests of integrations."""

from integrations.queue_workers import broker, load, outbox, redis_url, sandbox, settings
from integrations.sendmail_process import sendmail
from servers.fixtures import postgres, postgres_server

__all__ = ["broker", "load", "outbox", "postgres", "postgres_server", "redis_url", "sandbox", "sendmail", "settings"]
