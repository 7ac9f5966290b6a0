"""An order, and nothing else."""

from __future__ import annotations

from django.db import models


class Order(models.Model):
    """What somebody wants."""

    what = models.CharField(max_length=80)
    email = models.EmailField()

    def __str__(self) -> str:
        return f"{self.what} for {self.email}"
