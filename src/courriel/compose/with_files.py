"""Attachments of templates: `with_attachment` and `with_data` of Template and RichTemplate."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from courriel.model.messages.attachment import Attachment
from courriel.model.messages.message import no_attach, no_attach_data

if TYPE_CHECKING:
    from typing import Self


class WithFiles(ABC):
    """Mixin of templates that returns a copy with one more attachment."""

    @abstractmethod
    def _with_attachment(self, attachment: Attachment) -> Self:
        """A copy of this template with this attachment."""

    def with_attachment(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Self:
        """Return a copy of this template with the file at `path` attached, the same for every message.

        See `Message.with_attachment`. This template stays unchanged.
        """
        return self._with_attachment(
            Attachment.file(path, name=name, content_type=content_type, inline=inline, content_id=content_id)
        )

    def with_data(
        self,
        content: bytes | str | BinaryIO,
        name: str,
        *,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Self:
        """Return a copy of this template with this data attached, the same for every message.

        See `Message.with_data`. This template stays unchanged.
        """
        return self._with_attachment(
            Attachment.data(content, name, content_type=content_type, inline=inline, content_id=content_id)
        )

    def attach(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: a template is immutable. Pass `attachments=`, or use `with_attachment`."""
        raise no_attach("template")

    def attach_data(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: a template is immutable. Use `with_data`."""
        raise no_attach_data("template")
