"""What `up` prepares: keys nobody else can read, a database, and a configuration without secrets."""

import configparser
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from accounts.models import AccountState, MailAccount, User
from webmail.settings.environment import read_environment, read_environment_file
from webmail.workers import demo_accounts, installation, pages, programs
from webmail.workers.demo_accounts import DEMO_EMAIL, DEMO_PASSWORD, DemoPorts
from webmail.workers.programs import CannotStart


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Keys ---------------------------------------------------------------------------------------------------------------


def test_new_keys_are_usable_and_for_this_user_only(tmp_path):
    var_dir = tmp_path / "var"
    installation.make_directories(var_dir)

    assert installation.make_keys(var_dir, has_secret_key=False, has_credential_keys=False)

    environment = read_environment({"VAR_DIR": str(var_dir)}, checkout=tmp_path)
    assert len(environment.secret_key) >= 50
    assert list(environment.credential_keys) == ["k1"]
    assert mode(var_dir) == mode(var_dir / "blobs") == 0o700
    assert mode(var_dir / "environment") == 0o600


@pytest.mark.req("R48")
def test_keys_that_are_there_are_never_replaced(tmp_path):
    installation.make_keys(tmp_path, has_secret_key=False, has_credential_keys=False)
    before = (tmp_path / "environment").read_text()

    assert not installation.make_keys(tmp_path, has_secret_key=False, has_credential_keys=False)
    assert (tmp_path / "environment").read_text() == before


def test_a_key_that_is_given_is_not_made_and_others_stay_in_the_file(tmp_path):
    (tmp_path / "environment").write_text("UNDO_SEND_S=5\n")

    installation.make_keys(tmp_path, has_secret_key=True, has_credential_keys=False)

    assert set(read_environment_file(tmp_path / "environment")) == {"UNDO_SEND_S", "CREDENTIAL_KEYS"}


@pytest.mark.django_db
def test_database_that_is_up_to_date_is_left_alone():
    assert not installation.migrate()


def test_static_files_are_collected_only_when_they_changed(tmp_path, settings, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "main.css").write_text("a")
    settings.STATIC_ROOT, settings.STATICFILES_DIRS = target, [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    collected: list[str] = []
    monkeypatch.setattr(installation, "call_command", lambda name, **_: collected.append(name))

    assert installation.collect_static()
    assert not installation.collect_static()
    (source / "main.css").write_text("ab")
    assert installation.collect_static()

    assert collected == ["collectstatic", "collectstatic"]


# Programs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def embedded(settings: Any, tmp_path: Path) -> None:
    """Settings as of a first `make run`."""
    settings.VAR_DIR = tmp_path
    settings.REDIS_URL = f"unix://{tmp_path}/run/redis.sock"


def commands(*, has_demo: bool = False) -> dict[str, list[str]]:
    text = programs.supervisor_configuration(programs.programs(host="127.0.0.1", port=9000, has_demo=has_demo))
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {
        name.removeprefix("program:"): shlex.split(parser[name]["command"])
        for name in parser.sections()
        if name.startswith("program:")
    }


def test_all_processes_are_run_and_tied_to_their_supervisor(embedded):
    found = commands(has_demo=True)

    assert {name for name in found if not name.startswith("web")} == {"redis", "net", "cpu", "watch", "sweep", "demo"}
    assert len([name for name in found if name.startswith("web")]) == pages.number_of_processes()
    assert all(command[:3] == [sys.executable, "-I", "-S"] for command in found.values())
    assert all(command[3].endswith("tether.py") for command in found.values())
    assert found["web"][found["web"].index("--port") + 1] == "9000"
    assert "demo" not in commands()


def test_private_redis_has_no_port_and_keeps_nothing(embedded):
    redis = commands()["redis"]

    assert redis[redis.index("--port") + 1] == "0"
    assert redis[redis.index("--save") + 1] == ""
    assert redis[redis.index("--unixsocketperm") + 1] == "700"


def test_given_redis_is_used_and_none_started(embedded, settings):
    settings.REDIS_URL = "redis://10.0.0.1/0"

    assert "redis" not in commands()


@pytest.mark.req("R42")
def test_hostile_input_has_limits_of_time_and_memory(embedded):
    cpu = commands()["cpu"]

    assert {"--time-limit", "--soft-time-limit", "--max-memory-per-child"} <= set(cpu)
    assert cpu[cpu.index("-P") + 1] == "prefork"


@pytest.mark.req("R49")
def test_configuration_of_the_supervisor_holds_no_secret(embedded, settings):
    settings.SECRET_KEY, settings.CREDENTIAL_KEYS = "S3CR3T-key", {"k": b"S3CR3T-key"}
    found = programs.programs(host="127.0.0.1", port=9000, has_demo=True)

    assert "S3CR3T" not in programs.supervisor_configuration(found)


def test_directory_whose_name_is_too_long_for_a_socket_is_explained(embedded, settings, tmp_path):
    settings.VAR_DIR = tmp_path / ("x" * 90)
    settings.REDIS_URL = f"unix://{settings.VAR_DIR}/run/redis.sock"

    with pytest.raises(CannotStart, match="shorter VAR_DIR"):
        programs.programs(host="127.0.0.1", port=9000, has_demo=False)


# Demo ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ports(settings: Any, tmp_path: Path) -> DemoPorts:
    settings.VAR_DIR = tmp_path
    return demo_accounts.demo_ports()


def test_ports_of_the_demo_are_chosen_once(ports):
    assert demo_accounts.demo_ports() == ports
    assert len({ports.imap, ports.pop3, ports.smtp}) == 3
    assert demo_accounts.renew_taken_ports() == ports
    assert not ports.answer()


@pytest.mark.django_db
def test_demo_user_has_a_mailbox_of_each_protocol(ports):
    user = demo_accounts.ensure_demo_user(ports)

    assert user.email == DEMO_EMAIL
    assert user.check_password(DEMO_PASSWORD)
    found = MailAccount.objects.filter(user=user).values_list("incoming_protocol", "incoming_port", "outgoing_port")
    assert set(found) == {("imap", ports.imap, ports.smtp), ("pop3", ports.pop3, ports.smtp)}


@pytest.mark.django_db
def test_what_a_newcomer_deleted_stays_deleted_and_ports_are_followed(ports):
    user = demo_accounts.ensure_demo_user(ports)
    MailAccount.objects.filter(user=user, incoming_protocol="pop3").delete()
    MailAccount.objects.filter(user=user).update(state=AccountState.FAILING)

    demo_accounts.ensure_demo_user(DemoPorts(1, 2, 3))

    account = MailAccount.objects.get(user=user)
    assert (account.incoming_port, account.outgoing_port) == (1, 3)
    assert account.state == AccountState.NEW


@pytest.mark.django_db
def test_without_the_demo_nobody_signs_in_with_its_known_password(ports):
    demo_accounts.ensure_demo_user(ports)

    demo_accounts.shut_demo_user_out()
    assert not User.objects.get(email=DEMO_EMAIL).is_active

    demo_accounts.ensure_demo_user(ports)
    assert User.objects.get(email=DEMO_EMAIL).is_active
