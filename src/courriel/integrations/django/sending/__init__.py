"""Direct sending: options of a mailer, the pools of this process, messages of Django as octets, errors as Django's."""
