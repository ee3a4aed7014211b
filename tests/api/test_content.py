"""Inside a message: bodies without harm, ranged downloads, bytes that are not here yet; threads and search."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories
from tests.api.conftest import RAW, World
from webmail.store.models import Email


@pytest.fixture
def letter(world: World) -> Email:
    return factories.make_email_from_bytes(world.inbox, RAW)


def at(world: World, email: Email, what: str = "") -> str:
    return f"{world.home}/messages/{email.public_id}{what}"


@pytest.mark.req("rest 2")
def test_body_is_sanitised_and_lists_files(world: World, letter: Email) -> None:
    body = world.api.get(at(world, letter, "/body"))
    assert "Soup at noon?" in body["html"]
    assert "Soup at noon?" in body["text"]
    for bad in ("script", "onclick", "tracker"):
        assert bad not in body["html"]
    assert body["blocked_remote"] == 1
    (file,) = body["attachments"]
    assert (file["name"], file["size_bytes"], file["part_id"]) == ("menu.txt", 10, "2")
    assert world.api.call("GET", file["href"], expect=200).content == b"0123456789"
    assert world.api.get(at(world, letter, "?expand=body"))["body"] == body


def test_plain_mail_has_no_html(world: World) -> None:
    email = factories.make_email_from_bytes(world.inbox, b"From: a@example.net\r\nSubject: x\r\n\r\nJust text.\r\n")
    assert world.api.get(at(world, email, "/body"))["html"] is None


def test_inline_pictures_get_addresses_of_ours(world: World) -> None:
    raw = (
        b'From: a@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n'
        b'--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:pic@x">\r\n'
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <pic@x>\r\n\r\nPNG\r\n--b--\r\n"
    )
    email = factories.make_email_from_bytes(world.inbox, raw)
    body = world.api.get(at(world, email, "/body"))
    assert f'src="/api/v1/{at(world, email, "/parts/2")}"' in body["html"]


def test_headers_come_in_order(world: World, letter: Email) -> None:
    headers = world.api.get(at(world, letter, "/headers"))["headers"]
    assert [one["name"] for one in headers][:3] == ["From", "To", "Subject"]
    assert headers[2]["value"] == "Lunch"


@pytest.mark.req("rest 8")
def test_downloads_are_attachments_in_a_sandbox(world: World, letter: Email) -> None:
    raw = world.api.call("GET", at(world, letter, "/raw"), expect=200)
    assert raw.content == RAW
    assert raw["Content-Type"] == "message/rfc822"
    assert raw["Content-Disposition"] == 'attachment; filename="Lunch.eml"'
    page = world.api.call("GET", at(world, letter, "/parts/1"), expect=200)
    assert page["Content-Type"] == "application/octet-stream"  # it is HTML of a stranger
    for response in (raw, page):
        assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert response["X-Content-Type-Options"] == "nosniff"
    world.api.get(at(world, letter, "/parts/9"), expect=404)


@pytest.mark.req("rest 8")
@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=8-", 206, b"89"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-500", 206, b"56789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=3-1,20-30", 416, None),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=a-b", 200, b"0123456789"),
        ("bytes=0-9,0-9", 200, b"0123456789"),
        (",".join(["bytes=0-0"] + ["0-0"] * 10), 200, b"0123456789"),
    ],
)
def test_ranges(world: World, letter: Email, asked: str, status: int, content: bytes | None) -> None:
    response = world.api.call("GET", at(world, letter, "/parts/2"), expect=status, Range=asked)
    if content is None:
        assert response["Content-Range"] == "bytes */10"
    else:
        assert response.content == content


@pytest.mark.req("rest 8")
def test_several_ranges_and_if_range(world: World, letter: Email) -> None:
    address = at(world, letter, "/parts/2")
    response = world.api.call("GET", address, expect=206, Range="bytes=0-1, 8-9")
    assert response["Content-Type"].startswith("multipart/byteranges")
    assert b"Content-Range: bytes 0-1/10\r\n\r\n01\r\n" in response.content
    assert b"Content-Range: bytes 8-9/10\r\n\r\n89\r\n" in response.content
    tag = response["ETag"]
    world.api.call("GET", address, expect=206, Range="bytes=0-1", If_Range=tag)
    world.api.call("GET", address, expect=200, Range="bytes=0-1", If_Range='"other"')
    world.api.call("GET", address, expect=304, If_None_Match=tag)


@pytest.mark.req("Y93")
@pytest.mark.parametrize("what", ["/body", "/headers", "/raw", "/parts/1"])
def test_missing_bytes_are_asked_for_and_answered_by_202(world: World, what: str) -> None:
    email = factories.make_email(world.inbox)
    response = world.api.call("GET", at(world, email, what), expect=202)
    assert response["Retry-After"]
    assert response.json() == {"status": "fetching", "received_bytes": None, "size_bytes": None}
    email.refresh_from_db()
    assert email.body_wanted_at is not None
    shown = world.api.get(at(world, email, "?expand=body"))
    assert (shown["body"], shown["is_complete"]) == (None, False)
    Email.objects.filter(pk=email.pk).update(body_error="The server has lost it.")
    assert world.api.get(at(world, email, what), expect=502)["detail"] == "The server has lost it."


def test_uploads_can_be_read_back_by_their_account_alone(world: World) -> None:
    response = world.api.call(
        "POST", f"{world.home}/uploads", raw=b"\x00\xffpicture", expect=201, Content_Type="image/png"
    )
    blob = response.json()
    assert (blob["size_bytes"], blob["type"]) == (9, "image/png")
    got = world.api.call("GET", f"{response['Location']}?name=../a.png&type=text/html", expect=200)
    assert got.content == b"\x00\xffpicture"
    assert got["Content-Type"] == "application/octet-stream"
    assert got["Content-Disposition"].startswith('attachment; filename="')
    assert "/" not in got["Content-Disposition"]
    world.api.get(f"accounts/{world.second.public_id}/blobs/{blob['blob_id']}", expect=404)
    world.api.get(f"{world.home}/blobs/{blob['blob_id'][1:]}", expect=404)
    form = {"Content_Type": "multipart/form-data; boundary=x"}
    world.api.call("POST", f"{world.home}/uploads", raw=b"x", expect=415, **form)


def test_too_large_an_upload_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webmail.api.resources.blobs.MAX_FILES_BYTES", 10)
    problem = world.api.call("POST", f"{world.home}/uploads", raw=b"x" * 11, expect=413, Content_Type="text/plain")
    assert problem.json()["limit"] == 10


def piece(world: World, method: str, path: str, raw: bytes, header: str, *, expect: int) -> Any:
    headers = {"Content_Type": "text/plain", "Content_Range": header}
    return world.api.call(method, path, raw=raw, expect=expect, **headers)


@pytest.mark.req("rest 2")
def test_upload_in_pieces_goes_on_where_it_broke(world: World) -> None:
    begun = piece(world, "POST", f"{world.home}/uploads", b"abc", "bytes 0-2/9", expect=202)
    place = begun["Location"]
    assert (begun.json()["offset_bytes"], begun.json()["blob_id"]) == (3, None)
    assert world.api.get(place)["offset_bytes"] == 3
    wrong = piece(world, "PUT", place, b"ghi", "bytes 6-8/9", expect=409).json()
    assert (wrong["type"].rpartition("-")[2], wrong["offset_bytes"]) == ("conflict", 3)
    piece(world, "PUT", place, b"def", "bytes 3-5/9", expect=200)
    piece(world, "PUT", place, b"def", "bytes 3-5/9", expect=200)
    done = piece(world, "PUT", place, b"ghi", "bytes 6-8/9", expect=201)
    again = piece(world, "PUT", place, b"ghi", "bytes 6-8/9", expect=201)
    assert done.json()["blob_id"] == again.json()["blob_id"] == world.api.get(place)["blob_id"]
    assert world.api.call("GET", done["Location"], expect=200).content == b"abcdefghi"
    world.api.call("DELETE", place, expect=204)
    world.api.call("GET", done["Location"], expect=200)
    world.api.get(place, expect=404)


def test_pieces_that_make_no_sense_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = f"{world.home}/uploads"
    for header in ("bytes */9", "bytes 0-2/*", "items 0-2/9", "bytes 0-3/9"):
        piece(world, "POST", uploads, b"abc", header, expect=400)
    piece(world, "POST", uploads, b"abc", "bytes 3-5/9", expect=409)
    assert piece(world, "POST", uploads, b"abc", "bytes 0-2/25000001", expect=413).json()["limit"] == 25_000_000
    whole = piece(world, "POST", uploads, b"abc", "bytes 0-2/3", expect=201)
    assert whole.json()["size_bytes"] == 3
    begun = piece(world, "POST", uploads, b"abc", "bytes 0-2/9", expect=202)["Location"]
    piece(world, "PUT", begun, b"def", "bytes 3-5/8", expect=400)
    world.api.call("PUT", begun, raw=b"def", expect=400, Content_Type="text/plain")
    monkeypatch.setattr("webmail.outbox.writing.uploads.PIECE_BYTES", 2)
    assert piece(world, "PUT", begun, b"def", "bytes 3-5/9", expect=413).json()["limit"] == 2


@pytest.mark.req("R78")
def test_draft_of_another_program_is_gone_on_with(world: World) -> None:
    place = factories.make_mailbox(world.account, "Drafts", role="drafts")
    email = factories.make_email_from_bytes(place, RAW, keywords=("$draft",))
    made = world.api.call("POST", at(world, email, "/draft"), expect=201)
    assert made.json()["subject"] == "Lunch"
    assert [file["name"] for file in made.json()["attachments"]] == ["menu.txt"]
    assert world.api.get(at(world, email))["mailbox_ids"] == [world.trash.public_id]
    received = factories.make_email_from_bytes(world.inbox, RAW)
    world.api.call("POST", at(world, received, "/draft"), expect=409)
    absent = factories.make_email(place, keywords=("$draft",))
    answer = world.api.call("POST", at(world, absent, "/draft"), expect=409)
    assert (answer["Retry-After"], answer.json()["type"].rpartition("#")[2]) == ("2", "problem-body-not-here")


def test_threads_are_rows_with_their_messages(world: World) -> None:
    first = factories.make_email(world.inbox, headers=factories.make_headers(message_id="one@x"))
    factories.make_email(
        world.inbox,
        headers=factories.make_headers(
            subject="Re: Hello", in_reply_to=["one@x"], from_="cid@example.net", from_name="Cid"
        ),
        keywords=["$flagged"],
    )
    factories.make_email(world.trash, headers=factories.make_headers(subject="Gone"))
    (row,) = world.api.get(f"{world.home}/threads")["threads"]
    assert (row["count"], row["is_flagged"], row["is_unread"]) == (2, True, True)
    assert [one["name"] for one in row["people"]] == ["Ben", "Cid"]
    thread = world.api.get(f"{world.home}/threads/{row['id']}?expand=messages")
    assert thread["message_ids"][0] == first.public_id
    assert [one["id"] for one in thread["messages"]] == thread["message_ids"]
    assert world.api.get(f"{world.home}/threads?mailbox_id={world.trash.public_id}")["threads"][0]["subject"] == "Gone"


def test_thread_pages_walk_forth_and_back(world: World) -> None:
    for _ in range(2):
        for number in range(5):
            headers = factories.make_headers(subject=f"S{number}", in_reply_to=[f"root{number}@x"])
            factories.make_email(world.inbox, headers=headers)
    for base in (f"{world.home}/threads?limit=2", f"{world.home}/threads?limit=2&mailbox_id={world.inbox.public_id}"):
        first = world.api.get(base)
        second = world.api.get(f"{base}&after={first['next']}")
        third = world.api.get(f"{base}&after={second['next']}")
        every = [row["subject"] for page in (first, second, third) for row in page["threads"]]
        assert every == ["S4", "S3", "S2", "S1", "S0"]
        back = world.api.get(f"{base}&before={third['prev']}")
        assert back["threads"] == second["threads"]
        assert world.api.get(f"{base}&before={back['prev']}")["threads"] == first["threads"]


@pytest.mark.req("rest 2")
def test_search_takes_operators_over_all_accounts(world: World, letter: Email) -> None:
    other = factories.make_email(
        world.second.mailboxes.get(role="inbox"), headers=factories.make_headers(subject="Lunch again")
    )
    found = world.api.get("search?q=Lunch&count=true")
    assert [row["id"] for row in found["messages"]] == [letter.public_id, other.public_id] or len(
        found["messages"]
    ) == 2
    assert found["total"] == 2
    one = world.api.get("search?q=subject:Lunch has:attachment")["messages"]
    assert [row["id"] for row in one] == [letter.public_id]
    mine = world.api.get(f"search?q=Lunch&account_id={world.second.public_id}")["messages"]
    assert [row["id"] for row in mine] == [other.public_id]
    problem = world.api.get("search?q=Lunch form:ben", expect=400)
    assert (problem["position"], problem["type"].rpartition("-")[2]) == (6, "filter")


def test_search_pages(world: World) -> None:
    made = [factories.make_email(world.inbox).public_id for _ in range(5)]
    first = world.api.get("search?q=Hello&limit=2")
    second = world.api.get(f"search?q=Hello&limit=2&after={first['next']}")
    assert [row["id"] for row in first["messages"] + second["messages"]] == made[:0:-1]
    world.api.get(f"search?q=Other&after={first['next']}", expect=400)
