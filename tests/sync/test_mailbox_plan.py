"""What a LIST means: trees, roles, renames, absences."""

import pytest

from webmail.sync.discovery import mailbox_plan
from webmail.sync.discovery.mailbox_plan import Held, Listed


def listed(name: str, **fields: object) -> Listed:
    return Listed(name.encode(), name, "/", **fields)


@pytest.mark.req("Y22")
def test_unlisted_parents_become_rows_that_cannot_be_selected():
    tree = mailbox_plan.complete_tree([listed("a/b/c"), listed("INBOX")])

    assert [(item.name, item.is_selectable) for item in tree] == [
        ("INBOX", True), ("a", False), ("a/b", False), ("a/b/c", True),
    ]  # fmt: skip


@pytest.mark.req("R37")
def test_tree_of_a_thousand_levels_is_flattened():
    tree = mailbox_plan.complete_tree([listed("/".join("x" * 400))])
    shown = mailbox_plan.shown_names(tree)

    depth = {b"": 0}
    for item in tree:
        depth[item.raw_name] = depth[shown[item.raw_name][0]] + 1
    assert len(tree) == 400
    assert max(depth.values()) == mailbox_plan.MAX_LEVELS + 2


@pytest.mark.req("R37")
def test_too_long_name_is_left_out_and_the_rest_stays():
    assert [item.name for item in mailbox_plan.complete_tree([listed("x" * 2000), listed("INBOX")])] == ["INBOX"]


@pytest.mark.req("Y27")
def test_names_that_look_alike_stay_apart():
    tree = [Listed(b"&bad", "Work", "/"), Listed(b"Work", "Work", "/")]

    assert len({name for _, name in mailbox_plan.shown_names(tree).values()}) == 2


@pytest.mark.req("Y20")
def test_roles_are_chosen_then_stated_then_kept_then_guessed():
    tree = [
        listed("Mine"),
        listed("Papierkorb", guessed="trash"),
        listed("Deleted", role="trash"),
        listed("Sent", guessed="sent"),
        listed("Sent Items", guessed="sent"),
        listed("Entwürfe", guessed="drafts"),
    ]
    held = [
        Held(1, b"Mine", role="archive", is_role_chosen=True),
        Held(2, b"Sent Items", role="sent"),
        Held(3, "Entwürfe".encode(), role="", is_role_chosen=True),
    ]

    roles = mailbox_plan.assign_roles(held, tree)

    assert {raw.decode(): role for raw, role in roles.items() if role} == {
        "Mine": "archive", "Deleted": "trash", "Sent Items": "sent",
    }  # fmt: skip


@pytest.mark.req("Y23")
def test_rename_by_mailbox_id():
    renames = mailbox_plan.find_renames([Held(1, b"old", remote_id="M1")], [listed("new", remote_id="M1")])

    assert [(rename.mailbox_id, rename.listed.name, rename.needs_sample) for rename in renames] == [(1, "new", False)]


@pytest.mark.req("Y24")
@pytest.mark.parametrize(
    ("held", "new", "candidates"),
    [
        pytest.param([Held(1, b"a", uidvalidity=5, uidnext=9)], [("b", 5, 9)], 1, id="one candidate"),
        pytest.param([Held(1, b"a", uidvalidity=5, uidnext=9)], [("b", 5, 8)], 0, id="UIDNEXT lower"),
        pytest.param([Held(1, b"a", uidvalidity=5, uidnext=9)], [("b", 6, 9)], 0, id="UIDVALIDITY differs"),
        pytest.param([Held(1, b"a", uidvalidity=5, uidnext=9)], [("b", 5, 9), ("c", 5, 9)], 2, id="two candidates"),
    ],
)
def test_without_mailbox_id_a_sample_has_to_prove_a_rename(held, new, candidates):
    new_ones = [listed(name, uidvalidity=validity, uidnext=uidnext) for name, validity, uidnext in new]

    found = mailbox_plan.find_renames(held, new_ones)

    assert len(found) == candidates
    assert all(rename.needs_sample for rename in found)
    # Proved twice is proved never: exactly one may remain.
    assert len(mailbox_plan.settle_renames(held, new_ones, found)) == (1 if candidates == 1 else 0)


