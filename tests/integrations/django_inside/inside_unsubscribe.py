"""One-click unsubscribe in a Django project: links, the view with its middleware, transactions, settings, checks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection, transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from courriel import errors
from courriel.integrations.django import unsubscribe_link
from courriel.integrations.django.queueing.databases import outbox_on
from courriel.integrations.django.unsubscribe.views import unsubscribe

CLICK = {"List-Unsubscribe": "One-Click"}
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
              "django.middleware.security.SecurityMiddleware"]  # fmt: skip

pytestmark = pytest.mark.django_db


def path() -> str:
    return unsubscribe_link("ada@example.org", "news").removeprefix("https://shop.example.org")


def removed() -> list[tuple[str, bool]]:
    return list(User.objects.values_list("username", "is_active"))


@pytest.fixture
def provider(settings: Any) -> Client:
    """A client as strict as production is, which has no cookie."""
    settings.MIDDLEWARE = [*MIDDLEWARE, *settings.MIDDLEWARE]
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize("form", [
    {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
    {"data": CLICK},
], ids=["urlencoded", "multipart"])  # fmt: skip
def test_a_click_without_csrf_token_or_cookie_unsubscribes_twice(provider: Client, form: dict[str, Any]) -> None:
    answers = [provider.post(path(), **form) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 200]
    assert not provider.cookies
    assert not [each for each in answers if each.has_header("Location")]
    assert answers[0]["Cache-Control"] == "no-store"
    assert removed() == [("news:ada@example.org", False)]


def test_get_and_head_show_the_page_in_the_readers_language(provider: Client) -> None:
    english = provider.get(path(), headers={"accept-language": "en"})
    french = provider.get(path(), headers={"accept-language": "fr"})
    head = provider.head(path())

    assert "Unsubscribe from “Garden news”?" in english.content.decode()
    assert "Vous désabonner" in french.content.decode()
    assert (head.status_code, head.content) == (200, b"")
    assert removed() == []


def test_the_language_of_the_project_is_that_of_readers_who_name_none(provider: Client, settings: Any) -> None:
    settings.LANGUAGE_CODE = "fr"

    assert 'lang="fr"' in provider.get(path()).content.decode()


def test_the_button_of_the_page_takes_it_back(provider: Client) -> None:
    answer = provider.post(path(), {**CLICK, "page": "1"})
    found = re.search(r'name="undo" value="([^"]+)"', answer.content.decode())
    assert found

    taken_back = provider.post(path(), {"undo": found[1]})

    assert taken_back.status_code == 200
    assert removed() == [("news:ada@example.org", True)]


@pytest.mark.parametrize(("data", "content_type", "status"), [
    ("", "application/x-www-form-urlencoded", 400),
    ("List-Unsubscribe=no", "application/x-www-form-urlencoded", 400),
    ("List-Unsubscribe=One-Click&" * 1000, "application/x-www-form-urlencoded", 413),
    ('{"List-Unsubscribe": "One-Click"}', "application/json", 415),
    ("x" * 100, "multipart/form-data; boundary=x", 400),
])  # fmt: skip
def test_what_asks_for_nothing_changes_nothing(provider: Client, data: str, content_type: str, status: int) -> None:
    assert provider.post(path(), data, content_type=content_type).status_code == status
    assert removed() == []


def test_a_wrong_link_is_not_found_and_another_method_not_taken(provider: Client) -> None:
    assert provider.post(path()[:-1], CLICK).status_code == 404
    assert provider.get(reverse("courriel_unsubscribe", args=["é"])).status_code == 404
    assert provider.put(path()).status_code == 405
    assert removed() == []


@pytest.mark.parametrize("form", [{"data": CLICK}, {"data": "List-Unsubscribe=One-Click",
                                                    "content_type": "application/x-www-form-urlencoded"}])  # fmt: skip
def test_a_middleware_that_reads_the_form_first_is_no_hindrance(form: dict[str, Any]) -> None:
    request = RequestFactory().post(path(), **form)
    assert dict(request.POST.items()) == CLICK

    answer = unsubscribe(request, path().rpartition("/")[2])

    assert answer.status_code == 200
    assert removed() == [("news:ada@example.org", False)]


def test_a_coroutine_function_is_awaited(provider: Client, settings: Any) -> None:
    settings.COURRIEL_UNSUBSCRIBE = {**settings.COURRIEL_UNSUBSCRIBE, "on_unsubscribe": "shop.letters.remove_awaited"}

    assert provider.post(path(), CLICK).status_code == 200
    assert removed() == [("news:ada@example.org", False)]


def test_without_a_function_the_suppression_list_of_the_outbox_has_the_address(
    provider: Client, settings: Any, mailer: Any
) -> None:
    mailer(url="null:", outbox=True)
    settings.COURRIEL_UNSUBSCRIBE = {
        name: value for name, value in settings.COURRIEL_UNSUBSCRIBE.items() if not name.startswith("on_")
    }
    suppressions = outbox_on("default").suppressions
    suppressions.add("ada@example.org", "bounce")

    clicked = [provider.post(path(), {**CLICK, "page": "1"}) for _ in range(2)]
    listed = [(entry.reason, entry.stream) for entry in suppressions.of("ada@example.org")]
    undo = re.search(r'name="undo" value="([^"]+)"', clicked[0].content.decode())
    assert undo
    taken_back = provider.post(path(), {"undo": undo[1]})

    assert [each.status_code for each in (*clicked, taken_back)] == [200, 200, 200]
    assert sorted(listed) == [("bounce", ""), ("unsubscribe", "news")]
    assert [entry.reason for entry in suppressions.of("ada@example.org")] == ["bounce"]


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_is_not_said_to_be_done(provider: Client, settings: Any) -> None:
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    in_transaction: list[bool] = []

    def remove(address: str, list_name: str) -> None:
        in_transaction.append(connection.in_atomic_block)
        with transaction.atomic():
            User.objects.create(username=address)
            raise DatabaseError("no")

    settings.COURRIEL_UNSUBSCRIBE = {**settings.COURRIEL_UNSUBSCRIBE, "on_unsubscribe": remove}
    try:
        failed = provider.post(path(), CLICK)
    finally:
        settings.DATABASES["default"]["ATOMIC_REQUESTS"] = False

    assert failed.status_code == 500
    assert "not unsubscribed yet" in failed.content.decode()
    assert in_transaction == [False]
    assert removed() == []


@pytest.mark.parametrize(("change", "said"), [
    ({"unknown": 1}, "'unknown' is not one of"),
    ({"key": ""}, "has no key"),
    ({"on_unsubscribe": "shop.letters.nothing"}, "cannot be imported"),
    ({"on_unsubscribe": "shop.letters.NO_FUNCTION"}, "is a function"),
    ({"on_undo": "nowhere"}, "cannot be imported"),
    ({"on_unsubscribe": None}, "no mailer has an outbox"),
])  # fmt: skip
def test_a_wrong_setting_is_told_by_check_and_by_the_first_link(
    settings: Any, change: dict[str, Any], said: str
) -> None:
    settings.COURRIEL_UNSUBSCRIBE = {**settings.COURRIEL_UNSUBSCRIBE, **change}

    with pytest.raises(SystemCheckError, match=r"courriel\.E005") as told:
        call_command("check")

    assert said in str(told.value)


def test_without_the_setting_there_are_no_links_and_nothing_to_check(settings: Any) -> None:
    del settings.COURRIEL_UNSUBSCRIBE

    call_command("check")
    with pytest.raises(errors.UsageError, match="is a dict with url, key"):
        unsubscribe_link("ada@example.org", "news")


def test_check_does_not_read_the_key(settings: Any) -> None:
    settings.COURRIEL_UNSUBSCRIBE = {**settings.COURRIEL_UNSUBSCRIBE, "key": "env:NOT_SET_WHERE_CODE_IS_CHECKED"}

    call_command("check")
    with pytest.raises(errors.UsageError, match="not set"):
        unsubscribe_link("ada@example.org", "news")
