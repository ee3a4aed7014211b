"""One message of each kind a mail reader must show: scripts and charsets, attachments, invitations, reports, nesting.

Each specimen is content with its sender and subject; dates, ids and flags are given by `messages`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from webmail.demo.addresses import IMAP_USER, MTA_NAME
from webmail.demo.attachments import make_csv, make_document, make_invitation, make_pdf, make_png
from webmail.demo.mailing_list import LIST_ADDRESS, LIST_HEADERS
from webmail.demo.mime_builder import (
    Part,
    alternative,
    binary_part,
    build_message,
    message_part,
    mixed,
    related,
    text_part,
)

DUSK = (38, 52, 92)
SAND = (236, 176, 120)
SEA = (24, 96, 120)
FOAM = (190, 222, 222)


@dataclass(frozen=True)
class Specimen:
    """A message to be dated. `charset` is that of its header; `extra` are further header lines."""

    kind: str
    name: str
    address: str
    subject: str
    content: Part
    days_ago: int
    charset: str = "utf-8"
    extra: tuple[tuple[str, str], ...] = ()
    to: str = IMAP_USER
    mailbox: str = "INBOX"
    flags: tuple[str, ...] = ("\\Seen",)


def specimens(now: datetime) -> list[Specimen]:
    """All specimens of the IMAP mailbox. `now` is aware."""
    return [*written_languages(), *with_attachments(), *structured(now), *unusual()]


def written_languages() -> list[Specimen]:
    """Scripts, each in a charset and encoding people still use."""
    russian = (
        "Дорогой Робин!\n\nМы получили ваши фотографии лодок. Самая старая из них построена в Архангельске, это видно\n"
        "по форме кормы. Приезжайте летом, ночи у нас светлые.\n\nС уважением,\nОльга Петрова\n"
    )
    chinese = "罗宾你好：\n\n谢谢你寄来的海图。我们博物馆下个月有一个关于渔船的展览，\n希望你能来看看。茶已经准备好了。\n\n陈伟\n"
    japanese = "ロビン様\n\n先日はお手紙をいただき、ありがとうございました。\n網の展示はとても好評です。来月お会いできるのを楽しみにしております。\n\n田中ゆき\n"
    arabic = "عزيزي روبن،\n\nوصلت الصور والأطفال سعداء جدا. علقنا صورة القارب الكبير في الصف.\nشكرا لك ولكل من عمل معك.\n\nنور حداد\n"
    greek = "Αγαπητέ Ρόμπιν,\n\nο εξάντας έφτασε καλά στο μουσείο. Η θάλασσα ήταν ήρεμη και το πλοίο στην ώρα του.\n\nΗλίας\n"
    french = "Cher Robin,\n\nles relevés de la marée sont arrivés. Ils sont très beaux, même les taches de café.\n\nÀ bientôt,\nColette\n"
    german = "Lieber Robin,\n\nschöne Grüße aus Lübeck! Die Kähne heißen hier übrigens »Prähme«.\n\nViele Grüße\nJörg Süßmilch\n"
    emoji = "Opening night was a triumph 🎉🚣‍♀️\n\nThe small one fell asleep on the herring barrel 😴. Best photo so far: 👩🏽‍🎨 and her drawing.\n\nSam\n"
    return [
        Specimen(
            "cyrillic", "Ольга Петрова", "olga.petrova@volna.example", "Фотографии лодок",
            text_part(russian, charset="windows-1251"), 4, charset="windows-1251", flags=(),
        ),
        Specimen(
            "chinese", "陈伟", "chen.wei@haitu.example", "关于渔船展览",
            text_part(chinese, charset="gb18030", encoding="base64"), 16, charset="gb18030",
        ),
        Specimen(
            "japanese", "田中ゆき", "yuki.tanaka@kaigan.example", "展示のお礼",
            text_part(japanese, charset="iso-2022-jp", encoding="7bit"), 21, charset="iso-2022-jp",
        ),
        Specimen(
            "arabic", "نور حداد", "noor.haddad@marsa.example", "شكرا على الصور",
            text_part(arabic, encoding="base64"), 28, flags=("\\Seen", "\\Flagged"),
        ),
        Specimen(
            "greek", "Ηλίας Παπαδάκης", "elias@papadakis.example", "Ο εξάντας έφτασε",
            text_part(greek, charset="iso-8859-7"), 39, charset="iso-8859-7",
        ),
        Specimen(
            "latin1", "Colette Aubry", "colette@aubry.example", "Relevés de marée",
            text_part(french, charset="iso-8859-1"), 44, charset="iso-8859-1",
        ),
        Specimen(
            "8bit", "Jörg Süßmilch", "joerg@suessmilch.example", "Grüße aus Lübeck",
            text_part(german, encoding="8bit"), 58,
        ),
        Specimen(
            "emoji", "Sam Adeyemi", "sam.adeyemi@example.org", "🎉 Opening night 🎉",
            text_part(emoji, encoding="base64"), 72, flags=("\\Seen", "\\Flagged"),
        ),
    ]  # fmt: skip


def with_attachments() -> list[Specimen]:
    """Files of several kinds, and a picture inside of HTML."""
    plan = make_pdf("Floor plan, ground floor", ["Room 1: Arrival", "Room 2: Projection", "Room 3: Herring", "Exit"])
    visitors = make_csv([("month", "visitors", "of them children"), ("May", "1204", "318"), ("June", "1533", "402")])
    draft = make_document(["Welcome speech", "Good evening, friends of the harbour.", "Please mind the rope."])
    photo = make_png(320, 200, top=DUSK, bottom=SAND)
    logo = make_png(200, 80, top=SEA, bottom=FOAM)
    card = (
        '<div style="font-family:Georgia,serif"><p>Dear Robin,</p><p>this was the view when we closed the shed last night:'
        '</p><p><img src="cid:evening@harbourhouse.example" width="320" height="200" alt="Evening light over the quay">'
        "</p><p>Priya</p></div>\n"
    )
    card_plain = "Dear Robin,\n\nthis was the view when we closed the shed last night.\n\nPriya\n"
    lena, priya = ("Lena Brandt", "lena.brandt@harbourhouse.example"), ("Priya Nair", "priya.nair@harbourhouse.example")
    return [
        Specimen(
            "pdf", "Mateo Ruiz", "mateo@ruizstudio.example", "Floor plan, last version",
            mixed(
                text_part("Hello Robin,\n\nthis is the plan the printer needs. Nothing will move any more, I promise.\n\nMateo\n"),
                binary_part(plan, "application/pdf", filename="floor-plan.pdf"),
            ), 1, flags=("\\Flagged",),
        ),
        Specimen(
            "csv", *lena, "Visitors in May and June",
            mixed(
                text_part("The numbers you asked for, as a table and as a note.\n"),
                binary_part(visitors, "text/csv", filename="visitors.csv"),
                text_part("June was sunny. That explains most of it.\n", disposition='attachment; filename="note.txt"'),
            ), 10,
        ),
        Specimen(
            "document", *lena, "Welcome speech, please correct",
            mixed(
                text_part("Be merciless. Anything over three minutes has to go.\n"),
                binary_part(
                    draft, "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                    filename="Begrüßung und Ablauf.docx",
                ),
            ), 7, flags=("\\Seen", "\\Answered"),
        ),
        Specimen(
            "png", "Sam Adeyemi", "sam.adeyemi@example.org", "Sunset from the pier",
            mixed(text_part("No filter. Well, some fog.\n"), binary_part(photo, "image/png", filename="pier.png")), 26,
        ),
        Specimen(
            "inline_image", *priya, "View from the shed",
            alternative(
                text_part(card_plain),
                related(
                    text_part(card, subtype="html"),
                    binary_part(photo, "image/png", filename="evening.png", content_id="evening@harbourhouse.example"),
                ),
            ), 13,
        ),
        Specimen(
            "logo", "Whitlock Print", "studio@whitlockprint.example", "Your proofs are ready",
            related(
                text_part(
                    '<table style="font-family:sans-serif"><tr><td><img src="cid:logo@whitlockprint.example" alt="Whitlock '
                    'Print"></td></tr><tr><td>Dear Robin,<br>the proofs can be seen until Friday.</td></tr></table>\n',
                    subtype="html",
                ),
                binary_part(logo, "image/png", filename="logo.png", content_id="logo@whitlockprint.example"),
            ), 34,
        ),
    ]  # fmt: skip


def structured(now: datetime) -> list[Specimen]:
    """Mail whose structure carries the meaning: an invitation, a bounce, a digest and a nested message."""
    start = (now + timedelta(days=6)).replace(hour=9, minute=0, second=0, microsecond=0)
    event = make_invitation(
        uid=f"walk-through-{start:%Y%m%d}@harbourhouse.example",
        summary="Walk-through before the opening",
        organizer="lena.brandt@harbourhouse.example",
        attendee=IMAP_USER,
        start=start,
        location="Boat shed",
    )
    invitation = alternative(
        text_part(f"Walk-through before the opening\n{start:%A, %d %B, %H:%M} UTC, boat shed\n"),
        text_part(event, subtype="calendar", parameters=(("method", "REQUEST"),)),
    )
    return [
        Specimen(
            "invitation", "Lena Brandt", "lena.brandt@harbourhouse.example", "Invitation: Walk-through before the opening",
            invitation, 0, flags=(),
        ),
        Specimen(
            "bounce", "Mail Delivery System", f"MAILER-DAEMON@{MTA_NAME}", "Undelivered Mail Returned to Sender",
            _bounce(), 41, extra=(("Auto-Submitted", "auto-replied"),),
        ),
        Specimen(
            "digest", "Small Boats", LIST_ADDRESS, "Small Boats Digest, Vol 12, Issue 3", _digest(), 29,
            extra=LIST_HEADERS, to=LIST_ADDRESS,
        ),
        Specimen(
            "nested", "Ingrid Solberg", "ingrid.solberg@northquay.example", "Fwd: Where the tide table came from",
            _nested(), 36,
        ),
    ]  # fmt: skip


def _bounce() -> Part:
    original = (
        f"From: Robin Hale <{IMAP_USER}>\r\nTo: curator@old-museum.example\r\nSubject: Borrowing the tide clock\r\n"
        "Message-ID: <tide-clock@pillarbox.test>\r\n"
    )
    text = (
        f"This is the mail system at host {MTA_NAME}.\n\nYour message could not be delivered:\n\n"
        "<curator@old-museum.example>: mailbox is closed, the museum has moved\n"
    )
    status = (
        f"Reporting-MTA: dns; {MTA_NAME}\n\nFinal-Recipient: rfc822; curator@old-museum.example\nAction: failed\n"
        "Status: 5.2.1\nDiagnostic-Code: smtp; 550 5.2.1 mailbox is closed\n"
    )
    return mixed(
        text_part(text, charset="us-ascii", encoding="7bit"),
        text_part(status, main_type="message", subtype="delivery-status", charset=None, encoding="7bit"),
        message_part(original.encode("ascii"), main_type="text", subtype="rfc822-headers"),
        subtype="report",
        parameters=(("report-type", "delivery-status"),),
    )


def _digest() -> Part:
    entries = (
        (
            "Agnes Thorne <agnes@thorne.example>",
            "Varnish in winter",
            "Below ten degrees it sulks. Bring the tin indoors.\n",
        ),
        ("Hugh Penrose <hugh@penrose.example>", "Fenders", "Old rope is still the prettiest fender there is.\n"),
        ("Ravi Menon <ravi.menon@example.net>", "Trailer lights", "Always the earth wire. Always.\n"),
    )
    messages = [
        message_part(build_message([("From", sender), ("Subject", subject)], text_part(text, encoding="7bit")))
        for sender, subject, text in entries
    ]
    topics = "".join(f"  {number}. {subject}\n" for number, (_, subject, _) in enumerate(entries, start=1))
    return mixed(text_part(f"Today's topics:\n\n{topics}", encoding="7bit"), mixed(*messages, subtype="digest"))


def _nested() -> Part:
    inner = build_message(
        [
            ("From", "Harbour Office <office@harbouroffice.example>"),
            ("To", "ingrid.solberg@northquay.example"),
            ("Subject", "Where the tide table came from"),
            ("Message-ID", "<tide-table-1@harbouroffice.example>"),
        ],
        mixed(
            text_part("It was printed for the pilots in 1911. The stains are tea, we think.\n"),
            binary_part(make_png(120, 80, top=SEA, bottom=FOAM), "image/png", filename="table.png"),
        ),
    )
    return mixed(text_part("Robin, this answers your question better than I could. Ingrid\n"), message_part(inner))


def unusual() -> list[Specimen]:
    """Things that are allowed and still surprise readers."""
    flowed = (
        "I have written down how we hang the frames, because next year nobody will \nremember. "
        "The wire goes through both eyes, never through one, and the knot \nis the one on the left of the board.\n\n"
        "> Did you use the short screws?\n\nYes, the short ones everywhere.\n\n-- \nTom\n"
    )
    long_subject = (
        "Minutes of the meeting about the meeting that we shall need before the opening, with the list of everything that "
        "is still open, sorted by how much it worries Lena"
    )
    return [
        Specimen(
            "flowed", "Tom Okafor", "tom@okafor-timber.example", "How to hang the frames",
            text_part(flowed, charset="us-ascii", encoding="7bit", parameters=(("format", "flowed"),)), 8,
        ),
        Specimen(
            "plus_address", "Ferry Line", "bookings@ferryline.example", "Your ferry booking FL-8812",
            text_part("Two adults, one bicycle, 07:40 from pier two. Have a calm crossing!\n"), 15,
            to="demo.imap+ferry@pillarbox.test",
        ),
        Specimen(
            "long_subject", "Mateo Ruiz", "mateo@ruizstudio.example", long_subject,
            text_part("Attached to the noticeboard, as always. Bring a pencil.\n", encoding="7bit", charset="us-ascii"), 19,
        ),
        Specimen(
            "no_subject", "Bert Lowther", "bert.lowther@homefarm.example", "",
            text_part("Forgot to say: the saw is in the car.\n", encoding="7bit", charset="us-ascii"), 31,
        ),
        Specimen(
            "long_text", "Priya Nair", "priya.nair@harbourhouse.example", "Everything in the store, by shelf",
            text_part("".join(f"Shelf {n // 20 + 1:02d}, place {n % 20 + 1:02d}: {_thing(n)}\n" for n in range(400))), 53,
        ),
    ]  # fmt: skip


def _thing(number: int) -> str:
    colours = ("tarred", "grey", "painted", "salt-stained", "mended", "brass", "folded")
    things = ("net", "oar", "lantern", "block", "float", "chart", "basket", "anchor", "fid", "bell", "crate")
    return f"{colours[number % len(colours)]} {things[number * 3 % len(things)]}"
