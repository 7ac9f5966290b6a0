"""Pages: the form of an order, and the admin."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.utils.html import format_html

from shop.orders import OutOfStock, place

FORM = """<!doctype html><title>Shop</title><h1>Shop</h1><p>{}</p><form method="post">
<input type="hidden" name="csrfmiddlewaretoken" value="{}">
<select name="what"><option>teapot<option>unicorn</select>
<input name="email" type="email" value="ada@example.org" required><button>Order</button></form>"""


def order(request: HttpRequest) -> HttpResponse:
    """Show the form; place an order."""
    said = ""
    if request.method == "POST":
        try:
            said = f"Ordered: {place(request.POST['what'], request.POST['email'])}"
        except OutOfStock as missing:
            said = f"Out of stock: {missing}. Nothing was ordered, and no mail is sent."
        except ValueError as wrong:  # an address that is none
            said = str(wrong)
    return HttpResponse(format_html(FORM, said, get_token(request)))


urlpatterns = [path("", order), path("admin/", admin.site.urls)]
