"""What one practises on: a mail server in the process, which shows what it got and fails when it is told to."""
