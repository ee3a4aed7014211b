"""Mail that machines send: receipts, parcels, task notices, statements, reminders. Texts and numbers, no dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webmail.demo.attachments import make_pdf
from webmail.demo.mime_builder import alternative, binary_part, mixed, text_part

if TYPE_CHECKING:
    from random import Random

    from webmail.demo.mime_builder import Part


@dataclass(frozen=True)
class Shop:
    """Who sells. `goods` are (name, price in cents)."""

    name: str
    address: str
    goods: tuple[tuple[str, int], ...]


SHOPS = (
    Shop(
        "Corner Bakehouse",
        "orders@cornerbakehouse.example",
        (
            ("Rye loaf", 480),
            ("Seeded rolls, six", 390),
            ("Cinnamon knot", 320),
            ("Plum tart", 1450),
            ("Oat biscuits", 560),
        ),
    ),
    Shop(
        "Kettle & Kin Tea",
        "shop@kettleandkin.example",
        (
            ("Assam, 250 g", 1190),
            ("Smoked black tea, 100 g", 870),
            ("Peppermint, 50 g", 420),
            ("Small iron kettle", 6400),
        ),
    ),
    Shop(
        "Papermill Stationery",
        "service@papermill.example",
        (
            ("Notebook, squared, A5", 950),
            ("Ink, harbour blue", 1280),
            ("Envelopes, fifty", 740),
            ("Pencils, HB, twelve", 660),
        ),
    ),
    Shop(
        "Northline Rail",
        "tickets@northline.example",
        (
            ("Single to Northquay", 1840),
            ("Day return to Saltmarsh", 2260),
            ("Seat reservation", 300),
            ("Bicycle ticket", 500),
        ),
    ),
    Shop(
        "Lantern Books",
        "post@lanternbooks.example",
        (
            ("Knots and Their Names", 2400),
            ("Salt: a small history", 1600),
            ("How Harbours Sleep", 3200),
            ("Gift wrap", 250),
        ),
    ),
)

TASKS = (
    ("Order hooks for the frames", "Tom Okafor", "moved to Done"),
    ("Check the Arabic captions", "Noor Haddad", "commented: two small corrections, marked in the file"),
    ("Replace the bulb in case 4", "Mateo Ruiz", "assigned it to you"),
    ("Write to the lenders", "Lena Brandt", "set the due date to Friday"),
    ("Translate the booking page", "Priya Nair", "commented: German is in, French on Monday"),
    ("Audio guide: record stop 7", "Priya Nair", "moved to In progress"),
    ("Find the missing tide table", "Lena Brandt", "commented: it was in the tide gauge, of course"),
    ("Fire drill with the volunteers", "Mateo Ruiz", "moved to Planned"),
    ("Scan glass negatives, box 12", "Priya Nair", "commented: 86 of 120 done"),
    ("Update the ticket prices", "Lena Brandt", "closed it"),
    ("Oil the crane", "Tom Okafor", "reopened it: it squeaks again"),
)

NOTICES = (
    (
        "Harbour Library",
        "loans@harbourlibrary.example",
        "Due in three days",
        "The following is due back in three days:",
    ),
    ("Harbour Library", "loans@harbourlibrary.example", "Your reservation is here", "Waiting for you at the desk:"),
    ("Dr Amsel, dentist", "practice@amsel-dental.example", "Your appointment", "We expect you for your check-up:"),
    ("Saltmarsh Water", "billing@saltmarshwater.example", "Meter reading", "Please read your meter by the 20th:"),
    ("Windmill Energy", "service@windmillenergy.example", "Your monthly usage", "This is what you used last month:"),
)

NOTICE_DETAILS = (
    "Knots and Their Names, 2nd edition",
    "Tuesday at 9.40, please bring your card",
    "Meter 44-1803, under the stairs",
    "112 kWh, nine per cent less than a year ago",
    "A Garden Behind the Dyke (large print)",
    "Thursday at 16.10, first floor",
)


def receipt(random: Random, shop: Shop, number: int) -> tuple[str, Part]:
    """Subject and content of an order confirmation, with an invoice as PDF for the larger ones."""
    goods = random.sample(shop.goods, k=random.randint(1, min(3, len(shop.goods))))
    lines = [(name, count := random.randint(1, 3), price * count) for name, price in goods]
    total = sum(amount for _, _, amount in lines)
    order = f"{shop.name[:2].upper()}-{20000 + number * 37}"
    table = "".join(f"  {count} x {name:<28}{_money(amount):>9}\n" for name, count, amount in lines)
    plain = f"Thank you for your order {order}.\n\n{table}{'':34}{'-' * 9}\n{'  Total':<34}{_money(total):>9}\n\n{shop.name}\n"
    rows = "".join(
        f'<tr><td>{count} &times;</td><td>{name}</td><td align="right">{_money(amount)}</td></tr>'
        for name, count, amount in lines
    )
    html = (
        f'<div style="font-family:sans-serif;max-width:480px"><h1 style="font-size:18px">Thank you</h1>'
        f'<p>Order <b>{order}</b></p><table width="100%" cellpadding="6" style="border-collapse:collapse">{rows}'
        f'<tr style="border-top:2px solid #444"><td></td><td><b>Total</b></td><td align="right"><b>{_money(total)}</b>'
        f"</td></tr></table><p>{shop.name.replace('&', '&amp;')}</p></div>\n"
    )
    content = alternative(text_part(plain), text_part(html, subtype="html"))
    if total > 3000:
        invoice = make_pdf(f"Invoice {order}", [f"{count} x {name}: {_money(amount)}" for name, count, amount in lines])
        content = mixed(content, binary_part(invoice, "application/pdf", filename=f"invoice-{order}.pdf"))
    return f"Your order {order} at {shop.name}", content


def _money(cents: int) -> str:
    return f"€{cents // 100}.{cents % 100:02d}"


def parcel_notice(random: Random, number: int) -> tuple[str, Part]:
    """Subject and content of a delivery notice."""
    code = f"PX{700_000_000 + number * 7919}"
    place = random.choice(("with your neighbour at number 12", "in the box by the bins", "at the corner shop"))
    stage = random.choice(("is on its way", "arrives today", "was delivered"))
    text = f"Your parcel {code} {stage}.\n"
    text += (
        f"It is {place}.\n" if stage == "was delivered" else "You need not be at home, a signature is not necessary.\n"
    )
    text += f"\nFollow it: https://track.parcelpost.example/{code}\n\nParcelpost, we carry things\n"
    return f"Your parcel {code} {stage}", text_part(text, charset="us-ascii", encoding="7bit")


def task_notice(number: int) -> tuple[str, Part]:
    """Subject and content of a notice of the team's task board."""
    title, who, what = TASKS[number % len(TASKS)]
    key = f"HH-{140 + number}"
    text = f"{who} {what}.\n\n{key}: {title}\nhttps://slipway.example/tasks/{key}\n\n"
    text += "--\nYou follow this task. Reply to this message to comment on it.\n"
    return f"[Slipway] {key} {title}", text_part(text)


def statement(number: int, month: str) -> tuple[str, Part]:
    """Subject and content of a monthly bank statement with a PDF."""
    text = (
        f"Dear Robin Hale,\n\nyour statement for {month} is attached. No action is needed.\n\nTidewater Credit Union\n"
    )
    lines = [f"Statement number {number + 1}", f"Period: {month}", "Details are available in your branch."]
    pdf = make_pdf("Tidewater Credit Union", lines)
    name = f"statement-{month.replace(' ', '-')}.pdf"
    return f"Your statement for {month}", mixed(text_part(text), binary_part(pdf, "application/pdf", filename=name))


def notice(number: int) -> tuple[str, str, str, Part]:
    """Sender's name and address, subject and content of an everyday reminder."""
    name, address, subject, lead = NOTICES[number % len(NOTICES)]
    detail = NOTICE_DETAILS[(number * 5) % len(NOTICE_DETAILS)]
    text = f"Dear Robin Hale,\n\n{lead}\n\n    {detail}\n\nKind regards\n{name}\n"
    return name, address, subject, text_part(text, charset="iso-8859-1")
