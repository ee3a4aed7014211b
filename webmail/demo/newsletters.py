"""Newsletters as publishers really send them: tables, inline styles, remote pictures and a plain-text twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webmail.demo.mime_builder import alternative, text_part

if TYPE_CHECKING:
    from webmail.demo.mime_builder import Part

ARTICLES_PER_ISSUE = 3


@dataclass(frozen=True)
class Publisher:
    """Who sends a newsletter. `articles` are (title, teaser) and come round again after a while, as they do."""

    name: str
    address: str
    colour: str
    site: str
    tagline: str
    articles: tuple[tuple[str, str], ...]


SLOW_KITCHEN = Publisher(
    "The Slow Kitchen",
    "hello@slowkitchen.example",
    "#9c4a1a",
    "https://www.slowkitchen.example",
    "One pot, one hour, no hurry",
    (
        ("Beans that wait for you", "Soak them tonight, forget them tomorrow, and eat well on Wednesday."),
        ("A soup for the first cold day", "Leeks, potatoes and a little courage with the nutmeg."),
        ("The case for ugly carrots", "They taste the same, cost half and peel with more character."),
        ("Bread without kneading", "Time does the work. You only have to stay out of its way."),
        ("Seven things to do with a lemon", "Number four surprised even our photographer."),
        ("What to cook when you are tired", "Three dinners with five ingredients and a single pan."),
        ("Plums, before they are gone", "A cake, a chutney, and one to eat over the sink."),
        ("Rice, explained by a grandmother", "Forget the ratios. Use the first joint of your finger."),
        ("How to sharpen a knife", "Ten quiet minutes, a wet stone and no television."),
        ("Pickles for beginners", "If you can boil water and wait four days, you can pickle."),
        ("Breakfast on a boat", "Eggs, wind and the art of the one-handed omelette."),
    ),
)

CITY_TIDES = Publisher(
    "City Tides",
    "editors@citytides.example",
    "#14507a",
    "https://www.citytides.example",
    "What is on along the water this week",
    (
        ("Night ferry returns", "After two years in dock the last ferry at midnight sails again, with music."),
        ("Open studios by the canal", "Forty workshops, three hundred pictures and very narrow stairs."),
        ("The library lends bicycles", "Bring your card, a coin for the lock and a sense of balance."),
        ("Lantern walk on the 14th", "Start at the old gate. Wear something warm and carry something bright."),
        ("A market for repaired things", "Toasters, chairs and one cello, all working, all with a story."),
        ("Swimming before work", "The steps at pier six are clean again, and so is the water."),
        ("Free concert in the boat shed", "Two fiddles and a pump organ. Doors close when the tide comes in."),
        ("New bridge, old name", "The council listened: it stays Ropemaker's Bridge."),
        ("Where the herons nest", "A walk of forty minutes with the bird warden. Binoculars are provided."),
        ("Film club: silent seas", "Four short films of the harbour, with a pianist who was there."),
    ),
)

PLAIN_PIXELS = Publisher(
    "Plain Pixels",
    "weekly@plainpixels.example",
    "#3b3b6d",
    "https://plainpixels.example",
    "Small ideas about making things for screens",
    (
        ("Delete the second button", "If nobody can say what it does, it does nothing."),
        ("Captions are interface", "What museums know about forty-five words and tired feet."),
        ("The kindest error message", "Say what happened, what is safe, and what to do now."),
        ("Colour for people who do not see it", "Shape first, words second, colour last."),
        ("A table is allowed to be a table", "Rows and columns were good enough for the Sumerians."),
        ("Fast is a feeling", "Show the first line at once and nobody asks about the last."),
        ("Why we went back to plain links", "They open in tabs, they can be copied, and they never need a meeting."),
        ("Ask once, remember it", "On forms that respect the person who fills them in."),
        ("Designing for one hand", "Most of your readers are holding a cup of something."),
        ("The drawer of old icons", "A short history of the envelope, from wax to badge."),
    ),
)

LANTERN_BOOKS = Publisher(
    "Lantern Books",
    "post@lanternbooks.example",
    "#7a5c10",
    "https://shop.lanternbooks.example",
    "New on the front table",
    (
        ("The Cartographer's Kitchen", "A novel about two sisters, one map and a very long winter."),
        ("Knots and Their Names", "Three hundred drawings, and not one you will tie right the first time."),
        ("Salt: a small history", "Why towns stand where they stand, in 180 pages."),
        ("The Lighthouse Timetable", "Poems for people who like trains and weather."),
        ("How Harbours Sleep", "Photographs taken between two and four in the morning."),
        ("A Garden Behind the Dyke", "The diary of a stubborn woman and her stubborn cabbages."),
        ("The Last Sailmaker", "An apprentice remembers the man who never measured."),
        ("Cloud Spotting for the Impatient", "Ten clouds, ten minutes, one umbrella."),
    ),
)

BOATHOUSE_NEWS = Publisher(
    "Boathouse Rowing Club",
    "news@boathouse.example",
    "#0f5f4a",
    "https://www.boathouse.example",
    "News from the landing stage",
    (
        ("Boat three has a new seat", "It no longer squeaks. Some members miss it."),
        ("Beginners' Thursday", "Eleven came, eleven got wet, nine want to come back."),
        ("Winter training", "Machines in the attic from November, with the radio on."),
        ("Regatta results", "Second in the fours, and first at the cake table."),
        ("River levels", "Please read the board before you launch, every single time."),
        ("Lost and found", "Three left gloves, a flute, and a thermos that still had tea in it."),
        ("Cox wanted", "A loud voice is useful. A kind one is better."),
        ("The landing stage is slippery again", "We have put down sand. Bring your own caution."),
    ),
)


def newsletter_subject(publisher: Publisher, number: int) -> str:
    """The subject of an issue: its first title."""
    return f"{_articles(publisher, number)[0][0]} · {publisher.name} #{number + 1}"


def newsletter_content(publisher: Publisher, number: int) -> Part:
    """An issue as text and HTML. The pictures are remote and on example hosts, so nothing can be fetched."""
    articles = _articles(publisher, number)
    plain = f"{publisher.name}\n{publisher.tagline}\n\n"
    plain += "\n".join(f"* {title}\n  {teaser}\n  {publisher.site}/{_slug(title)}\n" for title, teaser in articles)
    plain += f"\n--\nYou receive this because you asked for it. Stop: {publisher.site}/unsubscribe\n"
    return alternative(text_part(plain), text_part(_html(publisher, number, articles), subtype="html"))


def _articles(publisher: Publisher, number: int) -> list[tuple[str, str]]:
    count = len(publisher.articles)
    return [publisher.articles[(number * ARTICLES_PER_ISSUE + step) % count] for step in range(ARTICLES_PER_ISSUE)]


def _slug(title: str) -> str:
    return "-".join("".join(char for char in word if char.isalnum()) for word in title.lower().split())


def _html(publisher: Publisher, number: int, articles: list[tuple[str, str]]) -> str:
    rows = "".join(
        f"""<tr><td style="padding:16px 24px;border-bottom:1px solid #e6e2da">
