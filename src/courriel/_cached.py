"""Properties that are worked out once, without the lock that Python 3.11 takes for each of them.

The standard library's `cached_property` of Python 3.11 holds a lock while it works a value out, which takes longer than
to read a subject; 3.12 has none. Two threads that ask at once may work a value out twice, and both get a right one.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from functools import cached_property
else:
    from functools import cached_property as _theirs

    class cached_property(_theirs):  # noqa: N801 - it takes the place of theirs
        """Property whose value is kept in the instance's `__dict__`."""

        def __get__(self, instance: object, owner: type | None = None) -> object:
            if instance is None:
                return self
            value = instance.__dict__[self.attrname] = self.func(instance)
            return value


__all__ = ["cached_property"]
