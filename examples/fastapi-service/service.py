"""
A FastAPI service that sends mail: at once by a pool, and through an outbox what must not be lost.

    COURRIEL_URL='smtps://…?pool=4' uvicorn --app-dir examples/fastapi-service service:app

`/invitations` waits for the mail server, and answers with what it said. `/orders` answers when the mail is on the disk:
it is sent by a worker in this process, also after a crash. The order's number is the key, so that a request that comes
twice makes one mail.
"""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from courriel import AsyncOutbox, AsyncSmtpPool, Message
from courriel.integrations.starlette import answer_errors, lifespan, outbox, pool

URL = os.environ.get("COURRIEL_URL", "smtp://127.0.0.1:2525")
PLACE = os.environ.get("COURRIEL_OUTBOX", "orders.db")

app = FastAPI(lifespan=lifespan(URL, outbox=PLACE, worker=True, grace=2))
answer_errors(app)

Pool = Annotated[AsyncSmtpPool, Depends(pool)]
Outbox = Annotated[AsyncOutbox, Depends(outbox)]


@app.post("/invitations")
async def invite(to: str, mail: Pool) -> dict[str, list[str]]:
    """Send an invitation now."""
    receipt = await mail.send(Message(sender="shop@example.org", to=to, subject="Come in", text="We are open."))
    return {"accepted": list(receipt.accepted)}


@app.post("/orders", status_code=202)
async def order(number: int, to: str, mails: Outbox) -> dict[str, str]:
    """Write the confirmation of an order down; it is sent in the background."""
    message = Message(sender="shop@example.org", to=to, subject=f"Order {number}", text="Thank you.")
    ticket = await mails.put(message, via=URL, key=f"order-{number}")
    return {"ticket": ticket.id}


@app.get("/orders/{number}")
async def state(number: int, mails: Outbox) -> dict[str, str]:
    """Say what became of the confirmation of an order."""
    ticket = await mails.get(key=f"order-{number}")
    return {"state": (await ticket.status()).name, "process": str(os.getpid())}
