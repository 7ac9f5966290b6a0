"""The outbox in a database of the project: put with Django's connection, sent by a worker."""
