"""HTML quotations of mail programs fold, what their sender wrote does not."""

import re
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from tests.mime.quotes.wrappers import folded_parts, is_well_nested, remove_wrappers, shown_text
from webmail.mime.quotes.fold import fold_quotes
from webmail.mime.safe_html.bound import bound_html
from webmail.mime.safe_html.sanitize import sanitize

OWN = "Own answer"
OLD = "Quoted words"
ATTRIBUTION = "On Mon, 2 Mar 2026 at 14:05, Anna Berg &lt;anna@example.org&gt; wrote:"
HEADER = (
    "<b>From:</b> Anna Berg &lt;anna@example.org&gt;<br><b>Sent:</b> Monday, 2 March 2026 14:05<br>"
    "<b>To:</b> Box<br><b>Subject:</b> Plan"
)


def fold(html: str) -> str:
    return fold_quotes(bound_html(html).html)


REPLIES = {
    "gmail": f'<div dir="ltr">{OWN}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
    f'{ATTRIBUTION}<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex"><div>{OLD}</div></blockquote></div>',
    "gmail of 2012": f'{OWN}<br><br><div class="gmail_quote">{ATTRIBUTION}<br><blockquote class="gmail_quote">{OLD}</blockquote>'
    "</div><br>",
    "gmail in a language of its own": f'<div>{OWN}</div><div class="gmail_quote"><div class="gmail_attr">Xq, 2 zib, Anna glorp:</div>'
    f'<blockquote class="gmail_quote">{OLD}</blockquote></div>',
    "outlook 2003": f"<div class=Section1><p class=MsoNormal>{OWN}</p><div><div class=MsoNormal align=center><font size=3><span>"
    f'<hr size=3 width="100%"></span></font></div><p class=MsoNormal>{HEADER}</p></div><p>{OLD}</p></div>',
    "outlook 2007 to 365": f'<div class="WordSection1"><p class="MsoNormal">{OWN}</p><div style="border:none;border-top:solid #E1E1E1 '
    f'1.0pt;padding:3.0pt 0in 0in 0in"><p class="MsoNormal">{HEADER}</p></div><p class="MsoNormal">{OLD}</p></div>',
    "outlook in a language of its own": f'<div><p>{OWN}</p><div style="border:none;border-top:solid #B5C4DF 1.0pt"><p><b>Zib:</b> Anna<br>'
    f"<b>Glorp:</b> 2 zib 2026<br><b>Wom:</b> Box<br><b>Tip:</b> Plan</p></div><p>{OLD}</p></div>",
    "outlook without a line": f"<div><p>{OWN}</p><p>{HEADER}</p><p>{OLD}</p></div>",
    "outlook for mac": f'<div>{OWN}</div><span id="OLK_SRC_BODY_SECTION"><div><span>From: </span>Anna<br></div><div>{OLD}</div></span>',
    "outlook on the web": f'<div>{OWN}</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
    f'<div id="divRplyFwdMsg" dir="ltr">{HEADER}</div><div>{OLD}</div>',
    "outlook on the web, copied": f'<div>{OWN}</div><div id="x_divRplyFwdMsg" dir="ltr">{HEADER}</div><div>{OLD}</div>',
    "outlook on the telephone": f'<div dir="ltr">{OWN}</div><div id="ms-outlook-mobile-signature">Get Outlook for iOS</div>'
    f'<div id="mail-editor-reference-message-container"><hr><div id="divRplyFwdMsg">{HEADER}</div><div>{OLD}</div></div>',
    "hotmail": f'<div dir="ltr">{OWN}<br><hr id="stopSpelling">Date: Mon, 2 Mar 2026<br>Subject: Plan<br>From: a@example.org<br>'
    f"To: b@example.org<br><br>{OLD}</div>",
    "windows mail": f'<div><div>{OWN}</div><div data-signatureblock="true"><br></div><div style="padding-top: 5px; '
    f'border-top-color: rgb(229, 229, 229); border-top-width: 1px">{HEADER}</div><div>{OLD}</div></div>',
    "apple mail": f'{OWN}<br><div><br><blockquote type="cite"><div>On 2 Mar 2026, at 14:05, Anna Berg wrote:</div><br><div>{OLD}'
    "</div></blockquote></div><br>",
    "iphone": f'<div dir="ltr">{OWN}<div><br></div><div dir="ltr" id="AppleMailSignature">Sent from my iPhone</div></div>'
    f'<div dir="ltr"><br><blockquote type="cite">{ATTRIBUTION}<br><br></blockquote></div><blockquote type="cite">{OLD}</blockquote>',
    "thunderbird": f'<p>{OWN}</p><div class="moz-cite-prefix">{ATTRIBUTION}<br></div><blockquote type="cite" cite="mid:1@x">'
    f"<p>{OLD}</p></blockquote>",
    "yahoo": f'<div>{OWN}</div><div id="yahoo_quoted_12345" class="yahoo_quoted"><div>{ATTRIBUTION}</div><div>{OLD}</div></div>',
    "aol": f"<font face=arial>{OWN}<br><br><div>-----Original Message-----<br>From: Anna<br>To: Box<br>{OLD}</div></font>",
    "zimbra": f'<div>{OWN}<br><hr id="zwchr"><b>From: </b>Anna<br><b>To: </b>Box<br><b>Sent: </b>Monday<br><b>Subject: </b>Plan<br>'
    f"{OLD}</div>",
    "zimbra 8": f'<div>{OWN}<br><hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__"><b>From: </b>Anna<br></div>'
    f'<div data-marker="__QUOTED_TEXT__">{OLD}</div></div>',
    "roundcube": f'<p>{OWN}</p><p id="reply-intro">{ATTRIBUTION}</p><blockquote type="cite">{OLD}</blockquote>',
    "mail.ru": f"<p>{OWN}</p><br>Понедельник, 2 марта 2026, 14:05 +03:00 от Anna &lt;a@example.org&gt;:<br><blockquote "
    f'style="border-left:1px solid #0857A6"><div>{OLD}</div></blockquote>',
    "yandex": f'<div>{OWN}</div><div> </div><div>02.03.2026, 14:05, "Anna" &lt;a@example.org&gt;:</div><blockquote><p>{OLD}</p>'
    "</blockquote>",
    "proton": f'<div>{OWN}</div><div class="protonmail_quote">{ATTRIBUTION}<br><blockquote class="protonmail_quote" type="cite">'
    f"{OLD}</blockquote></div>",
    "fastmail": f'<div>{OWN}<br></div><div>{ATTRIBUTION}<br></div><blockquote type="cite" id="qt"><div>{OLD}</div></blockquote>',
    "tuta": f'<div>{OWN}</div>2 Mar 2026, 14:05 by anna@example.org:<br><blockquote class="tutanota_quote">{OLD}</blockquote>',
    "front": f'<div>{OWN}</div><blockquote type="cite" class="front-blockquote">{ATTRIBUTION}<br>{OLD}</blockquote>',
    "superhuman": f'<div>{OWN}</div><div><div class="gmail_quote">{ATTRIBUTION}<br><blockquote class="gmail_quote sh-color">{OLD}'
    "</blockquote></div></div>",
    "spark": f'<div name="messageBodySection">{OWN}</div><div name="messageSignatureSection">Anna</div>'
    f'<div name="messageReplySection">{ATTRIBUTION}<br><blockquote type="cite">{OLD}</blockquote></div>',
    "zoho": f'<div>{OWN}</div><div class="zmail_extra"><div id="Zm-_Id_-Sgn1">---- {ATTRIBUTION} ----</div><div>{OLD}</div></div>',
    "gmx and web.de": f'<div><div>{OWN}</div><div name="quote" style="margin:10px 5px"><div><b>Gesendet:</b> Montag<br><b>Von:</b> Anna'
    f"</div><div>{OLD}</div></div></div>",
    "qq and foxmail": f"<div>{OWN}</div><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div><b>发件人:</b> Anna</div>"
    f"<div>{OLD}</div>",
    "foxmail": f'<div>{OWN}</div><blockquote><div style="border:none;border-top:solid #B5C4DF 1.0pt"><b>发件人：</b>Anna<br>'
    f"<b>发送时间：</b>2026-03-02<br><b>收件人：</b>Box<br><b>主题：</b>Plan</div><div>{OLD}</div></blockquote>",
    "163": f'<div>{OWN}</div><div>At 2026-03-02 14:05:00, "Anna" &lt;a@example.org&gt; wrote:</div><blockquote id="isReplyContent">'
    f"{OLD}</blockquote>",
    "netease master": f'<div>{OWN}</div><div class="ntes-mailmaster-quote"><div>On 3/2/2026 14:05 Anna wrote:</div>{OLD}</div>',
    "naver": f"<p>{OWN}</p><p>-----Original Message-----<br><b>From:</b> Anna<br><b>To:</b> Box<br></p><p>{OLD}</p>",
    "lotus notes": f"<div>{OWN}</div><table><tr><td>From:</td><td>Anna/Example</td></tr><tr><td>To:</td><td>Box@Example</td></tr><tr>"
    f"<td>Date:</td><td>02/03/2026</td></tr><tr><td>Subject:</td><td>Plan</td></tr></table><hr><div>{OLD}</div>",
    "airmail": f'<div>{OWN}</div><p class="airmail_on">Xq Anna</p><blockquote type="cite" class="clean_bq">{OLD}</blockquote>',
    "marks in the text": f"<div>{OWN}<br><br>{ATTRIBUTION}<br>&gt; {OLD}<br>&gt; more</div>",
    "marks in pre": f"<pre>{OWN}\n\nAnna Berg wrote:\n&gt; {OLD}\n</pre>",
    "no marks at all": f"<div>{OWN}</div><div>{ATTRIBUTION}</div><div><br></div><div>{OLD}</div>",
}


