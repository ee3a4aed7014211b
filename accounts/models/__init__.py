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
from accounts.models.user import MailColors, ReceiptPolicy, RemotePictures, User

__all__ = [
    "AccountState",
    "ApiCredential",
    "AuditEvent",
    "ConnectionTest",
    "Credential",
    "Identity",
    "IncomingProtocol",
    "KeepBodies",
    "LeaveOnServer",
    "MailAccount",
    "MailColors",
    "MailDomain",
    "OutgoingServer",
    "ReceiptPolicy",
    "RemotePictures",
    "SecurityChoice",
    "SenderRule",
    "SentCopy",
    "User",
]
