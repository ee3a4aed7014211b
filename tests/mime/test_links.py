"""Links that read one way and lead another (R14), and what leaves a link when tracking parameters are stripped."""

from __future__ import annotations

import pytest

from webmail.mime.links import LinkWarning, host_named_in, host_of, judge_link, without_tracking

pytestmark = pytest.mark.req("R14")


@pytest.mark.parametrize(
    ("href", "text", "shown", "real"),
    [
        ("https://evil.test/", "https://paypal.com/login", "paypal.com", "evil.test"),
        ("https://evil.example.com/", "paypal.com", "paypal.com", "evil.example.com"),
        ("https://evil.example.com/", "Sign in at www.bank.co.uk now", "www.bank.co.uk", "evil.example.com"),
        ("https://evil.example.com/", "Details: bank.de/konto?x=1", "bank.de", "evil.example.com"),
        ("https:\\\\evil.example.com\\paypal.com", "paypal.com", "paypal.com", "evil.example.com"),
        ("ht\ntps://evil.example.com/", "paypal.com", "paypal.com", "evil.example.com"),
        ("https://evil.example.com/", "pay\u200bpal.com", "paypal.com", "evil.example.com"),
        ("https://evil.example.com/", "\u202emoc.lapyap", "paypal.com", "evil.example.com"),
        ("https://evil.example.com/", "paypal\u3002com", "paypal.com", "evil.example.com"),
        ("https://evil.example.com/", "\u8bf7\u8bbf\u95eewww.bank.com\u67e5\u770b", "www.bank.com", "evil.example.com"),
        # A tracker between the two is another host all the same.
        (
            "https://click.mailer.example.net/ls?x",
            "www.shop.example.com",
            "www.shop.example.com",
            "click.mailer.example.net",
        ),
        ("https://mine.github.io/", "https://yours.github.io/", "yours.github.io", "mine.github.io"),
        ("https://evil.example.com/", "https://bank.com:443@bank.de/", "bank.de", "evil.example.com"),
        ("https://evil.example.com/", "get.rs/install", "get.rs", "evil.example.com"),
    ],
)
def test_a_text_that_names_another_host_is_warned_about(href: str, text: str, shown: str, real: str) -> None:
    assert judge_link(href, text) == LinkWarning("other-host", shown, real)


@pytest.mark.parametrize(
    ("href", "text"),
    [
        ("https://click.paypal.com/x", "www.paypal.com"),
        ("https://PAYPAL.com./x", "PayPal.Com"),
        ("https://example.com", "Annual report.pdf"),
        ("https://example.com", "archive.zip"),
        ("https://example.com", "Run main.py, then setup.sh"),
        ("https://example.com", "Node.js, ASP.NET and version 1.2.3.4"),
        ("https://example.com", "We are done.In short: no host"),
        ("https://example.com", "Ask ben@example.net"),
        ("https://b\u00fccher.de/", "b\u00fccher.de"),
        ("https://xn--bcher-kva.de/", "https://b\u00fccher.de/neu"),
        (
            "https://\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444/",
            "\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
        ),
        ("https://ex%61mple.com/", "example.com"),
        ("https://example.com/a", "https://example.com/a/very/long\u2026"),
        ("http://10.1.2.3/", "http://10.1.2.3/x"),
        ("mailto:ben@example.net", "paypal.com"),
        ("#top", "paypal.com"),
        ("/relative", "paypal.com"),
        ("", ""),
        ("https://example.com", "Click here"),
    ],
)
def test_an_honest_link_is_left_alone(href: str, text: str) -> None:
    assert judge_link(href, text) is None


@pytest.mark.parametrize(
    ("href", "reason", "shown", "real"),
    [
        ("https://paypal.com@evil.example.com/", "userinfo", "paypal.com", "evil.example.com"),
        ("https://paypal.com%40x:y@evil.example.com/", "userinfo", "", "evil.example.com"),
        ("https://" + "a" * 50_000 + "@evil.example.com/", "userinfo", "", "evil.example.com"),
        ("http://2130706433/", "numeric-host", "", "127.0.0.1"),
        ("http://0x7f.1/", "numeric-host", "", "127.0.0.1"),
        ("http://0300.0250.0.1/", "numeric-host", "", "192.168.0.1"),
        ("http://[::1]:8080/", "numeric-host", "", "::1"),
        ("http://\uff11\uff10.1/", "numeric-host", "", "10.0.0.1"),
        ("http://p\u0430ypal.com/", "mixed-scripts", "paypal", "xn--pypal-4ve.com"),
        ("http://xn--pypal-4ve.com/", "mixed-scripts", "paypal", "xn--pypal-4ve.com"),
        ("http://\u0430\u0440\u0440\u04cf\u0435.com/", "look-alike", "apple", "xn--80ak6aa92e.com"),
        ("http://paypa1.com/", "look-alike", "paypal", "paypa1.com"),
        ("http://login.rnicrosoft.com/", "look-alike", "microsoft", "login.rnicrosoft.com"),
        ("http://g\u00f6\u00f6gle.com/", "look-alike", "google", "xn--ggle-5qaa.com"),
        ("https://paypal.com.account.example.net/", "look-alike", "paypal.com", "paypal.com.account.example.net"),
    ],
)
def test_a_disguised_host_is_named_whatever_the_text_says(href: str, reason: str, shown: str, real: str) -> None:
    found = judge_link(href, "Open")
    assert found is not None
    assert (found.reason, found.shown, found.real) == (reason, shown, real)


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("HTTP://Example.COM:8080/a", "example.com"),
        ("https:///example.com", "example.com"),
        (" https://example.com?x@y", "example.com"),
        ("https://example.com#@evil.test", "example.com"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("https://exa mple.com/", ""),
        ("https://a\u2026b.com/", ""),
        ("https://" + "a." * 200 + "com/", ""),
    ],
)
def test_a_url_is_read_as_a_browser_reads_it(written: str, host: str) -> None:
    assert host_of(written) == host


def test_the_first_host_of_a_long_text_counts_and_the_search_is_bounded() -> None:
    assert host_named_in("From bank.com, not evil.com") == "bank.com"
    assert host_named_in("word " * 1_000 + "bank.com") is None


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        ("https://a.test/?utm_source=x&a=1&fbclid=2#f", "https://a.test/?a=1#f"),
        ("https://a.test/x?UTM_Campaign=1", "https://a.test/x"),
        ("https://a.test/x?mc_eid=1&mc_cid=2#part", "https://a.test/x#part"),
        ("https://a.test/?a=1&amp;utm_id=3&b", "https://a.test/?a=1&b"),
        ("https://a.test/?%75tm_id=3&b", "https://a.test/?b"),
        ("https://a.test/?a=%20+%2B&&b;c=d&gclid=1&", "https://a.test/?a=%20+%2B&&b;c=d&"),
    ],
)
def test_tracking_parameters_go_and_nothing_else_changes(url: str, rest: str) -> None:
    assert without_tracking(url) == rest


@pytest.mark.parametrize(
    "url",
    [
        "https://a.test/utm_source=x",
        "https://a.test/?q=utm_source",
        "https://a.test/?x=%zz&y=\u00e9#utm_source=1",
        "https://a.test/?",
        "mailto:a@b.test?utm_source=x",
        "https://a.test/?my_utm_source=1",
    ],
)
def test_a_url_without_them_stays_byte_for_byte(url: str) -> None:
    assert without_tracking(url) == url
