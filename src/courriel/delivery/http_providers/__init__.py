"""
Ways out by HTTPS requests: Microsoft Graph, and the providers Brevo and Mailjet.

From bottom to top: `addressed` (who gets the mail by its header and its envelope), `mail_parts` (text, HTML and files
of a mail, for providers that take them apart), `answers` (responses, and the error that each means), `provider` (what
a provider is), `graph`, `brevo` and `mailjet`, and `transport` (the Transport, which sends by any of them).
Nothing of it is imported by a program that sends in sessions.
"""
