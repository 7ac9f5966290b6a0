"""
A Flask app that sends mail: at once with the names of Flask-Mail, and through an outbox what must not be lost.

    MAIL_VIA='smtps://…?pool=4' flask --app examples/flask-app/app.py run       with `courriel worker` beside it

"/contact" sends within the request, and answers 503 when the mail server is away. "/reset" answers when the mail is on
the disk; the worker sends it.
"""

from __future__ import annotations

import os

from flask import Flask, request
from flask.typing import ResponseReturnValue

from courriel import CourrielError, Outbox
from courriel.integrations.flask import Mail, Message

mail = Mail()


def create_app(via: str, place: str) -> Flask:
    """Make the app for this way out, and this outbox."""
    app = Flask(__name__)
    app.config.update(MAIL_VIA=via, MAIL_DEFAULT_SENDER=("The shop", "shop@example.org"))
    mail.init_app(app)
    outbox = Outbox(place)
    app.extensions["outbox"] = outbox

    @app.post("/contact")
    def contact() -> ResponseReturnValue:
        mail.send(Message("Question", recipients=["help@example.org"], body=request.form["text"]))
        return {"sent": True}

    @app.post("/reset")
    def reset() -> ResponseReturnValue:
        message = Message("Your new password", recipients=[request.form["to"]], body="Follow the link.")
        ticket = outbox.put(message.ready(), via=via, expires=600)
        return {"ticket": ticket.id}, 202

    @app.errorhandler(CourrielError)
    def not_sent(error: CourrielError) -> ResponseReturnValue:
        app.logger.warning("%s", error)
        return {"sent": False, "retryable": error.retryable}, 503 if error.retryable else 422

    return app


def __getattr__(name: str) -> Flask:
    """The app, made when `flask run` or gunicorn asks for it."""
    if name != "app":
        raise AttributeError(name)
    return create_app(os.environ["MAIL_VIA"], os.environ.get("COURRIEL_OUTBOX", "outbox.db"))
