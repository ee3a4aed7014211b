"""The fixed mailbox of the search tables: mail in several languages and scripts, with files, labels and two accounts.

Every message has a short name, its Message-ID before the @. All texts are made up for these tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import MailAccount, User
from tests import factories
from webmail.mime.digest import make_digest
from webmail.mime.parse import parse_message
from webmail.store import consistency, ingest
from webmail.store.models import Label, Mailbox

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 18, 11, 0, tzinfo=UTC)  # a Wednesday, noon in Berlin
ME = "Alice Archer <alice@home.example>"
ANNA, BEN = "Anna Berg <anna@shop.example>", "Ben Carter <ben@mail.work.example>"
MULLER = "Jürgen Müller <j.mueller@bau.example>"
CLARA = "Clara Anna Diaz <clara@work.example>"


@dataclass(frozen=True)
class Letter:
    """One message: where it lies, who wrote it, and what is in it. `at`: days before NOW, or a moment."""

    name: str
    sender: str
    subject: str
    text: str = ""
    at: float | datetime = 40
    to: str = ME
    box: str = "inbox"
    flags: str = ""
    size: int = 3_000
    html: str = ""
    files: tuple[tuple[str, str], ...] = ()
    head: tuple[tuple[str, str], ...] = ()
    cc: str = ""
    bcc: str = ""

    def raw(self) -> bytes:
        """Its bytes."""
        message = EmailMessage()
        heads = (("From", self.sender), ("To", self.to), ("Cc", self.cc), ("Bcc", self.bcc), ("Subject", self.subject))
        for name, value in (*heads, ("Message-ID", f"<{self.name}@search.test>"), *self.head):
            if value:
                message[name] = value
        message.set_content(self.text or "-")
        if self.html:
            message.add_alternative(self.html, subtype="html")
        for name, type_ in self.files:
            main, _slash, sub = type_.partition("/")
            message.add_attachment(b"content", maintype=main, subtype=sub, filename=name)
        return message.as_bytes()


def _day(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN)


LETTERS = (
    # Words, stems, prefixes
    Letter("invoice1", ANNA, "Invoice 2041", "Please find the invoice for your order of garden chairs. You have 14 days.", flags="$seen"),
    Letter("invoices", ANNA, "Your invoices", "All the invoices of this year are attached to the portal and you can get them.", flags="$seen"),
    Letter("rechnung", MULLER, "Rechnung für März", "Guten Tag, die Rechnung für das Dach ist fällig und wir bitten um Zahlung.", flags="$flagged"),
    Letter("rechnungen", MULLER, "Alte Rechnungen", "Wir haben die Rechnungen für Sie noch einmal geprüft und es ist alles bezahlt."),
    Letter("party", BEN, "Party on Friday", "We are having a party at the old mill and you are invited. Bring a partner.", flags="$answered"),
    Letter("art", CLARA, "Art class", "The art class is moved to the small room and we start at 10:30 for all of you."),
    Letter("running", BEN, "Running shoes", "She was running in the park and the shoes are not for rain."),
    Letter("run", BEN, "A run at noon", "Do you want to go for a run with us? The weather is good and we have the time."),
    Letter("houses", CLARA, "Häuser am See", "Die Häuser am See sind nicht teuer und das Haus mit dem Garten ist frei."),
    Letter("maison", "Léa Dupont <lea@poste.example>", "Réunion à l'école", "Bonjour, la réunion est à l'école et les élèves sont invités pour le goûter."),
    Letter("ecoles", "Léa Dupont <lea@poste.example>", "Les écoles", "Les écoles de la ville sont fermées et nous sommes dans le jardin."),
    Letter("manana", "José Peña <jose@correo.example>", "Mañana", "Hola, mañana no puedo ir a la oficina pero el informe está en tu mesa con las facturas."),
    Letter("cafe", ANNA, "Café crème", "The café on the corner is open and they have a crème brûlée."),
    Letter("resume", CLARA, "Résumé", "Please read my resume before you call."),
    Letter("strasse", MULLER, "Straße gesperrt", "Die Straße vor dem Büro ist gesperrt, bitte fahren Sie nicht mit dem Auto."),
    # Phrases, nearness
    Letter("bridge1", BEN, "Bridge works", "The old stone bridge over the river will be closed."),
    Letter("bridge2", BEN, "Stones", "A bridge of wood, and far from it, behind the hill and the mill, an old wall of stone."),
    Letter("email", CLARA, "E-mail address", "Send it by e-mail, not by post. Don't wait."),
    Letter("emails", CLARA, "No dash", "Send an email or two; the mail room is closed."),
    Letter("signed", ANNA, "Terms", "Kind regards from the whole team."),
    Letter("regards", ANNA, "Regards", "She regards it as a kind of joke."),
    # Scripts
    Letter("kaigi", "山田太郎 <yamada@kaisha.example>", "会議のお知らせ", "明日の会議は第三会議室で行います。資料を持ってきてください。"),
    Letter("kaisha", "山田太郎 <yamada@kaisha.example>", "会社の旅行", "来月の旅行は京都です。ガイドブックを買いました。"),
    Letter("beijing", "王芳 <wang@gongsi.example>", "项目报告", "请查看附件中的项目报告，谢谢。北京办公室"),
    Letter("korean", "김민수 <kim@hoesa.example>", "회의록 공유", "어제 회의에서 정한 내용을 보냅니다."),
    Letter("arabic", "سارة <sara@bareed.example>", "اجتماع الفريق", "مرحبا، الاجتماع غدا في المكتب مع التقارير."),
    Letter("hebrew", "נועה <noa@doar.example>", "פגישה מחר", "שלום, הפגישה מחר בבוקר במשרד."),
    Letter("russian", "Иван Петров <ivan@pochta.example>", "Счёт за март", "Здравствуйте, это счёт за март, и мы ждём оплаты на этой неделе."),
    Letter("russian2", "Иван Петров <ivan@pochta.example>", "Новые книги", "Мы купили новые книги для библиотеки и не знаем, как быть."),
    Letter("greek", "Νίκος <nikos@tachydromeio.example>", "Συνάντηση", "Η συνάντηση είναι αύριο στις πέντε."),
    Letter("thai", "สมชาย <somchai@mail.example>", "ประชุมวันจันทร์", "พรุ่งนี้มีประชุมที่สำนักงาน"),
    Letter("hindi", "राम <ram@dak.example>", "बैठक", "कल दफ़्तर में बैठक है।"),
    # People
    Letter("toanna", ME, "For Anna", "Shall we meet on the boat?", to=ANNA, box="sent", flags="$seen"),
    Letter("toben", ME, "For Ben and Clara", "Boat is full.", to=BEN, cc=CLARA, box="sent", flags="$seen"),
    Letter("hidden", ME, "In secret", "Nobody knows.", to=BEN, bcc="Dora Quill <dora@secret.example>", box="sent", flags="$seen"),
    Letter("annabel", "Annabel Lee <annabel@poems.example>", "By the sea", "It was many and many a year ago in a kingdom of sand."),
    Letter("delivered", BEN, "To an alias", "Sent to the alias.", head=(("Delivered-To", "shop+news@alias.example"), ("X-Original-To", "news@alias.example"))),
    Letter("mention", BEN, "About somebody", "I think that Alice Archer can do it best."),
    Letter("mention2", CLARA, "Ask her", "Write to alice@home.example and she will know."),
    Letter("list", "Robot <robot@lists.example>", "[dev] Weekly digest", "Three patches were merged.", head=(("List-Id", "Developers <dev.lists.example>"), ("Precedence", "list")), flags="$muted"),
    # Files and links
    Letter("pdf", ANNA, "Contract", "See the file.", files=(("Vertrag_2026.pdf", "application/pdf"),), size=6_000_000),
    Letter("picture", CLARA, "Holiday", "Some pictures.", files=(("Strand.JPG", "image/jpeg"), ("beach2.png", "image/png")), size=900_000),
    Letter("doc", BEN, "Draft of the report", "Comments are welcome.", files=(("report.docx", "application/octet-stream"),)),
    Letter("sheet", BEN, "Figures", "Numbers inside.", files=(("Budget.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),)),
    Letter("slides", BEN, "Talk", "My slides.", files=(("talk.odp", "application/vnd.oasis.opendocument.presentation"),)),
    Letter("audio", CLARA, "Voice", "Listen.", files=(("memo", "audio/mpeg"),)),
    Letter("video", CLARA, "Clip", "Watch.", files=(("clip.mp4", "video/mp4"),)),
    Letter("zip", ANNA, "Backup", "All of it.", files=(("photos-2025.tar.gz", "application/gzip"),)),
    Letter("invite", BEN, "Lunch?", "An invitation.", files=(("invite.ics", "text/calendar"),)),
    Letter("link", ANNA, "Look at this", "The page is at https://example.org/chairs now."),
    Letter("linkhtml", ANNA, "Sale", "Sale!", html='<p>Sale! <a href="https://shop.example/sale">Look</a></p>'),
    # Headers
    Letter("mailer", BEN, "From a phone", "Short.", head=(("X-Mailer", "Apple Mail (2.3654)"), ("X-Priority", "1"))),
    Letter("spamhead", "Lucky <lucky@win.example>", "You won", "Claim your prize.", head=(("X-Spam-Flag", "YES"),), box="junk"),
    # States and places
    Letter("trashed", ANNA, "Old invoice", "This invoice was wrong.", box="trash", flags="$seen"),
    Letter("archived", CLARA, "Minutes 2019", "Minutes of the harbour meeting.", box="archive", flags="$seen", at=_day(2019, 5, 6)),
    Letter("draft", ME, "Unfinished", "Dear harbour master,", to=BEN, box="drafts", flags="$draft $seen"),
    Letter("needs", BEN, "To be done", "Paint the harbour wall.", box="needs", flags="$seen $forwarded"),
    Letter("labelled", BEN, "Project plan", "Milestones of the project.", flags="$seen work $important"),
    Letter("office", CLARA, "Office move", "The harbour office moves.", box="office", to="Alice <alice@office.example>", flags="$seen travel"),
    # Dates
    Letter("today", BEN, "Dated today", "dated letter", at=_day(2026, 3, 18, 0, 5)),
    Letter("yesterday", BEN, "Dated yesterday", "dated letter", at=_day(2026, 3, 17, 23, 55)),
    Letter("monday", BEN, "Dated Monday", "dated letter", at=_day(2026, 3, 16)),
    Letter("march1", BEN, "Dated 1 March", "dated letter", at=_day(2026, 3, 1, 0, 0)),
    Letter("feb", BEN, "Dated in February", "dated letter", at=_day(2026, 2, 28, 23, 59)),
    Letter("year2024", BEN, "Dated 2024", "dated letter", at=_day(2024, 7, 1)),
)  # fmt: skip


@dataclass
class SearchWorld:
    """alice, her two accounts, and which message is which."""

    alice: User
    home: MailAccount
    office: MailAccount
    mailboxes: dict[str, Mailbox]
    ids: dict[int, str]


@pytest.fixture
def search_world(db: None) -> Iterator[SearchWorld]:
    """The mailbox, indexed as workers do it."""
    alice = factories.make_user()
    alice.name = "Alice Archer"
    alice.save()
    home = factories.make_account(alice, address="alice@home.example")
    office = factories.make_account(alice, address="alice@office.example")
    home.name, office.name = "Home", "Office North"
    home.save()
    office.save()
    roles = ("inbox", "sent", "drafts", "archive", "junk", "trash")
    mailboxes = {role: factories.make_mailbox(home, role.title(), role=role) for role in roles}
    mailboxes["needs"] = factories.make_mailbox(home, "Needs action")
    mailboxes["office"] = factories.make_mailbox(office, "Inbox", role="inbox")
    Label.objects.create(user=alice, name="Work", keyword="work")
    Label.objects.create(user=alice, name="Long trip", keyword="travel")
    ids = {}
    for letter in LETTERS:
        box = mailboxes[letter.box]
        (pk,) = ingest.ingest_emails(box.account_id, [_item(letter, box)])
        ids[pk] = letter.name
    yield SearchWorld(alice, home, office, mailboxes, ids)
    assert consistency.check_account(home.pk) == []
    assert consistency.check_account(office.pk) == []


def _item(letter: Letter, box: Mailbox) -> ingest.NewEmail:
    message = parse_message(letter.raw())
    digest = make_digest(message)
    at = letter.at if isinstance(letter.at, datetime) else NOW - timedelta(days=letter.at)
    fields: dict[str, Any] = {
        name: getattr(digest, name)
        for name in ("preview", "has_attachment", "search_text", "search_marks", "file_names", "written")
    }
    item = factories.make_item(
        box,
        headers=message.list_headers,
        keywords=letter.flags.split(),
        size_bytes=letter.size,
        is_indexed=True,
        **fields,
    )
    return ingest.NewEmail(**{**vars_of(item), "received_at": at.astimezone(UTC)})


def vars_of(item: ingest.NewEmail) -> dict[str, Any]:
    """The fields of an item."""
    return {name: getattr(item, name) for name in item.__dataclass_fields__}
