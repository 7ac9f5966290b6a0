"""Serving of lanes: which are due, their claims, their rates, and the sending of claimed mails."""
