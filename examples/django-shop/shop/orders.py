"""Orders: one is stored and confirmed by mail, or neither."""

from __future__ import annotations

from django.core.mail import EmailMessage
from django.db import transaction

from shop.models import Order


class OutOfStock(Exception):
    """What was ordered is not there."""


@transaction.atomic
def place(what: str, email: str) -> Order:
    """Store an order and put its confirmation into the outbox, or neither. Raises OutOfStock."""
    order = Order.objects.create(what=what, email=email)
    mail = EmailMessage(f"Your order: {what}", f"We have your order {order.pk}.", to=[email])
    mail.courriel_key = f"order-{order.pk}"  # put twice, it is sent once
    mail.send()
    if what == "unicorn":
        raise OutOfStock(what)
    return order
