"""Writing a message: begun, saved, filled with files, sent, taken back; nothing typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Identity, User
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.writing import drafts
from webmail.store.models import Email

pytestmark = pytest.mark.django_db

RAW = (
    b"From: Ben <ben@example.net>\r\nTo: box@example.org, carl@example.net\r\nSubject: Plan\r\n"
    b"Message-ID: <plan@example.net>\r\nDate: Tue, 3 Mar 2026 12:00:00 +0000\r\n\r\nShall we?\r\n"
)


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def make_draft(user: User, **fields: Any) -> Draft:
    draft = drafts.create_draft(make_account(user))
    if fields:
        return drafts.save_draft(draft, fields=drafts.DraftFields(**fields), expected_revision=None)
    return draft


def form_of(draft: Draft, **changes: Any) -> dict[str, Any]:
    assert draft.identity is not None
    return {
        "identity": draft.identity.public_id,
        "to": draft.to,
        "cc": draft.cc,
        "bcc": draft.bcc,
        "subject": draft.subject,
        "text": draft.text,
        "revision": draft.revision,
        "key": "key-1",
        **changes,
    }


def post(client: Client, draft: Draft, act: str, **changes: Any):
    return client.post(reverse("compose", args=[draft.public_id]), form_of(draft, act=act, **changes))


def test_write_begins_a_draft_and_opens_its_page(client: Client, alice: User) -> None:
    make_account(alice)
    answer = client.post(
        reverse("compose_new"), {"to": "ben@example.net"}, headers={"Referer": "http://testserver/mail/sent"}
    )
    draft = Draft.objects.get()
    assert answer["Location"] == reverse("compose", args=[draft.public_id]) + "?back=%2Fmail%2Fsent"
    page = body_of(client.get(answer["Location"]))
    assert 'value="ben@example.net"' in page
    assert 'name="back" value="/mail/sent"' in page


def test_without_a_mailbox_writing_leads_to_connecting_one(client: Client) -> None:
    assert client.post(reverse("compose_new"))["Location"] == reverse("connect")


def test_a_reply_names_the_sender_and_quotes(client: Client, alice: User) -> None:
    email = make_email_from_bytes(make_mailbox(make_account(alice), role="inbox"), RAW)
    answer = client.post(reverse("compose_new"), {"mode": "reply", "email": email.public_id})
    page = body_of(client.get(answer["Location"]))
    assert "ben@example.net" in page
    assert "Re: Plan" in page
    assert "> Shall we?" in page


def test_reply_all_takes_the_others_too_and_forward_takes_nobody(client: Client, alice: User) -> None:
    email = make_email_from_bytes(make_mailbox(make_account(alice), role="inbox"), RAW)
    client.post(reverse("compose_new"), {"mode": "reply_all", "email": email.public_id})
    client.post(reverse("compose_new"), {"mode": "forward", "email": email.public_id})
    forward, reply_all = Draft.objects.all()[:2]
    assert "carl@example.net" in reply_all.to + reply_all.cc
    assert (forward.to, forward.is_forward) == ("", True)


def test_forwarding_a_message_that_is_not_here_yet_asks_for_it(client: Client, alice: User) -> None:
    email = make_email(make_mailbox(make_account(alice), role="inbox"))
    answer = client.post(reverse("compose_new"), {"mode": "forward", "email": email.public_id})
    assert answer["Location"] == reverse("inbox")
    assert Email.objects.get(pk=email.pk).body_wanted_at is not None
    assert not Draft.objects.exists()


def test_nobody_answers_mail_of_others(client: Client) -> None:
    email = make_email(make_mailbox(make_account(make_user("bob")), role="inbox"))
    assert client.post(reverse("compose_new"), {"mode": "reply", "email": email.public_id}).status_code == 404


def test_saving_keeps_half_finished_addresses(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    answer = post(client, draft, "save", to="ben@", subject="Plan", text="One\r\nTwo")
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert (draft.to, draft.subject, draft.text) == ("ben@", "Plan", "One\nTwo")


def test_autosave_answers_with_the_next_revision(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    address = reverse("compose_save", args=[draft.public_id])
    answer = client.post(address, form_of(draft, subject="Plan"))
    assert answer.json()["revision"] == draft.revision + 1
    assert Draft.objects.get().subject == "Plan"


@pytest.mark.req("R77")
def test_autosave_in_a_second_window_overwrites_nothing(client: Client, alice: User) -> None:
    draft = make_draft(alice, subject="First")
    drafts.save_draft(draft, fields=drafts.DraftFields(subject="Second"), expected_revision=None)
    answer = client.post(reverse("compose_save", args=[draft.public_id]), form_of(draft, subject="Mine"))
    assert answer.status_code == 409
    assert Draft.objects.get().subject == "Second"


@pytest.mark.req("R77")
def test_a_conflict_shows_both_versions_and_keeps_mine_as_a_second_draft(client: Client, alice: User) -> None:
    draft = make_draft(alice, text="old")
    drafts.save_draft(draft, fields=drafts.DraftFields(text="of the other window"), expected_revision=None)
    answer = post(client, draft, "save", text="typed here")
    assert answer.status_code == 409
    page = body_of(answer)
    assert "typed here" in page
    assert "of the other window" in page
    assert f'name="revision" value="{draft.revision}"' in page
    answer = post(client, draft, "fork", text="typed here")
    assert answer.status_code == 302
    assert {one.text for one in Draft.objects.all()} == {"typed here", "of the other window"}


def test_sending_takes_the_draft_and_offers_undo_on_the_next_page(client: Client, alice: User, settings: Any) -> None:
    settings.UNDO_SEND_S = 10
    draft = make_draft(alice)
    answer = post(client, draft, "send", to="ben@example.net", subject="Plan", text="Hi", back="/mail/sent")
    assert answer["Location"] == "/mail/sent"
    submission = Submission.objects.get()
    assert (submission.phase, submission.subject) == (Phase.HELD, "Plan")
    assert not Draft.objects.exists()
    page = body_of(client.get(answer["Location"]))
    assert re.search(
        r'Sending to ben@example\.net in <span data-countdown="(9\.\d|10\.0)" data-bare aria-live="off">(9|10)</span> s\.',
        page,
    )
    assert reverse("outbox_act", args=[submission.public_id]) in page
    answer = client.post(reverse("outbox_act", args=[submission.public_id]), {"act": "cancel"})
    back = Draft.objects.get()
    assert answer["Location"] == reverse("compose", args=[back.public_id])
    assert (back.to, back.text) == ("ben@example.net", "Hi")


def test_a_second_click_on_send_sends_once(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    first = post(client, draft, "send", to="ben@example.net")
    second = post(client, draft, "send", to="ben@example.net")
    assert first.status_code == second.status_code == 302
    assert Submission.objects.count() == 1


def test_every_bad_address_is_named_next_to_its_field_and_the_text_stays(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    answer = post(client, draft, "send", to="ben@example.net, carl@", cc="dora", text="Long letter")
    assert answer.status_code == 422
    page = body_of(answer)
    assert "“carl@”" in page
    assert "“dora”" in page
    assert "Nobody to send to" not in page
    assert "Long letter" in page
    assert 'id="id_to_error"' in page
    assert 'id="id_cc_error"' in page
    assert Draft.objects.get().text == "Long letter"
    assert not Submission.objects.exists()


def test_after_a_refusal_the_corrected_form_is_sent(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    post(client, draft, "send", to="carl@")
    revision = Draft.objects.get().revision
    answer = post(client, draft, "send", to="carl@example.net", revision=revision)
    assert answer.status_code == 302
    assert Submission.objects.count() == 1


def test_sending_to_nobody_is_said_at_the_field(client: Client, alice: User) -> None:
    answer = post(client, make_draft(alice), "send")
    assert answer.status_code == 422
    assert "Nobody to send to yet" in body_of(answer)


def test_an_account_without_outgoing_server_says_so(client: Client, alice: User) -> None:
    draft = drafts.create_draft(make_account(alice, outgoing_host="", outgoing_port=None))
    answer = post(client, draft, "send", to="ben@example.net")
    assert answer.status_code == 422
    assert "no server for outgoing mail" in body_of(answer)


def test_files_are_attached_without_scripts_and_removed(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    file = SimpleUploadedFile("plan.txt", b"plan", content_type="text/plain")
    answer = post(client, draft, "attach", files=file, text="typed")
    page = body_of(client.get(answer["Location"]))
    assert "plan.txt" in page
    assert Draft.objects.get().text == "typed"
    attached = draft.attachments.get()
    current = Draft.objects.get()
    fields = form_of(current, remove=attached.public_id)
    client.post(reverse("compose", args=[draft.public_id]), fields)
    assert not draft.attachments.exists()


def test_a_script_gets_the_list_of_files_back(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    file = SimpleUploadedFile("plan.txt", b"plan", content_type="text/plain")
    answer = client.post(reverse("compose_files", args=[draft.public_id]), {"files": file})
    assert answer.status_code == 200
    assert "plan.txt" in body_of(answer)
    assert "<html" not in body_of(answer)


def test_a_file_beyond_the_limit_is_refused_in_words(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webmail.outbox.writing.room.MAX_FILES_BYTES", 3)
    draft = make_draft(alice)
    file = SimpleUploadedFile("plan.txt", b"plan", content_type="text/plain")
    answer = client.post(reverse("compose_files", args=[draft.public_id]), {"files": file})
    assert answer.status_code == 422
    assert "Remove a file or send a link" in body_of(answer)
    assert not draft.attachments.exists()


def test_choosing_an_address_of_another_account_moves_the_draft_there(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    drafts.add_attachment(draft, name="plan.txt", type="text/plain", raw=b"plan")
    other = make_account(alice, address="work@example.com")
    sender = Identity.objects.get(account=other)
    answer = post(client, draft, "send", to="ben@example.net", identity=sender.public_id)
    assert answer.status_code == 302
    submission = Submission.objects.get()
    assert submission.account == other
    assert submission.mail_from == "work@example.com"
    assert submission.message_id.endswith("example.com")


def test_nobody_sends_from_an_address_of_others(client: Client, alice: User) -> None:
    foreign = Identity.objects.get(account=make_account(make_user("bob")))
    answer = post(client, make_draft(alice), "send", to="ben@example.net", identity=foreign.public_id)
    assert answer.status_code == 422
    assert not Submission.objects.exists()


def test_discarding_goes_back_to_where_one_came_from(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    answer = post(client, draft, "discard", back="https://evil.example/mail/inbox")
    assert answer["Location"] == reverse("inbox")
    assert not Draft.objects.exists()


def test_text_posted_for_a_draft_that_is_gone_is_given_back(client: Client, alice: User) -> None:
    draft = make_draft(alice)
    drafts.discard_draft(draft)
    answer = post(client, draft, "save", text="Long letter")
    assert answer.status_code == 404
    assert "Long letter" in body_of(answer)


@pytest.mark.req("R56")
@pytest.mark.parametrize("name", ["compose", "compose_save", "compose_files"])
def test_drafts_of_others_are_not_there(name: str, alice: User) -> None:
    draft = make_draft(alice, text="secret text")
    bob = client_of(make_user("bob"))
    address = reverse(name, args=[draft.public_id])
    if name == "compose":
        assert bob.get(address).status_code == 404
    answer = bob.post(address, form_of(draft, act="discard"))
    assert answer.status_code in (404, 410)
    assert Draft.objects.filter(pk=draft.pk).exists()
    assert Client().post(address)["Location"].startswith(reverse("account_login"))


@pytest.mark.req("R9")
def test_what_a_draft_holds_is_escaped(client: Client, alice: User) -> None:
    draft = make_draft(alice, subject=MARKER, text=f"</textarea>{MARKER}", to=MARKER)
    drafts.add_attachment(draft, name=f"{MARKER}.txt", type="text/plain", raw=b"plan")
    page = client.get(reverse("compose", args=[draft.public_id])).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