@pytest.mark.parametrize("client", REPLIES)
def test_the_quotation_of_a_reply_folds(client: str) -> None:
    folded = fold(REPLIES[client])
    (hidden,) = folded_parts(folded)
    assert OLD in hidden
    assert OWN in shown_text(folded)
    assert OLD not in shown_text(folded)


@pytest.mark.parametrize("client", [name for name in REPLIES if name != "gmx and web.de"])
def test_the_attribution_folds_with_the_quotation(client: str) -> None:
    shown = shown_text(fold(REPLIES[client]))
    assert not re.search("wrote|From|Sent:|Anna Berg|发件人|от Anna", shown), shown


@pytest.mark.parametrize("client", REPLIES)
def test_wrappers_are_all_that_is_added(client: str) -> None:
    bounded = bound_html(REPLIES[client]).html
    folded = fold_quotes(bounded)
    assert remove_wrappers(folded) == bounded
    assert is_well_nested(folded)
    assert bound_html(folded).html == folded


@pytest.mark.parametrize("client", REPLIES)
def test_a_parser_sees_the_fold_where_it_was_written(client: str) -> None:
    cleaned = sanitize(REPLIES[client], cid_urls={}).html
    (details,) = LexborHTMLParser(cleaned).css("details.pb-quoted")
    children = [node.tag for node in details.iter()]
    assert children[0] == "summary"
    assert OLD in details.text()
    assert OWN not in details.text()


