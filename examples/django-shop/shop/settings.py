"""Settings of the shop. What concerns mail is at the end."""

import os
from pathlib import Path

import django

SECRET_KEY = "an example needs none"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
USE_TZ = True
ROOT_URLCONF = "shop.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
LANGUAGE_CODE = os.environ.get("SHOP_LANGUAGE", "en")
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "courriel.integrations.django",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DATABASE", Path(__file__).resolve().parents[1] / "shop.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}

# Mail: a server, and the outbox in the database above.
DEFAULT_FROM_EMAIL = "The shop <shop@example.org>"
_OPTIONS = {"url": os.environ.get("COURRIEL_SHOP_URL", "console:"), "outbox": True}
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "courriel.integrations.django.EmailBackend", "OPTIONS": _OPTIONS}}
else:
    EMAIL_BACKEND = "courriel.integrations.django.EmailBackend"
    COURRIEL = _OPTIONS
