"""Mails that the pictures of the inbox show: an order, a reset, a reminder, an invitation, a newsletter."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable

import courriel
from courriel import Message

SHOP = "Atelier Lumen <commandes@lumen.example>"


def picture(width: int, height: int, colours: tuple[tuple[int, int, int], tuple[int, int, int]]) -> bytes:
    """PNG with a gradient from one colour to another."""
    rows = b""
    for line in range(height):
        share = line / height
        pixel = bytes(round(a + (b - a) * share) for a, b in zip(*colours, strict=True))
        rows += b"\0" + pixel * width

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


ORDER = """<html><body style="margin:0;background:#f3f1ec;font-family:Helvetica,Arial,sans-serif;color:#2b2a27">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="560" cellpadding="0" cellspacing="0" style="background:#fff;border-radius:12px;overflow:hidden;width:100%;max-width:560px">
<tr><td style="background:#1d3b36;padding:22px 32px;color:#fff;font-size:22px;letter-spacing:2px">LUMEN</td></tr>
<tr><td style="padding:28px 32px 8px"><h1 style="margin:0 0 8px;font-size:26px">Merci, Camille&nbsp;!</h1>
<p style="margin:0;line-height:1.55">Votre commande <b>n°&nbsp;20417</b> est confirmée. Nous préparons votre colis : il partira demain et arrivera <b>jeudi 3 décembre</b>.</p></td></tr>
<tr><td style="padding:16px 32px"><table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-top:1px solid #e6e2d9">
<tr><td style="padding:14px 0;width:76px"><img src="cid:lampe@lumen" width="64" height="64" alt="Lampe Aurore" style="border-radius:8px;display:block"></td><td><b>Lampe « Aurore »</b><br><span style="color:#77736a">laiton, abat-jour en lin</span></td><td align="right">148,00&nbsp;€</td></tr>
<tr><td style="padding:14px 0;border-top:1px solid #e6e2d9"><img src="cid:ampoule@lumen" width="64" height="64" alt="Ampoules" style="border-radius:8px;display:block"></td><td style="border-top:1px solid #e6e2d9"><b>2 ampoules E27</b><br><span style="color:#77736a">blanc chaud, 7 W</span></td><td align="right" style="border-top:1px solid #e6e2d9">17,80&nbsp;€</td></tr>
<tr><td colspan="2" style="padding:14px 0;border-top:2px solid #1d3b36"><b>Total</b>, livraison offerte</td><td align="right" style="border-top:2px solid #1d3b36"><b>165,80&nbsp;€</b></td></tr></table></td></tr>
<tr><td align="center" style="padding:8px 32px 30px"><a href="https://lumen.example/commandes/20417" style="background:#1d3b36;color:#fff;text-decoration:none;padding:13px 26px;border-radius:8px;display:inline-block">Suivre ma commande</a></td></tr>
<tr><td style="background:#f8f6f1;padding:16px 32px;color:#77736a;font-size:13px">Une question ? Répondez simplement à ce message. <img src="https://track.lumen.example/o.gif" width="1" height="1" alt=""></td></tr>
</table></td></tr></table></body></html>"""
RESET = """<html><body style="font-family:Arial,sans-serif;color:#1d2433"><h2>Reset your password</h2>
<p>Hello Jo,</p><p>somebody (you, we hope) asked for a new password for <b>jo@example.org</b>. The link holds for 30 minutes.</p>
<p><a href="https://app.nimbus.example/reset?token=8f2c" style="background:#3d5afe;color:#fff;padding:10px 18px;border-radius:6px;text-decoration:none">Choose a new password</a></p>
<p style="color:#66708a">If it was not you, do nothing: your password stays as it is.</p></body></html>"""
NEWS = """<html><head><style>@media (max-width:480px){.two{display:block!important}} .card{border-radius:10px;box-shadow:0 2px 8px #0002}</style>
<link rel="stylesheet" href="https://cdn.nimbus.example/mail.css"></head><body style="font-family:Georgia,serif">
<div style="display:flex;gap:16px" class="two"><div class="card"><img src="https://cdn.nimbus.example/hero.webp"><h2>What is new in November</h2>
<p>Faster exports, and a calmer dashboard.</p><a href="http://nimbus.example/november">Read on</a></div>
<div class="card" style="background:linear-gradient(#fff,#eef)"><img src="https://cdn.nimbus.example/two.png"><p>Tips of the month.</p><a href="http://localhost:3000/tips">Tips</a></div></div>
<video src="https://cdn.nimbus.example/tour.mp4"></video></body></html>"""
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//courriel//pictures//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:7@nimbus.example\r\n"
    "DTSTAMP:20261130T090000Z\r\nDTSTART;TZID=Europe/Paris:20261204T100000\r\nDTEND;TZID=Europe/Paris:20261204T104500\r\n"
    "SUMMARY:Release review 4.2\r\nLOCATION:Room Ada\r\nORGANIZER:mailto:max@nimbus.example\r\n"
    "ATTENDEE:mailto:jo@example.org\r\nATTENDEE:mailto:lea@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def send_all(url: str, tls_url: str, between: Callable[[], None]) -> None:
    """Send every mail of the pictures, the order last, as the programs of a day would; `between` comes second."""
    courriel.send(newsletter(), via=url)
    between()
    for message in (reminder(), alert(), invitation(), reset(), quote(), order()):
        courriel.send(message, via=tls_url)


def order() -> Message:
    """Confirmation of an order, in French, with pictures in the text and a PDF."""
    message = Message(
        sender=SHOP, to=["Camille Moreau <camille@example.org>"], bcc=["archives@lumen.example"],
        reply_to=["Atelier Lumen <bonjour@lumen.example>"], subject="Votre commande n° 20417 est confirmée",
        text="Merci, Camille !\n\nVotre commande n° 20417 est confirmée. Elle arrivera jeudi 3 décembre.\n\n"
        "Lampe « Aurore »   148,00 €\n2 ampoules E27      17,80 €\nTotal              165,80 €\n",
        html=ORDER,
    )  # fmt: skip
    lamp = picture(128, 128, ((240, 196, 120), (120, 70, 30)))
    bulb = picture(128, 128, ((255, 240, 200), (230, 180, 60)))
    return (
        message.with_data(pdf(), "commande-20417.pdf")
        .with_data(lamp, "lampe.png", inline=True, content_id="lampe@lumen")
        .with_data(bulb, "ampoule.png", inline=True, content_id="ampoule@lumen")
    )


def reset() -> Message:
    """A password to be chosen anew."""
    return Message(
        sender="Nimbus <no-reply@nimbus.example>", to=["jo@example.org"], subject="Reset your password",
        text="Hello Jo,\n\nchoose a new password: https://app.nimbus.example/reset?token=8f2c\n", html=RESET,
    )  # fmt: skip


def quote() -> Message:
    """A quote as plain text, with a file."""
    return Message(
        sender="Atelier Lumen <devis@lumen.example>", to=["achats@example.org"], cc=["camille@example.org"],
        subject="Devis n° 2026-118, valable jusqu'au 15 décembre",
        text="Bonjour,\n\nvous trouverez ci-joint le devis n° 2026-118 de 1 248,00 € TTC, valable jusqu'au 15 décembre.\n\n"
        "Bien cordialement,\nl'atelier\n",
    ).with_data(pdf(), "devis-2026-118.pdf")  # fmt: skip


def invitation() -> Message:
    """An invitation to a meeting."""
    return Message(
        sender="Max Weber <max@nimbus.example>", to=["Jo <jo@example.org>", "Léa <lea@example.org>"],
        subject="Invitation: release review 4.2", text="Friday at ten, room Ada. Agenda: what is left, who does it.\n",
    ).with_data(CALENDAR.encode(), "invite.ics", content_type="text/calendar; method=REQUEST")  # fmt: skip


def alert() -> Message:
    """A message of a monitor."""
    return Message(
        sender="Grafana <alerts@nimbus.example>", to=["ops@example.org"], subject="[FIRING] disk 91 % on db-2",
        text="db-2: /var/lib/postgresql is at 91 %.\nSince 09:12. Runbook: https://wiki.nimbus.example/disk\n",
    )  # fmt: skip


def reminder() -> Message:
    """A reminder of an appointment, in French."""
    return Message(
        sender="Cabinet Lefèvre <rdv@cabinet-lefevre.example>", to=["camille@example.org"],
        subject="Rappel : rendez-vous demain à 14 h 30",
        text="Bonjour Camille,\n\nnous vous attendons demain, mardi 1er décembre à 14 h 30, au 12 rue des Tanneurs.\n",
    )  # fmt: skip


def newsletter() -> Message:
    """A newsletter with what mail clients do not show."""
    return Message(
        sender="Nimbus News <news@nimbus.example>", to=["jo@example.org"], subject="What is new in November", html=NEWS,
        list_unsubscribe="https://nimbus.example/u/8f2c", headers={"List-Id": "<news.nimbus.example>"},
    )  # fmt: skip


def pdf() -> bytes:
    """The smallest PDF with a page."""
    return base64.b64decode(
        "JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZy9QYWdlcyAyIDAgUj4+ZW5kb2JqCjIgMCBvYmo8PC9UeXBlL1BhZ2VzL0tpZHNbMyAw"
        "IFJdL0NvdW50IDE+PmVuZG9iagozIDAgb2JqPDwvVHlwZS9QYWdlL1BhcmVudCAyIDAgUi9NZWRpYUJveFswIDAgMzAwIDIwMF0+PmVuZG9i"
        "agp0cmFpbGVyPDwvUm9vdCAxIDAgUj4+CiUlRU9GCg=="
    )
