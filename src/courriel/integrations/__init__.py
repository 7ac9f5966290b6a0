"""Courriel in the company of other people's libraries; each is an extra, and imported when it is asked for."""
