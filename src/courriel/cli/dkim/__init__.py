"""`courriel dkim`: keys that sign mail, their records, and signatures verified."""
