"""The people, their accounts at mail servers, and what opens them."""

from accounts.models.audit import AuditEvent
from accounts.models.connection_test import ConnectionTest
from accounts.models.credential import ApiCredential, Credential
from accounts.models.domain import MailDomain
from accounts.models.mail_account import (
    AccountState,
    Identity,
    IncomingProtocol,
    KeepBodies,
    LeaveOnServer,
    MailAccount,
    OutgoingServer,
    SecurityChoice,
    SentCopy,
)
from accounts.models.sender_rule import SenderRule
from accounts.models.user import (
    AfterAct,
    KeyPreset,
    MailColors,
    NotificationText,
    Pane,
    ReceiptPolicy,
    RemotePictures,
    SwipeAct,
    ThreadOrder,
    User,
)

__all__ = [
    "AccountState",
    "AfterAct",
    "ApiCredential",
    "AuditEvent",
    "ConnectionTest",
    "Credential",
    "Identity",
    "IncomingProtocol",
    "KeepBodies",
    "KeyPreset",
    "LeaveOnServer",
    "MailAccount",
    "MailColors",
    "MailDomain",
    "NotificationText",
    "OutgoingServer",
    "Pane",
    "ReceiptPolicy",
    "RemotePictures",
    "SecurityChoice",
    "SenderRule",
    "SentCopy",
    "SwipeAct",
    "ThreadOrder",
    "User",
]