@pytest.mark.parametrize("client", REPLIES)
def test_an_empty_reply_shows_what_it_quotes(client: str) -> None:
    assert folded_parts(fold(REPLIES[client].replace(OWN, ""))) == []


# Without marks, nobody can tell an answer below from the quotation.
@pytest.mark.parametrize("client", [name for name in REPLIES if re.search("<blockquote|&gt; Quoted", REPLIES[name])])
def test_an_answer_below_keeps_a_quotation_open(client: str) -> None:
    assert folded_parts(fold(REPLIES[client] + "<p>My answer below</p>")) == []


STAYS_OPEN = {
    "newsletter with an indentation": f"<p>{OWN}</p><blockquote>{OLD}</blockquote>",
    "letter with a poem": f'<p>{OWN}</p><blockquote style="border-left:1px solid #ccc;padding-left:1ex">{OLD}</blockquote>',
    "forwarded by gmail": f'<div>{OWN}</div><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>'
    f"From: Anna<br>Date: Mon<br>Subject: Plan<br>To: Box<br></div><div>{OLD}</div></div>",
    "forwarded by apple": f'<div>{OWN}</div><blockquote type="cite"><div>Begin forwarded message:</div><div>From: Anna</div>'
    f"<div>{OLD}</div></blockquote>",
    "forwarded by thunderbird": f'<p>{OWN}</p><div class="moz-forward-container"><br>-------- Weitergeleitete Nachricht --------'
    f"<table><tr><th>Betreff:</th><td>Plan</td></tr><tr><th>Von:</th><td>Anna</td></tr></table>{OLD}</div>",
    "answers between": f'<p>Hello</p><blockquote type="cite">{OLD}</blockquote><p>{OWN}</p>',
    "answer inside gmail": f'<div class="gmail_quote"><div class="gmail_attr">{ATTRIBUTION}</div><blockquote class="gmail_quote">{OLD}'
    f"</blockquote><div>{OWN}</div></div>",
    "ticket": f"<p>{OWN}</p><table><tr><td>From:</td><td>Paris</td></tr><tr><td>To:</td><td>Lyon</td></tr><tr><td>Date:</td>"
    f"<td>2 March</td></tr></table><p>{OLD}</p>",
    "form": f"<p>{OWN}</p><p>From: Anna<br>Subject: Plan</p><p>{OLD}</p>",
    "bounce": f"<p>{OWN}</p><p>From: a@example.org<br>To: b@example.org<br>Subject: Plan<br>Date: Mon<br>MIME-Version: 1.0</p><p>{OLD}",
    "no text": "<p></p>",
    "nothing": "",
}


