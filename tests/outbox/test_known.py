"""Whom somebody has written to: counted when a message is let go, taken back when it is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import KnownRecipient, Submission
from webmail.outbox.queue import control, known, upkeep

pytestmark = pytest.mark.django_db


def names_of(user):
    return dict(KnownRecipient.objects.filter(user=user).values_list("email", "name"))


def test_each_recipient_is_known_under_the_name_last_written():
    account = make_sender()
    submit(account, to="Bob <Bob@Example.org>, carol@example.org", bcc="eve@bücher.example")
    submit(account, to="Robert Builder <bob@example.org>")
    submit(account, to="bob@example.org")

    assert names_of(account.user) == {
        "bob@example.org": "Robert Builder",
        "carol@example.org": "",
        "eve@xn--bcher-kva.example": "",
    }
    assert KnownRecipient.objects.get(user=account.user, email="bob@example.org").count == 3
    assert known.is_known(account.user, "BOB@example.org")
    assert known.is_known(account.user, "eve@bücher.example")
    assert not known.is_known(account.user, "mallory@example.org")
    assert not known.is_known(make_sender().user, "bob@example.org")


def test_send_that_was_taken_back_makes_nobody_known():
    account = make_sender()
    row = submit(account, to="bob@example.org, carol@example.org", send_at=None)
    assert known.is_known(account.user, "bob@example.org")
    submit(account, to="carol@example.org")

    assert control.cancel(row) is not None

    assert not known.is_known(account.user, "bob@example.org")
    assert KnownRecipient.objects.get(user=account.user).count == 1


def test_scheduled_message_makes_known_only_when_it_leaves():
    account = make_sender()
    row = submit(account, to="Bob <bob@example.org>", send_at=timezone.now() + timedelta(hours=1))
    assert not known.is_known(account.user, "bob@example.org")
    Submission.objects.filter(pk=row.pk).update(send_at=timezone.now())
    assert upkeep.release_due() == 1
    assert names_of(account.user) == {"bob@example.org": "Bob"}
