"""Conversations are the components of the References/In-Reply-To graph, over real mail of many programs and over made cases.

By the rules of JMAP (RFC 8621 section 3, `store.threads`) an edge counts only between messages of the same base subject. What
shares a subject and nothing else is never joined.
"""

from __future__ import annotations

import mailbox as mailboxes
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests import factories
from tests.store.conftest import World
from webmail.mime.headers import ListHeaders, parse_list_headers
from webmail.mime.threading import thread_subject
from webmail.store.ingest import ingest_emails
from webmail.store.models import Email

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the mail corpus (../shared/corpus) is not on this machine"
)


def ids_of(headers: ListHeaders) -> set[str]:
    """Everything that ties a message to others."""
    return {one for one in (headers.message_id, *headers.in_reply_to, *headers.references) if one}


def components(messages: Sequence[ListHeaders]) -> set[frozenset[int]]:
    """Indexes of messages that hang together by shared ids under one base subject, found by brute force."""
    known: dict[tuple[str, str], int] = {}
    group = list(range(len(messages)))

    def top(index: int) -> int:
        while group[index] != index:
            index = group[index]
        return index

    for index, headers in enumerate(messages):
        subject = thread_subject(headers.subject)
        for one in ids_of(headers):
            group[top(index)] = top(known.setdefault((one, subject), index))
    found: dict[int, set[int]] = {}
    for index in range(len(messages)):
        found.setdefault(top(index), set()).add(index)
    return {frozenset(members) for members in found.values()}


def conversations(world: World, messages: Sequence[ListHeaders], *, batch: int) -> set[frozenset[int]]:
    """The same as the store has them."""
    ids: list[int] = []
    for start in range(0, len(messages), batch):
        part = messages[start : start + batch]
        ids += ingest_emails(world.account.pk, [factories.make_item(world.inbox, headers=one) for one in part])
    threads = dict(Email.objects.filter(pk__in=ids).values_list("pk", "thread_id"))
    found: dict[int, set[int]] = {}
    for index, pk in enumerate(ids):
        found.setdefault(threads[pk], set()).add(index)
    return {frozenset(members) for members in found.values()}


def corpus_messages() -> list[ListHeaders]:
    """Threads of mailing lists and of many programs, oldest first; each message once."""
    raws = list(_raws())
    found: dict[str, tuple[float, ListHeaders]] = {}
    for number, raw in enumerate(raws):
        headers = parse_list_headers(raw)
        moment = headers.sent_at.timestamp() if headers.sent_at else 0.0
        found.setdefault(headers.message_id or str(number), (moment, headers))
    return [headers for _moment, headers in sorted(found.values(), key=lambda one: one[0])]


def _raws() -> Iterable[bytes]:
    for path in [*(CORPUS / "threads").rglob("*.mbox"), *(CORPUS / "threads").rglob("mbox.rlug")]:
        box = mailboxes.mbox(path, create=False)
        for key in box.keys():  # noqa: SIM118 - a mailbox is no mapping
            yield _head(box.get_bytes(key))
        box.close()
    for folder in (CORPUS / "threads", CORPUS / "malformed-mime" / "mailcore2-jwz"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in {".eml", ".txt", ""} and "output" not in path.parts:
                yield _head(path.read_bytes())


def _head(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0] + b"\n\n"


@needs_corpus
def test_real_mail_falls_into_the_components_of_its_graph(world: World) -> None:
    messages = corpus_messages()
    expected = components(messages)
    assert len(messages) > 100
    assert max(map(len, expected)) > 2  # there are conversations in it
    assert conversations(world, messages, batch=20) == expected


@needs_corpus
def test_nothing_of_the_corpus_is_joined_by_its_subject_alone(world: World) -> None:
    messages = corpus_messages()
    graph = [ids_of(headers) for headers in messages]
    for members in conversations(world, messages, batch=500):
        reached = {min(members)}
        while more := {other for other in members - reached if any(graph[other] & graph[one] for one in reached)}:
            reached |= more
        assert reached == set(members)


@pytest.mark.parametrize("seed", range(12))
def test_answers_of_any_depth_find_their_conversation_in_the_order_they_were_written(world: World, seed: int) -> None:
    chance = random.Random(seed)
    messages: list[ListHeaders] = []
    for number in range(60):
        subject = f"Subject {chance.randrange(4)}"
        parent = chance.choice(messages) if messages and chance.random() < 0.7 else None
        if parent is not None and chance.random() < 0.9:
            subject = f"{chance.choice(['Re', 'AW', 'Fwd'])}: {parent.subject}"
        named = [parent.message_id] if parent is not None and parent.message_id else []
        has_references = chance.random() < 0.8
        messages.append(
            factories.make_headers(
                subject=subject,
                message_id=f"{number}@{seed}.example",
                in_reply_to=named if chance.random() < 0.8 or not has_references else [],
                references=tuple([*parent.references, *named] if parent is not None and has_references else ()),
            )
        )
    assert conversations(world, messages, batch=chance.choice([1, 7, 60])) == components(messages)


def test_the_same_subject_alone_joins_nothing(world: World) -> None:
    messages = [factories.make_headers(subject=subject) for subject in ("Lunch", "Re: Lunch", "Lunch", "Fwd: Lunch")]
    assert len(conversations(world, messages, batch=4)) == 4


def test_an_answer_that_comes_before_what_it_answers_waits_for_it(world: World) -> None:
    messages = [
        factories.make_headers(subject="Re: Plan", message_id="b@x", in_reply_to=["a@x"]),
        factories.make_headers(subject="Re: Plan", message_id="c@x", in_reply_to=["a@x"]),
        factories.make_headers(subject="Plan", message_id="a@x"),
    ]
    assert conversations(world, messages, batch=1) == {frozenset({0, 1, 2})}


def test_another_subject_begins_another_conversation(world: World) -> None:
    """RFC 8621 section 3: both an id and the base subject must be shared."""
    messages = [
        factories.make_headers(subject="Plan", message_id="a@x"),
        factories.make_headers(subject="Something else (was: Plan)", message_id="b@x", in_reply_to=["a@x"]),
        factories.make_headers(subject="Re: Something else (was: Plan)", message_id="c@x", in_reply_to=["b@x"]),
    ]
    assert conversations(world, messages, batch=3) == {frozenset({0}), frozenset({1, 2})}


def test_two_conversations_are_never_merged(world: World) -> None:
    """Their ids never change (jmap S11): who ties two of them joins the one it answers."""
    messages = [
        factories.make_headers(subject="Plan", message_id="a@x"),
        factories.make_headers(subject="Plan", message_id="b@x"),
        factories.make_headers(subject="Re: Plan", message_id="c@x", in_reply_to=["b@x"], references=("a@x", "b@x")),
    ]
    assert conversations(world, messages, batch=1) == {frozenset({0}), frozenset({1, 2})}
