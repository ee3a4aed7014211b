"""The table of keys (ux section 8, features 36), each person's own keys on top of it, and the page where they are changed."""

from __future__ import annotations

import json
import re

import pytest
from django.urls import reverse

from accounts.models import KeyPreset, User
from tests.factories import make_account, make_user
from tests.web.pages import body_of, client_of
from webmail.web.keys.browsers import kept_reason
from webmail.web.keys.commands import BY_NAME, COMMANDS, Place
from webmail.web.keys.for_pages import keymap_data
from webmail.web.keys.keymap import KeyRefused, find_clash, keymap_of, preset_keys, reset_keys, set_keys
from webmail.web.keys.notation import NotAKey, is_character, normalise

# ux section 8, row by row. What belongs to the compose window, snoozing and contacts comes with them.
TABLE = {
    "next": ("j", "ArrowDown"),
    "previous": ("k", "ArrowUp"),
    "extend_next": ("Shift+j", "Shift+ArrowDown"),
    "extend_previous": ("Shift+k", "Shift+ArrowUp"),
    "open": ("o", "Enter"),
    "back": ("u",),
    "next_message": ("n",),
    "previous_message": ("p",),
    "unfold_all": (";",),
    "fold_all": (":",),
    "select": ("x",),
    "select_all": ("* a",),
    "select_none": ("* n",),
    "select_read": ("* r",),
    "select_unread": ("* u",),
    "select_starred": ("* s",),
    "select_unstarred": ("* t",),
    "archive": ("e",),
    "delete": ("#", "Delete"),
    "junk": ("!",),
    "star": ("s",),
    "important": ("+",),
    "unimportant": ("-",),
    "read": ("Shift+i",),
    "unread": ("Shift+u",),
    "unread_from": ("_",),
    "label": ("l",),
    "move": ("v",),
    "unlabel": ("y",),
    "mute": ("m",),
    "archive_previous": ("[",),
    "archive_next": ("]",),
    "go_inbox": ("g i",),
    "go_unread": ("g u",),
    "go_starred": ("g s",),
    "go_drafts": ("g d",),
    "go_sent": ("g t",),
    "go_scheduled": ("g o",),
    "go_searches": ("g k",),
    "go_all": ("g a",),
    "go_label": ("g l",),
    "next_block": ("g n",),
    "previous_block": ("g p",),
    "compose": ("c",),
    "reply": ("r",),
    "reply_all": ("a",),
    "forward": ("f",),
    "send": ("Ctrl+Enter",),
    "send_archive": ("Ctrl+Shift+Enter",),
    "save_draft": ("Ctrl+s",),
    "search": ("/",),
    "keys": ("?",),
    "more": (".",),
    "toolbar": (",",),
    "undo": ("z", "Ctrl+z"),
    "palette": ("Ctrl+k",),
    "headers": ("h",),
    "colors": ("Shift+h",),
    **{f"account_{number}": (f"Alt+{number}",) for number in range(1, 10)},
}


@pytest.fixture
def alice(db: None) -> User:
    return make_user()


def test_every_key_of_the_design_has_its_command_and_there_is_no_other() -> None:
    assert {command.name: command.gmail for command in COMMANDS} == TABLE
    assert len(BY_NAME) == len(COMMANDS)


@pytest.mark.parametrize("preset", [*KeyPreset.values])
def test_no_preset_has_two_commands_on_one_key_or_a_key_that_browsers_keep(preset: str) -> None:
    keys = preset_keys(preset)
    for name, own in keys.items():
        for key in own:
            assert normalise(key) == key
            assert find_clash(keys, name, key) is None, (name, key)
            assert kept_reason(key) is None, key
            if BY_NAME[name].place == Place.COMPOSER:
                assert not is_character(key)


