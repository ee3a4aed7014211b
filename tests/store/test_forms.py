"""Messages as they are read: made once, kept for everybody who has the same bytes, and never in the way of reading."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from webmail.mime.limited.answer import LimitExceeded
from webmail.mime.readable import FORM_VERSION, FormOptions
from webmail.store.contents import NotHere
from webmail.store.models import Mailbox, ReadableForm
from webmail.store.reading import forms

pytestmark = pytest.mark.django_db

RAW = b"From: ben@example.net\r\nSubject: Hi\r\nContent-Type: text/html\r\n\r\n<p>The harbour plan.</p>"
PLAIN = FormOptions()


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_held", forms._Held())


@pytest.fixture
def inbox() -> Mailbox:
    return make_mailbox(make_account(make_user()), role="inbox")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that a child was given."""
    given: list[str] = []
    original = forms.run_limited

    def run(job: str, *args: object) -> object:
        given.append(job)
        return original(job, *args)

    monkeypatch.setattr(forms, "run_limited", run)
    return given


@pytest.mark.req("R42")
def test_a_form_is_made_once_for_everybody_with_the_same_bytes(
    inbox: Mailbox, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_mailbox(make_account(make_user("bob")), role="inbox")
    first = forms.readable_form(make_email_from_bytes(inbox, RAW), PLAIN)
    monkeypatch.setattr(forms, "_held", forms._Held())  # another process
    assert forms.readable_form(make_email_from_bytes(other, RAW), PLAIN) == first
    assert jobs == ["readable"]
    assert "<p>The harbour plan.</p>" in first.html


def test_each_way_of_showing_has_its_own_form(inbox: Mailbox, jobs: list[str]) -> None:
    email = make_email_from_bytes(inbox, RAW)
    for options in (
        PLAIN,
        FormOptions(shows_remote=True),
        FormOptions(strips_tracking=True),
        FormOptions(part_prefix="/x/"),
    ):
        forms.readable_form(email, options)
        forms.readable_form(email, options)
    assert len(jobs) == ReadableForm.objects.count() == 4


def test_a_form_of_an_earlier_make_is_made_anew_and_swept_away(
    inbox: Mailbox, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    email = make_email_from_bytes(inbox, RAW)
    forms.readable_form(email, PLAIN)
    ReadableForm.objects.update(version=FORM_VERSION - 1, data=b"old")
    monkeypatch.setattr(forms, "_held", forms._Held())
    assert forms.readable_form(email, PLAIN).html
    assert len(jobs) == 2
    ReadableForm.objects.update(version=FORM_VERSION - 1)
    assert forms.remove_old_forms() == 1


def test_forms_that_nobody_opened_for_long_are_swept_away(inbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    email = make_email_from_bytes(inbox, RAW)
    forms.readable_form(email, PLAIN)
    assert forms.remove_old_forms() == 0
    ReadableForm.objects.update(used_at=timezone.now() - forms.KEPT + timedelta(days=1))
    monkeypatch.setattr(forms, "_held", forms._Held())
    forms.readable_form(email, PLAIN)  # opened again: it stays
    assert ReadableForm.objects.get().used_at > timezone.now() - timedelta(minutes=1)
    ReadableForm.objects.update(used_at=timezone.now() - forms.KEPT - timedelta(days=1))
    assert forms.remove_old_forms() == 1


@pytest.mark.req("R42")
def test_a_message_over_the_limits_is_told_and_nothing_is_kept(inbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise LimitExceeded("memory")

    monkeypatch.setattr(forms, "run_limited", run)
    with pytest.raises(forms.Unreadable):
        forms.readable_form(make_email_from_bytes(inbox, RAW), PLAIN)
    assert not ReadableForm.objects.exists()


def test_reading_goes_on_when_nothing_can_be_written(inbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(ReadableForm.objects, "update_or_create", fail)
    assert forms.readable_form(make_email_from_bytes(inbox, RAW), PLAIN).html


def test_without_bytes_there_is_no_form(inbox: Mailbox) -> None:
    with pytest.raises(NotHere):
        forms.readable_form(make_email(inbox), PLAIN)
