"""
Django's error pages without the passwords of URLs.

Django hides settings by their names (PASSWORD, TOKEN, SECRET …). A URL has none of these: COURRIEL_URL, the `url` of
MAILERS, a variable of the environment or of a frame would show `smtps://ada:secret@…` on the page of DEBUG, and in the
mails of AdminEmailHandler.
"""

from __future__ import annotations

import re
from typing import Any

from django.conf import global_settings, settings
from django.views.debug import SafeExceptionReporterFilter

# From the colon after the user to the last @ that can end a password; the limit keeps a long text without @ linear.
_PASSWORD = re.compile(r"(://[^\s/?#@:]{0,300}:)\S{1,300}@")


class UrlPasswordFilter(SafeExceptionReporterFilter):
    """Django's filter of error pages, which also hides the passwords of URLs in settings, request and variables."""

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """The setting as it may be shown."""
        return self._without_password(super().cleanse_setting(key, value))

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> list[tuple[str, Any]]:
        """The variables of a frame as they may be shown."""
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self._without_password(value)) for name, value in found]

    def _without_password(self, value: Any) -> Any:
        if isinstance(value, str):
            return _PASSWORD.sub(rf"\1{self.cleansed_substitute}@", value) if "://" in value else value
        if type(value) is dict:
            return {name: self._without_password(each) for name, each in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self._without_password(each) for each in value)
        return value


def hide_passwords_of_urls() -> None:
    """Let Django's error pages use this filter, where the project has not chosen another."""
    if settings.DEFAULT_EXCEPTION_REPORTER_FILTER == global_settings.DEFAULT_EXCEPTION_REPORTER_FILTER:
        settings.DEFAULT_EXCEPTION_REPORTER_FILTER = f"{__name__}.{UrlPasswordFilter.__name__}"
