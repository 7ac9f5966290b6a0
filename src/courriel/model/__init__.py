"""What a mail is, whom it goes to, and how its server is reached: frozen values."""
