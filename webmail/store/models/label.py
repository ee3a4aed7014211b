"""Labels: names and colours that a person gives to keywords, over all their accounts."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.db import models

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id
from accounts.models import User

PALETTE_SIZE = 8  # blue, green, amber, red, violet, teal, pink, grey (ux section 2)


class Label(models.Model):
    """What an Email carries is the keyword (`EmailKeyword`), on the server as well; this is how it is shown."""

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "l"), editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=100)
    keyword = models.CharField(max_length=255)  # lower case, an IMAP atom (jmap S12); never changes
    color = models.PositiveSmallIntegerField(default=0)  # place in the palette, 0 to 7
    position = models.PositiveSmallIntegerField(default=0)
    is_shown = models.BooleanField(default=True)  # in the sidebar

    class Meta:
        ordering = ["position", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "keyword"], name="store_label_keyword"),
            models.UniqueConstraint(fields=["user", "name"], name="store_label_name"),
        ]

    def __str__(self) -> str:
        return self.name