<img src="{publisher.site}/images/{number}-{step}.jpg" width="552" height="220" alt="{title}" style="display:block">
<h2 style="margin:12px 0 4px;font-size:20px;color:{publisher.colour}">{title}</h2>
<p style="margin:0 0 8px;line-height:1.5">{teaser}</p>
<a href="{publisher.site}/{_slug(title)}?utm_source=mail" style="color:{publisher.colour}">Read on &rarr;</a></td></tr>
"""
        for step, (title, teaser) in enumerate(articles)
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{publisher.name}</title>
<style>@media (max-width: 600px) {{ .sheet {{ width: 100% !important }} }} a:hover {{ text-decoration: none }}</style>
</head><body style="margin:0;background:#f4f1ea;font-family:Georgia,serif;color:#2b2b2b">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px 0">
<table role="presentation" class="sheet" width="600" cellpadding="0" cellspacing="0" style="background:#ffffff">
<tr><td style="padding:24px;background:{publisher.colour};color:#ffffff">
<strong style="font-size:26px">{publisher.name}</strong><br><span>{publisher.tagline}</span></td></tr>
{rows}<tr><td style="padding:16px 24px;font-size:12px;color:#777777">Number {number + 1}.
You receive this because you asked for it. <a href="{publisher.site}/unsubscribe">Stop receiving it</a>.</td></tr>
</table></td></tr></table>
<img src="https://pixel.{publisher.address.rpartition("@")[2]}/open.gif?issue={number}" width="1" height="1" alt="">
</body></html>
"""
