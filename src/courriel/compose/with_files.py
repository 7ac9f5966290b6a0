"""What both kinds of template do alike with attached files: `with_` another one, for all who are written to."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from courriel.model.attachment import Attachment
from courriel.model.message import no_attach, no_attach_data

if TYPE_CHECKING:
    from typing import Self


class WithFiles(ABC):
    """The part of a template that returns another one with one more file."""

    @abstractmethod
    def _with(self, attachment: Attachment) -> Self:
        """Return another template: this one, with this file."""

    def with_attachment(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        content_type: str | None = None,
        inline: bool = False,
        content_id: str | None = None,
    ) -> Self:
        """Return another template: this one, with the file at `path`, the same for everybody.

        See `Message.with_attachment`. This template stays as it is.
        """
        return self._with(
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
        """Return another template: this one, with these octets as a file, the same for everybody.

        See `Message.with_data`. This template stays as it is.
        """
        return self._with(
            Attachment.data(content, name, content_type=content_type, inline=inline, content_id=content_id)
        )

    def attach(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: a template does not change. Give `attachments=`, or use `with_attachment`."""
        raise no_attach("template")

    def attach_data(self, *_: object, **__: object) -> NoReturn:
        """Raise UsageError: a template does not change. Use `with_data`."""
        raise no_attach_data("template")