@pytest.mark.req("Y24")
def test_what_lies_below_and_the_bare_name_above_go_along():
    held = [
        Held(1, b"Old", is_selectable=False),
        Held(2, b"Old/Mail", uidvalidity=5, uidnext=9),
        Held(3, b"Old/Mail/Empty", uidvalidity=5, uidnext=1),
        Held(4, b"Older", uidvalidity=5, uidnext=1),
    ]
    tree = [
        listed("New", is_selectable=False),
        listed("New/Mail", uidvalidity=5, uidnext=9),
        listed("New/Mail/Empty", uidvalidity=5, uidnext=1),
    ]
    proved = [mailbox_plan.Rename(2, tree[1], needs_sample=True)]

    settled = mailbox_plan.settle_renames(held, tree, proved)

    assert {rename.mailbox_id: rename.listed.name for rename in settled} == {
        1: "New", 2: "New/Mail", 3: "New/Mail/Empty",
    }  # fmt: skip


@pytest.mark.req("R81")
def test_many_missing_at_once_are_doubted_first():
    held = [Held(1, b"INBOX"), *(Held(n, b"box %d" % n, is_doubted=n == 2) for n in range(2, 6))]

    absent = mailbox_plan.absent_mailboxes(held, [listed("INBOX")])

    assert (absent.hide, absent.doubt) == ((2,), (3, 4, 5))
    big = [*(Held(n, b"box %d" % n) for n in range(2, 9)), Held(9, b"big", messages=501)]
    assert mailbox_plan.absent_mailboxes(big, [listed(f"box {n}") for n in range(2, 9)]).doubt == (9,)


@pytest.mark.req("Y19")
def test_unwanted_mailboxes_of_others_are_hidden_and_never_removed():
    held = [Held(1, b"INBOX"), Held(2, b"Shared/a"), Held(3, b"Shared/b", is_missing=True)]

    absent = mailbox_plan.absent_mailboxes(held, [listed("INBOX")], unwanted=frozenset({2, 3}))

    assert (absent.hide, absent.remove, absent.doubt) == ((2,), (), ())


@pytest.mark.req("Y24")
def test_sample_must_agree_in_nineteen_of_twenty():
    ours = {uid: (f"{uid}@x", 10) for uid in range(20)}

    assert mailbox_plan.is_sample_equal(ours, {**ours, 3: ("other@x", 10)})
    assert not mailbox_plan.is_sample_equal(ours, {**ours, 3: ("other@x", 10), 4: ("b@x", 10)})
    assert not mailbox_plan.is_sample_equal({}, {})


@pytest.mark.req("Y26")
def test_missing_mailbox_is_hidden_before_it_is_removed():
    held = [Held(1, b"INBOX"), Held(2, b"new gap"), Held(3, b"old gap", is_missing=True)]

    absent = mailbox_plan.absent_mailboxes(held, [listed("INBOX")])

    assert (absent.hide, absent.remove) == ((2,), (3,))


@pytest.mark.req("R81")
def test_list_without_inbox_is_not_believed():
    assert not mailbox_plan.is_believable([])
    assert not mailbox_plan.is_believable([listed("Sent")])
    assert mailbox_plan.is_believable([listed("Inbox")])


@pytest.mark.req("R81")
def test_a_mailbox_without_a_name_goes_when_it_is_missing_and_is_known_by_its_id_before():
    nameless = Held(2, b"", remote_id="M2", is_missing=True)
    unmade = Held(3, b"")

    absent = mailbox_plan.absent_mailboxes([Held(1, b"INBOX"), nameless, unmade], [listed("INBOX")])
    renames = mailbox_plan.find_renames([nameless, unmade], [listed("again", remote_id="M2"), listed("/x")])

    assert (absent.hide, absent.remove) == ((), (2,))
    assert [(rename.mailbox_id, rename.listed.name) for rename in renames] == [(2, "again")]
    assert mailbox_plan.settle_renames([nameless, unmade], [listed("again", remote_id="M2")], renames) == renames
