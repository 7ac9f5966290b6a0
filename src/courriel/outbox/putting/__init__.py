"""Putting of mails: arguments of a call, checks of them, and whether a mail is the one already stored under its key."""
