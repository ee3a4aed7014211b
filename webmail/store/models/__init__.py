"""The tables of the store. The invariants in the comments are checked by `store.consistency`."""

from webmail.store.models.blob import Blob, BlobLink
from webmail.store.models.email import Email, EmailKeyword, EmailMailbox, Placement
from webmail.store.models.label import Label
from webmail.store.models.mailbox import Mailbox, Role
from webmail.store.models.operations import Heartbeat, HostGate, Lease, Traffic
from webmail.store.models.reading import (
    BodyProgress,
    Drawing,
    FetchState,
    ReadableForm,
    RemotePicture,
    SenderCheck,
)
from webmail.store.models.search import SearchDocument
from webmail.store.models.searching import RecentSearch, SavedSearch, ServerSearch, ServerSearchHit
from webmail.store.models.state import ChangeClock, Tombstone, TypeState
from webmail.store.models.thread import Thread, ThreadRef

__all__ = [
    "Blob",
    "BlobLink",
    "BodyProgress",
    "ChangeClock",
    "Drawing",
    "Email",
    "EmailKeyword",
    "EmailMailbox",
    "FetchState",
    "Heartbeat",
    "HostGate",
    "Label",
    "Lease",
    "Mailbox",
    "Placement",
    "ReadableForm",
    "RecentSearch",
    "RemotePicture",
    "Role",
    "SavedSearch",
    "SearchDocument",
    "SenderCheck",
    "ServerSearch",
    "ServerSearchHit",
    "Thread",
    "ThreadRef",
    "Tombstone",
    "Traffic",
    "TypeState",
]
