"""
Real mail servers, started privately for a test run: Postfix, Dovecot and smtp-sink, from Debian's packages.

Each listens on free loopback ports, keeps everything it writes in a temporary folder of its own, reads nothing of
/etc/postfix or /etc/dovecot, and ends with the test run, also when that is killed. `servers.fixtures` has the pytest
fixtures; everything below it is plain context managers.
"""
