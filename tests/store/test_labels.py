"""Labels (F47 ff.): their keywords, names and colours, what other programs left, and taking one away."""

from __future__ import annotations

import pytest

from tests import factories
from tests.store.conftest import World, world
from webmail.journal import undoing
from webmail.journal.actions import keywords
from webmail.journal.actions.labels import delete_label
from webmail.store import labels
from webmail.store.models import EmailKeyword, Label
from webmail.store.queries.labels import (
    carried_labels,
    emails_with_label,
    keywords_without_label,
    labels_by_keyword,
    labels_of,
    unread_with_labels,
)

__all__ = ["world"]


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("Projects 2026", "projects-2026"),
        ("Büro & Café", "buro-cafe"),
        ("  To/Do (soon)  ", "to-do-soon"),
        ("A" * 90, "a" * 60),
    ],
)
def test_a_name_gives_a_clean_keyword(name: str, keyword: str) -> None:
    assert labels.keyword_for(name) == keyword


@pytest.mark.parametrize("name", ["عمل", "仕事", "Junk", "***", "Straße 東京"])
def test_a_name_that_cannot_be_spelt_so_gets_a_stable_one(name: str) -> None:
    found = labels.keyword_for(name)
    assert found.startswith("label-")
    assert found == labels.keyword_for(name)
    assert keywords.clean_keyword(found) == found


def test_names_are_there_once_and_keywords_are_never_shared(world: World) -> None:
    first = labels.create_label(world.alice, " Büro ")
    second = labels.create_label(world.alice, "Buro")
    assert (first.name, first.keyword, second.keyword) == ("Büro", "buro", "buro-2")
    with pytest.raises(labels.LabelNameTaken):
        labels.create_label(world.alice, "BURO")
    with pytest.raises(labels.BadLabelName):
        labels.create_label(world.alice, " \x00 ")
    with pytest.raises(labels.BadLabelName):
        labels.create_label(world.alice, "x" * 101)
    assert labels.create_label(factories.make_user("bob"), "Büro").keyword == "buro"


def test_renaming_keeps_the_keyword_and_order_is_the_persons(world: World) -> None:
    one, two = labels.create_label(world.alice, "One"), labels.create_label(world.alice, "Two")
    labels.change_label(one, name="Uno", color=5, is_shown=False)
    labels.place_labels(world.alice, [two.public_id, one.public_id])
    found = labels_of(world.alice)
    assert [(label.name, label.keyword, label.color) for label in found] == [("Two", "two", 1), ("Uno", "one", 5)]
    with pytest.raises(labels.LabelNameTaken):
        labels.change_label(one, name="two")
    assert set(labels_by_keyword(world.alice)) == {"one", "two"}


def test_keywords_of_other_programs_get_names(world: World) -> None:
    factories.make_email(world.inbox, keywords=("$label1", "$label4", "my_tag", "$mdnsent", "nonjunk", "$seen"))
    found = {word.keyword: word.name for word in keywords_without_label(world.alice)}
    assert found == {"$label1": "Important", "$label4": "To Do", "my_tag": "My tag"}
    labels.create_label(world.alice, "Important")
    label = labels.adopt_keyword(world.alice, "$label1", "Important", 3)
    assert (label.name, label.keyword, label.color) == ("Important 2", "$label1", 3)
    assert "$label1" not in {word.keyword for word in keywords_without_label(world.alice)}


def test_counts_and_lists_leave_trash_out(world: World) -> None:
    label = labels.create_label(world.alice, "Work")
    seen = factories.make_email(world.inbox, keywords=("work", "$seen"))
    unread = factories.make_email(world.inbox, keywords=("work",))
    factories.make_email(world.trash, keywords=("work",))
    assert set(emails_with_label(world.alice, label)) == {seen, unread}
    assert unread_with_labels(world.alice) == {"work": 1}
    assert carried_labels(world.alice, [seen.pk, unread.pk])["work"] == 2


def test_a_deleted_label_leaves_all_mail_and_undo_brings_both_back(world: World) -> None:
    label = labels.create_label(world.alice, "Work", color=6)
    emails = [factories.make_email(mailbox, keywords=("work",)) for mailbox in (world.inbox, world.trash)]
    shared = factories.make_mailbox(world.account, "Shared", rights="lr")
    fixed = factories.make_email(shared, keywords=("work",))
    step = delete_label(world.alice, label)
    assert step is not None
    assert not Label.objects.exists()
    assert list(EmailKeyword.objects.filter(keyword="work").values_list("email_id", flat=True)) == [fixed.pk]
    undoing.undo_step(world.alice, step)
    restored = Label.objects.get()
    assert (restored.name, restored.keyword, restored.color) == ("Work", "work", 6)
    assert EmailKeyword.objects.filter(keyword="work", email__in=emails).count() == 2
    assert delete_label(world.alice, labels.create_label(world.alice, "Unused")) is None
