"""What our own check of a message's signatures found, as it is kept in a row. Values only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class CheckedSignature:
    """One DKIM signature. `domain`: normalised, of its d=.

    `result`: "pass"; "fail" (does not fit the message: changed on its way, or forged); "neutral" (says nothing: expired,
    too weak, covers a part only, an algorithm we do not know); "permerror" (no key, or malformed); "temperror" (DNS).
    """

    domain: str
    selector: str
    result: str


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """`arc`: "pass", "fail", "none" or "temperror" of the whole chain (RFC 8617 5.2); `arc_domain`: who sealed it last.

    `arc_instance`: the number of that seal, 0 without one.
    """

    signatures: tuple[CheckedSignature, ...] = ()
    arc: str = "none"
    arc_domain: str = ""
    arc_instance: int = 0

    @property
    def is_temporary(self) -> bool:
        """Whether another try may find more."""
        return self.arc == "temperror" or any(one.result == "temperror" for one in self.signatures)


_FORM: TypeAdapter[OwnCheck] = TypeAdapter(OwnCheck)


def dump_check(check: OwnCheck) -> dict[str, Any]:
    """As JSON can hold it."""
    return asdict(check)


def load_check(kept: Mapping[str, Any]) -> OwnCheck | None:
    """What `dump_check` wrote; None for anything else."""
    try:
        return _FORM.validate_python(dict(kept)) if kept else None
    except ValidationError:
        return None
