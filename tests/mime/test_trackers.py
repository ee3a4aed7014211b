"""Trackers in mail are recognised by the address they report to, counted and named; pictures are left alone (features 110)."""

import re
from pathlib import Path

import pytest

from webmail.mime.trackers import MAX_URL_CHARS, recognise
from webmail.mime.trackers_table import AT_HOST, AT_PATH

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
NEWSLETTERS = {
    "shop": "charsets/mimekit-text/UnitTests/TestData/text/homedepot-check-inside-now.html",
    "gym": "charsets/mimekit-text/UnitTests/TestData/text/planet-fitness.html",
    "software": "templates/mimekit-html/UnitTests/TestData/html/xamarin3.html",
}
ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|([^"\s>]+))""")

# One opening of each service, in the form its customers' mail has it. Ids are invented.
OPENINGS = [
    ("Mailchimp", "https://shop.us11.list-manage.com/track/open.php?u=03d948e7&id=e679a739&e=8cf5f209"),
    ("Mailchimp", "https://news.example.com/track/open.php?u=03d948e7&id=1"),
    ("HubSpot", "https://t.hubspotemail.net/e2t/o/W3xYz"),
    ("HubSpot", "https://mail.example.com/e3t/Cto/2K+113/abc"),
    ("HubSpot", "https://t.sidekickopen69.com/s2t/o/5/f18"),
    ("SendGrid", "https://u1234.ct.sendgrid.net/wf/open?upn=abc"),
    ("SendGrid", "https://links.example.com/wf/open?upn=u001.abc"),
    ("SendGrid", "https://links.example.com/ss/o/u001.5bZq0Zx0w"),
    ("Mailgun", "https://email.mg.example.com/o/eJwtz81uhCAUQOGnqZtJCCoOsmA3"),
    ("Amazon SES", "http://qpvv.r.us-east-1.awstrack.me/I0/01000178626eb1e0-f1b813fc-c0a8-4ba5/27r5"),
    ("Amazon SES", "http://click.example.com/CI0/0100017caa0a4138-89d1c903-b840-471e/Q6hk=220"),
    ("Salesforce Marketing Cloud", "http://click.email.example.com/open.aspx?ffcb10-fe9b&d=70200"),
    ("Salesforce Marketing Cloud", "https://pixel.inbox.exacttarget.com/pixel.gif?r=1"),
    ("Pardot", "https://go.pardot.com/r/12345/1/67890/open/1"),
    ("Marketo", "http://mkto-o0039.com/trk?t=1&mid=OTk5"),
    ("Marketo", "http://info.example.com/trk?t=1&mid=OTk5"),
    ("Constant Contact", "https://r20.rs6.net/on.jsp?ca=1&a=2"),
    ("Campaign Monitor", "https://shop.cmail19.com/t/t-o-abc-def/o.gif"),
    ("Klaviyo", "https://trk.klaviyomail.com/ss/o/abc"),
    ("Braze", "https://ablink.braze.com/ss/o/abc/def.gif"),
    ("Iterable", "https://links.iterable.com/e/o?_t=1&_m=2"),
    ("Customer.io", "https://track.customer.io/e/o/abc"),
    ("Customer.io", "https://e.example.com/e/o/eyJlbWFpbCI6IjEyMzQ1Njc4OTAxMjM0NTY3ODkwIn0="),
    ("Postmark", "https://pstmrk.it/open?m=v3_1.abc"),
    ("Mailsuite", "https://mailtrack.io/trace/mail/abc.png"),
    ("Yesware", "https://t.yesware.com/t/abc/def/spacer.gif"),
    ("Streak", "https://mailfoogae.appspot.com/t?sender=abc"),
    ("Mixmax", "https://track.mixmax.com/api/track/v2/abc"),
    ("Superhuman", "https://r.superhuman.com/abc.gif"),
    ("Brevo", "https://r.sendibt3.com/tr/op/abcdefghijklmnopqrstuvw"),
    ("ActiveCampaign", "https://shop.lt.acemlnb.com/Prod/link-tracker?nl=1"),
    ("ActiveCampaign", "https://news.example.com/lt.php?s=1&l=open"),
    ("Kit", "https://open.convertkit-mail2.com/abcdefghij0123456789"),
    ("Substack", "https://email.mg2.substack.com/o/eJwtkMtuhDAMRb9msgzIQ"),
    ("Beehiiv", "https://link.mail.beehiiv.com/ss/o/u001.abc/4/h1/pixel.gif"),
    ("Intercom", "https://shop.intercom-mail.com/via/o?h=abc"),
    ("Zendesk", "https://app.futuresimple.com/api/v1/sprite.png"),
    ("LinkedIn", "https://www.linkedin.com/emimp/ip_abc.gif"),
    ("Facebook", "https://www.facebook.com/email_open_log_pic.php?mid=abc"),
    ("Google Analytics", "https://www.google-analytics.com/collect?v=1&tid=UA-1"),
    ("DoubleClick", "https://ad.doubleclick.net/ddm/ad/N1.2;sz=1x1"),
    ("Litmus", "https://abc123.emltrk.com/abc123?d=UNIQUE"),
    ("Validity", "https://pixel.app.returnpath.net/pixel.gif?r=abc"),
    ("Adobe Campaign", "http://t.news.example.com/r/?id=h43bbc67c,11de365c,1"),
    ("Adobe Audience Manager", "http://shop.demdex.net/event?d_event=imp"),
    ("Eloqua", "https://app.example.com/e/FooterImages/FooterImage1?elq=abc"),
    ("Responsys", "https://mail.example.com/pub/as?_ri_=X0Gzc2X"),
    ("Sailthru", "http://link.example.com/img/0123456789abcdef0123456789abcdef0123456789abcdef/01234567.gif"),
    ("Cordial", "https://e.example.com/o/p/1234:abc/0"),
    ("Drip", "https://abc.dripemail2.com/o/abc"),
    ("GetResponse", "https://news.example.com/open.html?x=a62b&m=B"),
    ("AWeber", "https://openrate.aweber.com/Open/abc"),
    ("MailerLite", "https://click.mlsend.com/link/o/YT0x"),
    ("Moosend", "https://shop.mooapp.com/track/abc"),
    ("Omnisend", "https://news.example.com/transactional/track/0123456789abcdef01234567?signature=a"),
    ("Mailjet", "https://x1y2.mjt.lu/oo/ABC/def/e.gif"),
    ("SparkPost", "https://click.example.com/q/abc123~~/AAAA~/RgRl"),
    ("Mandrill", "https://mandrillapp.com/track/open.php?u=30&id=abc"),
    ("Outreach", "https://app.outrch.com/api/mailings/opened/abc"),
    ("Salesloft", "https://m.salesloft.com/email_trackers/abc/image.gif"),
    ("Apollo", "https://api.apollo.io/api/v1/emailer_messages/open/abc"),
    ("Close", "https://app.close.com/email_opened/abc/"),
    ("Front", "https://app.frontapp.com/api/1/noauth/companies/abc/seen"),
    ("Boomerang", "https://mailstat.us/tr/t/abc/1"),
    ("Bananatag", "https://bl-1.com/abc"),
    ("ContactMonkey", "https://contactmonkey.com/api/v1/tracker?cm_session=1"),
    ("Cirrus Insight", "https://tracking.cirrusinsight.com/abc/open.gif"),
    ("Polymail", "https://share.polymail.io/v2/z/a/abc.gif"),
    ("Vero", "https://api.getvero.com/o/abc"),
    ("Sendy", "https://mail.example.com/sendy/t/abc/def"),
    ("Mautic", "https://mautic.example.com/email/0123456789abcdef01234.gif"),
    ("Acoustic", "https://links.mkt3980.com/open/log/abc"),
    ("Emarsys", "https://link.example.com/mo/0123456789012345678901234567890123456789012.gif"),
    ("Optimove", "https://l.example.com/ss/o/0123456789012345678901/abc/0123456789012345678901/ho.gif"),
    ("Dotdigital", "https://r1.trackedlink.net/ABC-DEF/o.gif"),
    ("Movable Ink", "http://mi.example.com/p/cp/c37702751f752ed8/o.gif"),
    ("rapidmail", "https://t2d8.emailsys2a.net/o/136/1/12/0/45/90/b16b.gif"),
    ("GitHub", "https://github.com/notifications/beacon/ABC.gif"),
    ("Zoho", "https://campaigns.zoho.example/clicks/abc/def/open.gif"),
]

# What the same services, and everybody else, have pictures at.
PICTURES = [
    "https://mcusercontent.com/03d948e7/images/header.png",
    "https://gallery.mailchimp.com/03d948e7/images/logo.png",
    "https://cdn2.hubspot.net/hub/1/hubfs/logo.png",
    "https://d3k81ch9hvuctc.cloudfront.net/company/abc/images/def.jpeg",
    "https://image.email.example.com/lib/fe9213727763067a77/m/2/5cb2f933.png",
    "https://images.example.en25.com/EloquaImages/clients/shop/logo.png",
    "https://braze-images.com/appboy/communication/assets/hero.png",
    "https://files.constantcontact.com/abc/def.jpg",
    "https://media.licdn.com/dms/image/abc",
    "https://static.intercomassets.com/logo.png",
    "https://downloads.intercomcdn.com/i/o/1/photo.png",
    "https://www.google.com/images/logo.png",
    "https://avatars.githubusercontent.com/u/1?s=40",
    "https://github.githubassets.com/images/mail.png",
    "https://m.media-amazon.com/images/I/abc.jpg",
    "https://cdn.shopify.com/s/files/1/products/track.png",
    "https://images.example.com/track-and-field.jpg",
    "https://example.com/open/house.jpg",
    "https://example.com/o/photo.jpg",
    "https://example.com/img/opened.gif",
    "https://dl.dropboxusercontent.com/s/abc/photo.jpg",
]


@pytest.mark.parametrize(("name", "url"), OPENINGS, ids=lambda value: value[:60])
def test_an_opening_is_named_whatever_size_the_picture_says(name: str, url: str) -> None:
    assert recognise(url, width="", height="", style="") == name
    assert recognise(url, width="1", height="1", style="") == name


@pytest.mark.parametrize("url", PICTURES)
def test_a_picture_is_no_tracker_though_its_host_belongs_to_a_service(url: str) -> None:
    assert recognise(url, width="", height="", style="") is None
    assert recognise(url, width="600", height="200", style="display:block;border:0;width:600px") is None


@pytest.mark.parametrize(
    ("width", "height", "style"),
    [
        ("1", "1", ""),
        ("0", "0", ""),
        ("1px", " 1 ", ""),
        ("1", "", ""),
        ("", "", "width:1px;height:1px"),
        ("", "", "WIDTH: 0 ; Height : 0px !important"),
        ("", "", "display: none"),
        ("", "", "opacity:0"),
        ("1", "1", "display:none !important;"),
        ("", "", "visibility:hidden;border:0"),
    ],
)
def test_what_nobody_can_see_is_a_tracking_pixel_without_a_name(width: str, height: str, style: str) -> None:
    assert recognise("https://example.com/p?id=7", width=width, height=height, style=style) == ""


@pytest.mark.parametrize(
    ("width", "height", "style"),
    [
        ("", "", ""),
        ("600", "1", ""),
        ("", "1", "display:block;min-width:724px"),
        ("1", "20", ""),
        ("100%", "1", ""),
        ("", "", "width:100%;height:1px"),
        ("320", "480", "display:none;max-height:0;width:0"),
        ("", "", "display:none;max-width:100%"),
        ("32", "32", "line-height:0;border-width:1px;min-height:0"),
        ("", "", "border:0;outline:none;line-height:0"),
    ],
)
def test_rules_spacers_and_pictures_for_phones_are_no_pixels(width: str, height: str, style: str) -> None:
    assert recognise("https://example.com/p.png", width=width, height=height, style=style) is None


def test_a_pixel_at_a_service_is_named_after_it_even_when_its_path_is_new() -> None:
    assert recognise("https://x.list-manage.com/new/way", width="1", height="1", style="") == "Mailchimp"
    assert recognise("https://x.list-manage.com/new/way", width="", height="", style="") is None


def test_a_picture_of_a_real_size_is_not_named_by_its_path_alone() -> None:
    assert recognise("https://example.com/link/o/abc.jpg", width="", height="", style="") == "MailerLite"
    assert recognise("https://example.com/link/o/abc.jpg", width="300", height="200", style="") is None


@pytest.mark.parametrize(
    "url",
    ["", "cid:logo@x", "data:image/gif;base64,R0", "https://", "https://[::1", "javascript:1", "r/0", "//", "\x00"],
)
def test_what_is_no_web_address_is_no_tracker(url: str) -> None:
    assert recognise(url, width="1", height="1", style="") is None


def test_host_and_scheme_are_compared_as_browsers_do() -> None:
    assert recognise("//X.US1.LIST-MANAGE.COM./track/open.php?u=1", width="", height="", style="") == "Mailchimp"
    assert recognise("HTTPS://u:p@T.YESWARE.COM:443/t/1", width="", height="", style="") == "Yesware"
    assert recognise("https://evil-list-manage.com/track/x", width="", height="", style="") is None


def test_at_least_sixty_services_are_known_and_no_row_is_written_twice() -> None:
    names = {name for name, *_ in AT_HOST} | {name for name, _ in AT_PATH}
    assert len(names) >= 60
    rows = [(host, path) for _, hosts, path in AT_HOST for host in hosts.split()]
    assert len(rows) == len(set(rows))
    assert all(re.fullmatch(r"[a-z0-9#.-]+", host) for host, _ in rows)
    assert all(path.startswith("/") for _, path in rows)


@pytest.mark.req("R44")
@pytest.mark.parametrize("filling", ["a", "/", "/o/", "?", "?l=", "%", ".gif", "&l=ope", "-", "~~/", "0.", "@", " "])
def test_only_the_beginning_of_hostile_addresses_and_styles_is_read(filling: str) -> None:
    """The patterns themselves are tried in tests/patterns."""
    text = (filling * 1_000_000)[:1_000_000]
    assert recognise(f"https://x.list-manage.com/track/open.php?u={text}", width="", height="", style="") == "Mailchimp"
    assert (
        recognise(f"https://example.com/{'a' * MAX_URL_CHARS}{text}/wf/open?upn=1", width="", height="", style="")
        is None
    )
    assert recognise(f"https://example.com/picture?{text}", width="40", height="40", style="") is None
    assert recognise("https://example.com/", width=text, height=text, style=f"color:red;{text};") is None


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine")
def test_the_trackers_of_real_newsletters_are_found_and_their_pictures_are_not() -> None:
    found = {name: trackers_of(CORPUS / path) for name, path in NEWSLETTERS.items()}
    assert found["shop"] == {
        "Salesforce Marketing Cloud": 1,
        "Adobe Audience Manager": 1,
        "Movable Ink": 2,
        "Validity": 1,
        "": 2,
    }
    assert found["gym"] == {"Salesforce Marketing Cloud": 1, "Liveclicker": 1, "": 6}
    assert found["software"] == {"Marketo": 1}


def trackers_of(path: Path) -> dict[str, int]:
    """How often the pictures of an HTML file refer to each tracker, read without any parser of ours."""
    found: dict[str, int] = {}
    for tag in re.findall(r"<img [^>]{1,2000}>", path.read_text("utf-8", "replace"), re.IGNORECASE):
        attributes = {name.lower(): quoted or bare for name, quoted, bare in ATTRIBUTE.findall(tag)}
        width, height, style = (attributes.get(name, "") for name in ("width", "height", "style"))
        name = recognise(attributes.get("src", "").replace("&amp;", "&"), width=width, height=height, style=style)
        if name is not None:
            found[name] = found.get(name, 0) + 1
    return found
