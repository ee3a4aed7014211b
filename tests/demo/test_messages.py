"""The generated mail: always the same, well formed, varied, and from example domains only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from webmail.demo.addresses import IMAP_USER, POP3_USER
from webmail.demo.conversations import OWNERS, parse_conversations
from webmail.demo.messages import (
    IMAP_MESSAGE_COUNT,
    POP3_MESSAGE_COUNT,
    Planned,
    imap_messages,
    pop3_messages,
    trickle_message,
)

NOW = datetime(2026, 3, 4, 8, 15, tzinfo=UTC)

REQUIRED_KINDS = {
    "conversation", "sent", "newsletter", "receipt", "parcel", "task", "list", "digest", "junk", "draft", "invitation",
    "bounce", "nested", "flowed", "plus_address", "inline_image", "pdf", "png", "csv", "document", "cyrillic", "chinese",
    "japanese", "arabic", "greek", "latin1", "8bit", "emoji", "long_subject", "no_subject",
}  # fmt: skip

ALLOWED_DOMAIN = re.compile(r"(?:.+\.)?(?:pillarbox\.test|example|example\.(?:org|net|com))\Z")


@pytest.fixture(scope="module")
def imap_mail() -> list[Planned]:
    return imap_messages(now=NOW)


@pytest.fixture(scope="module")
def pop3_mail() -> list[Planned]:
    return pop3_messages(now=NOW)


def parse(raw: bytes) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    return message


def one_of(mail: list[Planned], kind: str) -> EmailMessage:
    return parse(next(message.raw for message in mail if message.kind == kind))


def all_text(message: EmailMessage) -> str:
    """Every header and every decoded text of a message and of those it holds."""
    pieces = []
    for part in message.walk():
        pieces += [f"{name}: {value}" for name, value in part.items()]
        if part.get_content_maintype() == "text":
            pieces.append(part.get_content())
    return "\n".join(pieces)


def test_the_same_seed_and_time_give_the_same_bytes(imap_mail: list[Planned], pop3_mail: list[Planned]) -> None:
    assert imap_messages(now=NOW) == imap_mail
    assert pop3_messages(now=NOW) == pop3_mail
    assert imap_messages(now=NOW, seed=7) != imap_mail


@pytest.mark.parametrize("days", [0, 100, 200, 300])
def test_counts_and_dates_hold_at_any_time_of_year(days: int) -> None:
    now = NOW + timedelta(days=days, hours=days % 24)
    imap, pop3 = imap_messages(now=now), pop3_messages(now=now)
    assert (len(imap), len(pop3)) == (IMAP_MESSAGE_COUNT, POP3_MESSAGE_COUNT)
    for message in imap + pop3:
        assert timedelta(0) <= now - message.at <= timedelta(days=560), message.kind
    assert [message.at for message in imap] == sorted(message.at for message in imap)


def test_every_kind_is_there(imap_mail: list[Planned]) -> None:
    assert {message.kind for message in imap_mail} >= REQUIRED_KINDS


def test_every_message_parses_without_defects(imap_mail: list[Planned], pop3_mail: list[Planned]) -> None:
    for planned in imap_mail + pop3_mail:
        message = parse(planned.raw)
        for part in message.walk():
            assert not part.defects, (planned.kind, part.defects)
            if part.get_content_maintype() == "text" and not part.is_multipart():
                assert part.get_content() is not None
        assert b"\r\n\r\n" in planned.raw
        assert b"\n" not in planned.raw.replace(b"\r\n", b"")
        assert max(len(line) for line in planned.raw.split(b"\r\n")) <= 998


def test_message_ids_are_unique_and_references_lead_to_known_ones(imap_mail: list[Planned]) -> None:
    messages = [parse(planned.raw) for planned in imap_mail]
    ids = [message["Message-ID"] for message in messages]
    assert len(set(ids)) == len(ids)
    replies = [message for message in messages if message["References"]]
    assert len(replies) > 60
    for message in replies:
        assert set(message["References"].split()) <= set(ids)
        assert message["References"].split()[-1] == message["In-Reply-To"]


def test_threads_contain_the_owners_own_sent_replies(imap_mail: list[Planned]) -> None:
    sent = [parse(planned.raw) for planned in imap_mail if planned.mailbox == "Sent"]
    assert len(sent) > 20
    assert all(IMAP_USER in message["From"] for message in sent)
    assert sum(bool(message["In-Reply-To"]) for message in sent) > 20


def test_only_example_domains_appear(imap_mail: list[Planned], pop3_mail: list[Planned]) -> None:
    for planned in imap_mail + pop3_mail:
        text = all_text(parse(planned.raw))
        hosts = re.findall(r"https?://([A-Za-z0-9.-]+)", text) + re.findall(r"[\w.+-]+@([A-Za-z0-9.-]+[a-z])", text)
        for host in hosts:
            assert ALLOWED_DOMAIN.match(host.rstrip(".")), (planned.kind, host)


@pytest.mark.parametrize(
    ("kind", "subject", "charset", "words"),
    [
        ("cyrillic", "Фотографии лодок", "windows-1251", "ночи у нас светлые"),
        ("chinese", "关于渔船展览", "gb18030", "茶已经准备好了"),
        ("japanese", "展示のお礼", "iso-2022-jp", "楽しみにしております"),
        ("arabic", "شكرا على الصور", "utf-8", "نور حداد"),
        ("greek", "Ο εξάντας έφτασε", "iso-8859-7", "Ηλίας"),
        ("latin1", "Relevés de marée", "iso-8859-1", "À bientôt"),
        ("emoji", "🎉 Opening night 🎉", "utf-8", "👩🏽‍🎨"),
    ],
)
def test_scripts_survive_their_charsets(
    imap_mail: list[Planned], kind: str, subject: str, charset: str, words: str
) -> None:
    message = one_of(imap_mail, kind)
    assert message["Subject"] == subject
    assert message.get_content_charset() == charset
    assert words in message.get_content()


def test_attachments_are_real_files(imap_mail: list[Planned]) -> None:
    contents: dict[str | None, bytes] = {}
    for kind in ("pdf", "png", "csv", "document"):
        for part in one_of(imap_mail, kind).iter_attachments():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            contents[part.get_filename()] = payload
    assert contents["floor-plan.pdf"].startswith(b"%PDF-1.4")
    assert contents["pier.png"].startswith(b"\x89PNG\r\n\x1a\n")
    assert contents["visitors.csv"].startswith(b"month,visitors")
    assert contents["Begrüßung und Ablauf.docx"].startswith(b"PK")
    assert contents["note.txt"].startswith(b"June was sunny")


def test_special_structures_are_what_they_claim(imap_mail: list[Planned]) -> None:
    assert "METHOD:REQUEST" in all_text(one_of(imap_mail, "invitation"))
    assert one_of(imap_mail, "bounce").get_content_type() == "multipart/report"
    assert any(part.get_content_type() == "multipart/digest" for part in one_of(imap_mail, "digest").walk())
    assert any(part.get_content_type() == "message/rfc822" for part in one_of(imap_mail, "nested").walk())
    assert one_of(imap_mail, "flowed").get_param("format") == "flowed"
    assert "+ferry@" in one_of(imap_mail, "plus_address")["To"]
    assert one_of(imap_mail, "list")["List-Id"].endswith("<small-boats.lists.saltmarsh.example>")
    assert 'src="cid:evening@harbourhouse.example"' in all_text(one_of(imap_mail, "inline_image"))
    newsletter = one_of(imap_mail, "newsletter").get_body(("html",))
    assert newsletter is not None
    assert "<table" in newsletter.get_content()
    assert 'img src="https://' in newsletter.get_content()


def test_flags_are_mixed_and_most_mail_is_read(imap_mail: list[Planned]) -> None:
    inbox = [message for message in imap_mail if message.mailbox == "INBOX"]
    unread = [message for message in inbox if "\\Seen" not in message.flags]
    assert 3 <= len(unread) <= len(inbox) // 3
    assert any("\\Flagged" in message.flags for message in inbox)
    assert any("\\Answered" in message.flags for message in inbox)
    assert {"INBOX", "Sent", "Drafts", "Junk", "Archive", "Receipts"} <= {message.mailbox for message in imap_mail}


def test_a_trickled_message_is_new_each_time() -> None:
    first = parse(trickle_message(0, user=POP3_USER, now=NOW))
    second = parse(trickle_message(1, user=POP3_USER, now=NOW))
    assert POP3_USER in first["To"]
    assert first["Message-ID"] != second["Message-ID"]


@pytest.mark.parametrize("source", ["no title", "## A | INBOX | x\n@me +1\nhi", "## A | INBOX | 3\n@stranger +0\nhi"])
def test_a_conversation_that_is_written_wrongly_is_refused(source: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse_conversations(source, owner=OWNERS["imap"], now=NOW)
