"""Base subjects and the ids that tie messages together."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.headers import ListHeaders, parse_list_headers
from webmail.mime.limits import MAX_THREAD_IDS
from webmail.mime.threading import base_subject, thread_ids, thread_subject


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Hello", "Hello"),
        ("Re: Hello", "Hello"),
        ("RE : re: Fwd: FW: Hello", "Hello"),
        ("Re[2]: Hello", "Hello"),
        ("Re: [list] Re: Hello", "Hello"),
        ("[list] Hello", "Hello"),
        ("[a] [b] Re: Hello (fwd) (FWD) ", "Hello"),
        ("[only]", "[only]"),
        ("[fwd: Re: Hello]", "Hello"),
        ("[Fwd: [fwd: Hello]]", "Hello"),
        ("Re:", ""),
        ("Regards", "Regards"),
        ("fwd", "fwd"),
        ("a\t b   c", "a b c"),
        ("=?utf-8?q?Re=3A_Caf=C3=A9?=", "Café"),
        ("AW: Hello", "AW: Hello"),
        ("", ""),
    ],
)
def test_base_subject_is_that_of_rfc_5256(subject: str, base: str) -> None:
    assert base_subject(subject) == base


@pytest.mark.parametrize(
    "subject",
    [
        "Hello World",
        "AW: Hello World",
        "SV: Re: hello  world",
        "回复：Hello World",
        "RE(2): HELLO WORLD",
        "Antw: [x] Hello World",
    ],
)
def test_thread_subject_knows_the_marks_of_other_languages(subject: str) -> None:
    assert thread_subject(subject) == "helloworld"


@given(st.text(max_size=200))
def test_base_subject_is_stable(subject: str) -> None:
    once = base_subject(subject)
    if "=?" not in once:
        assert base_subject(once) == once


@pytest.mark.req("R44")
@pytest.mark.parametrize("piece", ["re:", "[a]", "(fwd)", "[fwd:", "[", "re [", " ", "aw: "])
def test_subjects_take_linear_time(piece: str) -> None:
    hostile = (piece * 100_000)[:100_000]
    started = time.process_time()
    base_subject(hostile)
    thread_subject(hostile)
    assert time.process_time() - started < 0.2


def test_thread_ids_are_own_id_then_named_ids_once() -> None:
    headers = parse_list_headers(b"Message-ID: <3@x>\nIn-Reply-To: <2@x>\nReferences: <1@x> <2@x>\n")
    assert thread_ids(headers) == ("3@x", "1@x", "2@x")
    assert thread_ids(ListHeaders()) == ()


def test_thread_ids_are_capped_with_the_root_and_the_latest_kept() -> None:
    references = tuple(f"{i}@x" for i in range(1_000))
    ids = thread_ids(ListHeaders(message_id="own@x", references=references))
    assert len(ids) <= MAX_THREAD_IDS
    assert {"own@x", "0@x", "999@x"} <= set(ids)
