"""Sending of claimed mails, from lease to stored result: batch, session, mark, end, outcome."""
