"""Settings of the project in which the tests of the integration run; each test changes what it is about."""

import os
from pathlib import Path

import django

BASE_DIR = Path(os.environ["SHOP_FOLDER"])
SECRET_KEY = "practice"
DEBUG = True
ALLOWED_HOSTS = ["*"]
USE_TZ = True
LANGUAGE_CODE = os.environ.get("SHOP_LANGUAGE", "en")
ROOT_URLCONF = "shop.urls"
DEFAULT_FROM_EMAIL = "shop@example.org"
SERVER_EMAIL = "root@example.org"
OPTIONS = {"url": os.environ.get("SHOP_URL", "null:"), "outbox": os.environ.get("SHOP_OUTBOX") == "yes"}
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "courriel.integrations.django.EmailBackend", "OPTIONS": OPTIONS}}
else:
    EMAIL_BACKEND = "courriel.integrations.django.EmailBackend"
    COURRIEL = OPTIONS
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "courriel.integrations.django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
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
COURRIEL_UNSUBSCRIBE = {
    "url": "https://shop.example.org/unsubscribe",
    "key": b"a key of thirty-two octets or so, now",
    "on_unsubscribe": "shop.letters.remove",
    "on_undo": "shop.letters.put_back",
    "titles": {"news": "Garden news"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if os.environ.get("SHOP_DATABASE") == "postgresql":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["SHOP_NAME"],
            "USER": os.environ["SHOP_USER"],
            "HOST": os.environ["SHOP_HOST"],
            "PORT": os.environ["SHOP_PORT"],
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": BASE_DIR / "shop.sqlite3",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
            "TEST": {"NAME": BASE_DIR / "test_shop.sqlite3"},
        }
    }
