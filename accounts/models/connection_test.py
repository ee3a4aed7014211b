"""A wish to try a mail server: written by a page, carried out by a worker, read by the page that waits."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.ids import new_test_id
from accounts.models.mail_account import MailAccount
from accounts.models.user import User


class ConnectionTest(models.Model):
    """Servers and a sealed password to try. The sealed secret is emptied as soon as the test has ended.

    What happens when it succeeds depends on the purpose: CONNECT makes the account, SIGN_IN makes user and account when
    they are new, VERIFY stores the new password of an account that exists.
    """

    class Purpose(models.TextChoices):
        CONNECT = "connect"
        SIGN_IN = "sign_in"
        VERIFY = "verify"

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        PASSED = "passed"
        FAILED = "failed"

    public_id = models.CharField(max_length=64, unique=True, default=new_test_id, editable=False)
    purpose = models.CharField(max_length=8, choices=Purpose)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE)
    account = models.ForeignKey(
        MailAccount, null=True, on_delete=models.CASCADE, help_text="the result, or the one verified"
    )
    settings = models.JSONField()  # the fields of accounts.services.AccountSettings
    key_id = models.CharField(max_length=64, blank=True)
    sealed = models.BinaryField(default=b"")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    report = models.JSONField(default=list)  # one object a step: step, status, title, advice, server_text
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.status}"
