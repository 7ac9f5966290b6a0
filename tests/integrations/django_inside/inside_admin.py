"""The pages in the admin: lists, the page of a mail, what a person can do, and content that must not act."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.mail import EmailMultiAlternatives

from courriel import Sandbox, State
from courriel.integrations.django import send_queued
from courriel.integrations.django.queueing.databases import outbox_on
from courriel.integrations.django.testing import clear_queued

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/courriel/mail/"


@pytest.fixture(autouse=True)
def nothing_left(transactional_db: Any) -> Any:
    yield
    clear_queued()


@pytest.fixture
def put(sandbox: Sandbox, mailer: Any) -> Any:
    mailer(url=sandbox.url, outbox=True)
    sandbox.refuse("eve@example.org", "550 5.1.1 no such user <script>alert(1)</script>")

    def put(to: str = "bob@example.org", subject: str = "Invoice <b>42</b>", html: str = "") -> str:
        made = EmailMultiAlternatives(subject, "Hello <script>alert(2)</script>", "ada@example.org", [to])
        if html:
            made.attach_alternative(html, "text/html")
        made.send()
        return str(made.courriel.id)

    return put


def test_the_list_shows_states_and_reasons(put: Any, admin_client: Any) -> None:
    put()
    put("eve@example.org")
    send_queued()
    put("zoe@example.org")

    page = admin_client.get(LIST).content.decode()

    assert [word in page for word in ("accepted", "refused", "waiting")] == [True] * 3
    assert "bob@example.org" in page
    assert "<script>alert(1)" not in page
    assert "zoe@example.org" not in admin_client.get(f"{LIST}?q=eve%40example.org").content.decode()
    failed = admin_client.get(f"{LIST}?state__exact={int(State.FAILED)}").content.decode()
    assert "eve@example.org" in failed
    assert "bob@example.org" not in failed


def test_the_page_of_a_refused_mail_has_cause_and_remedy(put: Any, admin_client: Any) -> None:
    ident = put("eve@example.org")
    send_queued()

    page = admin_client.get(f"{LIST}{ident}/change/").content.decode()

    assert "550" in page
    assert "Remedy" in page
    assert "&lt;script&gt;alert(2)" in page
    assert "<script>alert(" not in page
    assert "Invoice &lt;b&gt;42" in page


def test_the_pages_are_french_too(put: Any, admin_client: Any) -> None:
    ident = put("eve@example.org")
    send_queued()

    page = admin_client.get(f"{LIST}{ident}/change/", headers={"accept-language": "fr"}).content.decode()
    listed = admin_client.get(LIST, headers={"accept-language": "fr"}).content.decode()

    assert "Destinataires" in page
    assert "Remède" in page
    assert "refusé" in listed
    assert "Réessayer maintenant" in listed


def test_html_is_shown_in_a_frame_that_cannot_act(put: Any, admin_client: Any) -> None:
    ident = put(html="<script>alert(3)</script><img src='https://tracker.example/x.png'><p>Hi</p>")

    page = admin_client.get(f"{LIST}{ident}/change/").content.decode()
    frame = admin_client.get(f"{LIST}{ident}/shown/")

    assert "<iframe sandbox referrerpolicy" in page
    assert "alert(3)" not in page
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "allow-" not in policy
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert b"<p>Hi</p>" in frame.content


def test_the_mail_can_be_saved_as_it_is_sent(put: Any, admin_client: Any) -> None:
    ident = put()

    saved = admin_client.get(f"{LIST}{ident}/source/")

    assert saved.content == outbox_on("default").get(ident).content()
    assert saved.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("before", "act", "after"),
    [
        ((), "hold", State.HELD),
        (("hold",), "release", State.READY),
        ((), "cancel", State.CANCELED),
        (("hold",), "cancel", State.CANCELED),
        ((), "retry", State.READY),
    ],
)
def test_a_person_acts_on_a_mail(before: tuple[str, ...], act: str, after: State, put: Any, admin_client: Any) -> None:
    ident = put()
    for each in before:
        admin_client.post(f"{LIST}{ident}/act/", {"act": each})

    answer = admin_client.post(f"{LIST}{ident}/act/", {"act": act})

    assert answer.status_code == 302
    assert outbox_on("default").get(ident).status is after


def test_a_refused_mail_is_tried_again_from_the_list(put: Any, admin_client: Any, sandbox: Sandbox) -> None:
    ident = put("eve@example.org")
    send_queued()
    sandbox.clear()

    answer = admin_client.post(LIST, {"action": "retry_mails", "_selected_action": [ident]}, follow=True)

    assert "Try again now: 1" in answer.content.decode()
    assert outbox_on("default").get(ident).status is State.READY


def test_what_is_too_late_is_said(put: Any, admin_client: Any) -> None:
    ident = put()
    send_queued()

    answer = admin_client.post(LIST, {"action": "cancel_mails", "_selected_action": [ident]}, follow=True)

    assert "not possible in their state: 1" in answer.content.decode()


def test_who_may_look_may_not_act(put: Any, client: Any) -> None:
    ident = put()
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    client.force_login(clerk)
    for place in ("change/", "shown/", "source/"):
        assert client.get(f"{LIST}{ident}/{place}").status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_mail"))
    client.force_login(User.objects.get(pk=clerk.pk))

    page = client.get(f"{LIST}{ident}/change/")

    assert page.status_code == 200
    assert b'name="act"' not in page.content
    assert client.post(f"{LIST}{ident}/act/", {"act": "cancel"}).status_code == 403
    assert client.get(f"{LIST}{ident}/act/").status_code == 404
    assert outbox_on("default").get(ident).status is State.READY


def test_nothing_is_added_deleted_or_saved_by_hand(put: Any, admin_client: Any) -> None:
    from courriel.integrations.django.models import Mail

    ident = put()

    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.get(f"{LIST}{ident}/delete/").status_code == 403
    with pytest.raises(TypeError, match="ticket"):
        Mail.objects.get(pk=ident).save()
    with pytest.raises(TypeError, match="ticket"):
        Mail.objects.get(pk=ident).delete()
    assert admin_client.get(f"{LIST}nobody/change/").status_code == 404


# The suppression list.

SUPPRESSED = "/admin/courriel/suppressed/"


def test_an_address_is_suppressed_and_lifted_in_the_admin(put: Any, admin_client: Any) -> None:
    put()

    refused = admin_client.post(f"{SUPPRESSED}add/", {"shown": "no address", "reason": "manual"})
    added = admin_client.post(f"{SUPPRESSED}add/", {"shown": "Bob@example.org", "reason": "bounce", "note": "<b>5.1.1"})
    page = admin_client.get(SUPPRESSED).content.decode()

    assert "is not an address" in refused.content.decode()
    assert added.status_code == 302
    assert "Bob@example.org" in page
    assert "<b>5.1.1" not in page
    assert [entry.reason for entry in outbox_on("default").suppressions.of("bob@example.org")] == ["bounce"]
    admin_client.post(SUPPRESSED, {"action": "lift_addresses", "_selected_action": ["bob@example.org"]})
    assert list(outbox_on("default").suppressions) == []


def test_who_may_only_look_at_the_list_changes_nothing(put: Any, client: Any) -> None:
    outbox_on("default").suppressions.add("bob@example.org")
    guest = User.objects.create_user("guest", is_staff=True)
    guest.user_permissions.add(Permission.objects.get(codename="view_suppressed"))
    client.force_login(guest)

    assert "bob@example.org" in client.get(SUPPRESSED).content.decode()
    assert client.get(f"{SUPPRESSED}add/").status_code == 403
    client.post(SUPPRESSED, {"action": "lift_addresses", "_selected_action": ["bob@example.org"]})
    assert [entry.address for entry in outbox_on("default").suppressions] == ["bob@example.org"]
