"""
OAuth 2 tokens for mail: grants, stored logins, and token sources that refresh themselves.

From bottom to top: `provider` (endpoints and scopes), `answers` (pure: responses of a token endpoint), `https` (form
posts with limits), `assertions` (signed JWTs), `authorization` and `loopback` (the browser's redirect), `grants` (the
five grants), `browser` (a person's login), `login` and `store` (on disk), `sources` (token sources for sessions),
`diagnosis` (claims and scopes).
Nothing of it is imported by a program that uses no token.
"""
