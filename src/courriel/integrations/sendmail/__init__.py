"""The command sendmail: what programs of Unix call to hand a mail over, into the outbox or the drop folder."""
