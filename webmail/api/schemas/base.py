"""The two kinds of models, and the pieces that several resources share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Output(BaseModel):
    """What we answer. Additions are not breaking: clients ignore fields they do not know."""

    model_config = ConfigDict(populate_by_name=True)


class Input(BaseModel):
    """What we take. A field that is not known is refused: an option we cannot honour must not be ignored."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """The fields that the client sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


# PostgreSQL takes no NUL, and no text of ours needs one.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=255)]


class AddressOut(Output):
    """One mailbox of RFC 5322: `name` is empty where there is none."""

    name: str
    email: str


class FaultOut(Output):
    """One fault of a request: where, which, and in words."""

    pointer: str
    code: str
    detail: str


class ProblemOut(Output):
    """An error (RFC 9457). `type` is explained at its own address; `instance` names the request in our logs."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FaultOut] = Field(default_factory=list)


class HealthOut(Output):
    """That the service answers."""

    status: Literal["ok"]


class FetchingOut(Output):
    """The bytes of the message are not here yet: they are being fetched. Ask again after `Retry-After` seconds.

    `received_bytes` of `size_bytes` have come of a large message; null while that is not known.
    """

    status: Literal["fetching"] = "fetching"
    received_bytes: int | None = None
    size_bytes: int | None = None