def test_presets_follow_the_programs_they_are_named_after() -> None:
    outlook, apple = preset_keys("outlook"), preset_keys("apple")
    assert (outlook["read"], outlook["unread"], outlook["compose"]) == (("q",), ("u",), ("n",))
    assert (outlook["reply_all"], outlook["label"], outlook["junk"]) == (("Shift+r",), ("c",), ("j",))
    assert "Ctrl+Shift+u" in apple["unread"]
    assert "Backspace" in apple["delete"]


def test_without_single_keys_letters_and_signs_do_nothing_and_the_rest_works() -> None:
    """WCAG 2.1.4."""
    keys = preset_keys("off")
    assert not [key for own in keys.values() for key in own if is_character(key)]
    assert keys["palette"] == ("Ctrl+k",)
    assert keys["delete"] == ("Delete",)
    assert keys["archive"] == ()


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("e", "e"),
        ("E", "Shift+e"),
        ("shift+i", "Shift+i"),
        ("ctrl + K", "Ctrl+Shift+k"),
        ("Cmd+k", "Ctrl+k"),
        ("Strg+Alt+f", "Ctrl+Alt+f"),
        ("alt+ctrl+f", "Ctrl+Alt+f"),
        ("Shift+#", "#"),
        ("+", "+"),
        ("Ctrl++", "Ctrl++"),
        ("g  I", "g Shift+i"),
        ("* a", "* a"),
        ("del", "Delete"),
        ("shift+down", "Shift+ArrowDown"),
        ("ü", "ü"),
    ],
)
def test_a_key_has_one_spelling_however_it_is_written(written: str, key: str) -> None:
    assert normalise(written) == key


@pytest.mark.parametrize("written", ["", " ", "hello", "Ctrl+", "Hyper+k", "a b c d", "a" * 100, "\x00", "Ctrl+Ctrlx"])
def test_what_names_no_key_is_refused(written: str) -> None:
    with pytest.raises(NotAKey):
        normalise(written)


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("archive", "s", "s is taken: “Star, or take the star off”."),
        ("archive", "g", "g is taken: “Next block of the list” has g n."),
        ("archive", "e x", ""),
        ("archive", "s x", "s x is taken: “Star, or take the star off” has s."),
        ("archive", "Ctrl+t", "Ctrl+t cannot be used: browsers keep it for windows and tabs."),
        ("archive", "Tab", "Tab cannot be used: people who use the keyboard move through the page with it."),
        ("archive", "g F5", "g F5 cannot be used: browsers reload the page with it."),
        ("archive", "nonsense", "This is no key. Write it like e, Shift+i, Ctrl+k or g i."),
        ("send", "s", "While you write, a key needs Ctrl or Alt: a letter alone would be typed."),
        ("send", "Ctrl+k", "Ctrl+k is taken: “Find anything: commands, mailboxes, people”."),
        ("archive", "Ctrl+Enter", ""),
    ],
)
def test_a_key_that_is_taken_or_kept_is_refused_with_the_reason(alice: User, name: str, key: str, words: str) -> None:
    if not words:
        set_keys(alice, name, [key])
        assert keymap_of(alice)[name] == (key,)
        return
    with pytest.raises(KeyRefused) as refused:
        set_keys(alice, name, [key])
    assert str(refused.value.words) == words
    alice.refresh_from_db()
    assert alice.keys == {}


def test_keys_are_changed_switched_off_and_taken_back(alice: User) -> None:
    set_keys(alice, "archive", [])
    set_keys(alice, "star", ["e", "Ctrl+Alt+s"])
    alice.refresh_from_db()
    assert keymap_of(alice)["archive"] == ()
    assert keymap_of(alice)["star"] == ("e", "Ctrl+Alt+s")
    with pytest.raises(KeyRefused) as refused:
        reset_keys(alice, "archive")
    assert refused.value.other == BY_NAME["star"]
    reset_keys(alice, "star")
    reset_keys(alice, "archive")
    assert alice.keys == {}
    assert keymap_of(alice) == preset_keys("gmail")
    set_keys(alice, "archive", ["e"])
    assert alice.keys == {}, "what is as in the preset is not kept as the person's own"


