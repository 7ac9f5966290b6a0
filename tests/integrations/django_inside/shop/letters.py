"""The newsletter of the project: who reads it no more, as users with that address who are not active."""

from django.contrib.auth.models import User


def remove(address: str, list_name: str) -> None:
    """Take an address off a list."""
    User.objects.update_or_create(username=f"{list_name}:{address}", defaults={"is_active": False})


def put_back(address: str, list_name: str) -> None:
    """Put it back."""
    User.objects.filter(username=f"{list_name}:{address}").update(is_active=True)


async def remove_awaited(address: str, list_name: str) -> None:
    """Take an address off a list, as a coroutine function."""
    await User.objects.aupdate_or_create(username=f"{list_name}:{address}", defaults={"is_active": False})


NO_FUNCTION = "none"
