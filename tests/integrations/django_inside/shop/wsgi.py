"""The project for gunicorn and uWSGI. With SHOP_PRELOAD a mail is sent before the workers are forked."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()

if "SHOP_PRELOAD" in os.environ:
    from django.core.mail import send_mail

    send_mail("before the fork", "Hello.", None, ["bob@example.org"])