def test_own_keys_win_over_those_of_another_preset_and_nonsense_in_the_row_is_passed_over(alice: User) -> None:
    alice.keys = {"archive": ["q", 7, "no key at all"], "gone": ["e"], "star": "e"}
    alice.key_preset = "outlook"
    keys = keymap_of(alice)
    assert keys["archive"] == ("q", "7")
    assert keys["read"] == ()
    assert all(find_clash(keys, name, key) is None for name, own in keys.items() for key in own)


def test_the_page_has_the_map_as_data_that_is_not_run(alice: User) -> None:
    make_account(alice)
    set_keys(alice, "archive", ["w"])
    page = client_of(alice).get("/mail/inbox").content.decode()
    (found,) = re.findall(r'<script id="keymap" type="application/json">(.*?)</script>', page)
    data = json.loads(found)
    assert data == json.loads(json.dumps(keymap_data(alice, accounts=1)))
    by_name = {command["name"]: command for command in data["commands"]}
    assert by_name["archive"]["keys"] == ["w"]
    assert "account_1" in by_name
    assert "account_2" not in by_name
    assert len(found) < 12_000


def test_the_settings_work_without_scripts(alice: User) -> None:
    client = client_of(alice)
    address = reverse("settings_keys")
    assert client.post(address, {"act": "preset", "preset": "outlook"}).status_code == 302
    alice.refresh_from_db()
    assert alice.key_preset == "outlook"
    answer = client.post(address, {"act": "add", "command": "archive", "key": "Shift+A"})
    assert answer["Location"] == f"{address}#key-archive"
    client.post(address, {"remove": "archive e"})
    alice.refresh_from_db()
    assert alice.keys == {"archive": ["Shift+a"]}
    client.post(address, {"act": "reset", "command": "archive"})
    client.post(address, {"act": "off", "command": "star"})
    alice.refresh_from_db()
    assert alice.keys == {"star": []}
    client.post(address, {"act": "reset_all"})
    alice.refresh_from_db()
    assert alice.keys == {}


def test_a_refused_key_is_said_at_its_place_and_what_was_typed_stays(alice: User) -> None:
    answer = client_of(alice).post(reverse("settings_keys"), {"act": "add", "command": "archive", "key": "s"})
    assert answer.status_code == 422
    page = body_of(answer)
    line = page[page.index('id="key-archive"') : page.index('id="key-delete"')]
    assert "s is taken: “Star, or take the star off”." in line
    assert 'name="key" value="s"' in line
    assert 'aria-describedby="fault-archive"' in line
    for bad in (
        {"act": "add", "command": "nobody", "key": "e"},
        {"act": "preset", "preset": "emacs"},
        {"act": "", "command": "star"},
    ):
        assert client_of(alice).post(reverse("settings_keys"), bad).status_code == 422


def test_commands_are_found_by_their_words(alice: User) -> None:
    page = body_of(client_of(alice).get(reverse("settings_keys"), {"find": "MUTE"}))
    assert 'id="key-mute"' in page
    assert 'id="key-archive"' not in page
    assert "No command is called so." in body_of(client_of(alice).get(reverse("settings_keys"), {"find": "zzz"}))


def test_a_script_gets_the_new_map_or_the_refusal(alice: User) -> None:
    client = client_of(alice)
    answer = client.post(
        reverse("settings_keys"),
        {"act": "add", "command": "archive", "key": "w"},
        headers={"Accept": "application/json"},
    )
    assert answer.json()["own"] == ["archive"]
    refused = client.post(
        reverse("settings_keys"),
        {"act": "add", "command": "archive", "key": "s"},
        headers={"Accept": "application/json"},
    )
    assert refused.status_code == 422
    assert refused.json() == {"refused": "s is taken: “Star, or take the star off”.", "other": "star"}
