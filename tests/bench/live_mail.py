"""From delivery into Dovecot to the event that makes an open page show it."""

from __future__ import annotations

import statistics
import time
from argparse import Namespace
from functools import partial
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from tests.e2e.site import PASSWORD, Site
from tests.servers.dovecot import DovecotServer
from tests.servers.process import wait_until

MESSAGE = (
    b"From: ben@example.org\r\nTo: me@pillarbox.test\r\nSubject: Arrival %d\r\nMessage-ID: <%d@bench>\r\n\r\nHello.\r\n"
)


def sign_in(site: Site, email: str) -> OpenerDirector:
    """A browser without a screen, signed in."""
    jar = CookieJar()
    opener = build_opener(HTTPCookieProcessor(jar))
    opener.open(f"{site.url}/accounts/login/", timeout=30).read()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = urlencode({"login": email, "password": PASSWORD, "csrfmiddlewaretoken": token}).encode()
    request = Request(f"{site.url}/accounts/login/", data=form, headers={"Referer": site.url, "Origin": site.url})
    opener.open(request, timeout=30).read()
    return opener


def measure(site: Site, dovecot: DovecotServer, options: Namespace) -> dict[str, Any]:
    """Seconds from delivery until the row is in the list page."""
    arrivals = options.arrivals
    user = dovecot.new_user("live")
    email = f"{user.name}@people.test"
    site.add_user(email)
    incoming = f"imap://{user.name}@127.0.0.1:{dovecot.imap_port}"
    arguments = ["--address", user.address, "--incoming", incoming, "--no-test", "--password-stdin"]
    site.manage("connect", email, *arguments, stdin=user.password)
    opener = sign_in(site, email)

    def shows(number: int) -> bool:
        page = opener.open(f"{site.url}/mail/inbox", timeout=30).read().decode()
        return f"Arrival {number}" in page

    dovecot.deliver(user.name, MESSAGE % (0, 0))
    wait_until(lambda: shows(0), what="the first message", timeout_s=60)
    time.sleep(5)  # let watch settle into IDLE
    times = []
    for number in range(1, arrivals + 1):
        begin = time.perf_counter()
        dovecot.deliver(user.name, MESSAGE % (number, number))
        wait_until(partial(shows, number), what="a new message", timeout_s=60)
        times.append(time.perf_counter() - begin)
    return {
        "arrivals": arrivals,
        "delivered to listed, median (s)": round(statistics.median(times), 2),
        "delivered to listed, slowest (s)": round(max(times), 2),
    }
