"""Open mailboxes of the WLangage, by POP3 and IMAP."""