@pytest.mark.parametrize("kind", STAYS_OPEN)
def test_what_is_no_reply_stays_open(kind: str) -> None:
    assert folded_parts(fold(STAYS_OPEN[kind])) == []


def test_only_the_last_of_interleaved_quotations_folds() -> None:
    folded = fold(
        '<blockquote type="cite">First question</blockquote><p>First answer</p>'
        '<blockquote type="cite">Second question</blockquote><p>Second answer</p>'
        '<blockquote type="cite">The rest</blockquote>'
    )
    (hidden,) = folded_parts(folded)
    assert "The rest" in hidden
    for text in ("First question", "First answer", "Second question", "Second answer"):
        assert text in shown_text(folded)


def test_a_quotation_within_a_folded_one_needs_no_fold_of_its_own() -> None:
    nested = (
        f'<blockquote type="cite">{OLD}<div>{ATTRIBUTION}</div><blockquote type="cite">Older</blockquote></blockquote>'
    )
    assert fold(f"<p>{OWN}</p>{nested}").count("<details") == 1


def test_a_logo_or_notice_below_a_quotation_does_not_keep_it_open() -> None:
    html = (
        f'<p>{OWN}</p><blockquote type="cite">{OLD}</blockquote><p><img src="cid:logo"></p>'
        "<p>This e-mail and any attachments are confidential.</p>"
    )
    folded = fold(html)
    assert len(folded_parts(folded)) == 1
    assert "confidential" in shown_text(folded)


def test_a_picture_is_an_answer() -> None:
    assert len(folded_parts(fold(f'<img src="cid:photo"><blockquote type="cite">{OLD}</blockquote>'))) == 1


def test_the_label_is_written_as_text() -> None:
    folded = fold_quotes(f'<p>{OWN}</p><blockquote type="cite">{OLD}</blockquote>', label='Show "quoted" <text>')
    name = "Show &quot;quoted&quot; &lt;text&gt;"
    assert f'<summary title="{name}" aria-label="{name}">…</summary>' in folded


SIGNATURES = {
    "gmail": '<div class="gmail_signature" data-smartmail="gmail_signature">Ben Sig</div>',
    "gmail with a mark": '<span class="gmail_signature_prefix">-- </span><br><div class="gmail_signature">Ben Sig</div>',
    "thunderbird": '<pre class="moz-signature" cols="72">-- \nBen Sig</pre>',
    "apple": '<div id="AppleMailSignature">Ben Sig</div>',
    "outlook on the web": '<div id="Signature"><p>Ben Sig</p></div>',
    "outlook on the telephone": '<div class="ms-outlook-mobile-signature">Ben Sig</div>',
    "proton": '<div class="protonmail_signature_block">Ben Sig</div>',
    "windows mail": '<div data-signatureblock="true">Ben Sig</div>',
    "mark alone": "<div>-- </div><div>Ben Sig</div>",
    "mark with a hard space": "<div>--&nbsp;<br>Ben Sig</div>",
}


@pytest.mark.parametrize("client", SIGNATURES)
@pytest.mark.parametrize("quotation", ["", f'<blockquote type="cite">{OLD}</blockquote>'])
def test_a_signature_is_marked_and_shown(client: str, quotation: str) -> None:
    folded = fold(f"<div>{OWN}</div>{SIGNATURES[client]}{quotation}")
    found = re.findall(r'<div class="pb-signature">(.*?)Ben Sig', folded, re.DOTALL)
    assert len(found) == 1
    assert OWN not in found[0]
    assert len(folded_parts(folded)) == bool(quotation)
    assert "Ben Sig" in shown_text(folded)
    assert remove_wrappers(folded) == bound_html(f"<div>{OWN}</div>{SIGNATURES[client]}{quotation}").html


@pytest.mark.parametrize(
    "html",
    [
        f'<b>{OWN}<blockquote type="cite">one</b> two</blockquote>',
        f'<p>{OWN}<br>{ATTRIBUTION}</p><blockquote type="cite">{OLD}</blockquote>',
        f'<table><tr><td>{OWN}</td></tr><tr><td><blockquote type="cite">{OLD}</blockquote></td></tr></table>',
        f'<table><tr><td>{OWN}<blockquote type="cite">{OLD}</td></tr></table>after',
        f'<ul><li>{OWN}<li>{ATTRIBUTION}<li><blockquote type="cite">{OLD}</blockquote></ul>',
        f'<a href="https://example.org">{OWN}<blockquote type="cite"><a href="https://example.org/2">{OLD}</a></blockquote>',
        f'<i><b>{OWN}</i><blockquote type="cite">{OLD}</blockquote></b>',
        f'<span>{OWN}<span><hr id="stopSpelling">{OLD}</span> tail</span> end',
    ],
)
def test_untidy_markup_stays_as_it_is(html: str) -> None:
    bounded = bound_html(html).html
    folded = fold_quotes(bounded)
    assert remove_wrappers(folded) == bounded
    assert bound_html(folded).html == folded


PIECES = st.lists(
    st.sampled_from(
        [
            "<div>", "</div>", "<p>", "</p>", "<b>", "</b>", "<i>", "</i>", "<a href=x>", "</a>", "<table>", "</table>", "<tr>", "<td>",
            "</td>", "<blockquote type=cite>", "<blockquote>", "</blockquote>", '<div class="gmail_quote">', "<hr>", "<br>", "<li>",
            "<ul>", "</ul>", '<div class="gmail_signature">', "text", "-- ", "On Mon, 2 Mar 2026 Anna wrote:", "&gt; old", "&nbsp;",
            "From: a@x<br>", "Sent: 1<br>", "To: b@x<br>", "Subject: c<br>", '<hr id="stopSpelling">', "<img src=x>", "<pre>", "</pre>",
            "\n", "<span>", "</span>", "<font>", "</font>", "<details>", "</details>", "<summary>",
        ]
    ),
    max_size=40,
)  # fmt: skip


@given(PIECES)
def test_whatever_the_markup_only_wrappers_are_added(pieces: list[str]) -> None:
    bounded = bound_html("".join(pieces)).html
    folded = fold_quotes(bounded)
    assert remove_wrappers(folded) == bounded
    assume(bound_html(bounded).html == bounded)
    assert bound_html(folded).html == folded


@given(st.text(alphabet="<>/=\"' abpdiv&;\n-", max_size=200))
def test_folding_never_raises(text: str) -> None:
    fold_quotes(bound_html(text).html)


@pytest.mark.req("R44")
@pytest.mark.parametrize(
    "piece",
    [
        "<div>", "<b>a", "<a>x", "<a>", "</b><b>", "<p>a", "<blockquote>a", "<blockquote type=cite>a</blockquote>", "&gt; a<br>", "a<br>",
        "From: a<br>", "To: a<br>", "-- <br>", "---<br>", "a:<br>", "<hr>", "a ", "&#9", "<div class=gmail_quote>a:</div>", "<td>",
        "<table><tr><td>a", "<img src=x>", "<span id=x>", "<i><b></i>", "&nbsp;", "<pre>a\n", "\n", "wrote:<br>", "<nobr>",
    ],
)  # fmt: skip
def test_folding_takes_time_in_proportion_to_the_text(piece: str) -> None:
    steps = [_steps(piece * (size // len(piece))) for size in (4_000, 16_000)]
    assert steps[1] <= 6 * steps[0] + 1_000


def _steps(html: str) -> int:
    """How many lines of code run: a measure of work that does not depend on how busy the machine is."""
    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    bounded = bound_html(html).html
    old = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        fold_quotes(bounded)
    finally:
        sys.settrace(old)
    return count
