"""What the system checks say about settings: unsafe or useless ones are named before anything starts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.core import checks as django_checks

from webmail.settings.checks import advice_for, check_panel, problems_of
from webmail.settings.environment import Environment, read_environment

KEY = "one:" + "A" * 43
LOCAL = {"SECRET_KEY": "x" * 50, "CREDENTIAL_KEYS": KEY}
PUBLIC = {**LOCAL, "BASE_URL": "https://mail.example.org", "ALLOWED_HOSTS": "mail.example.org"}


def environment(tmp_path: Path, values: dict[str, str]) -> Environment:
    return read_environment({"VAR_DIR": str(tmp_path), **values}, checkout=tmp_path)


def ids(problems: list[django_checks.CheckMessage]) -> list[str]:
    return [str(problem.id).removeprefix("pillarbox.") for problem in problems]


@pytest.mark.parametrize("values", [LOCAL, PUBLIC])
def test_a_proper_installation_passes(tmp_path: Path, values: dict[str, str]):
    assert problems_of(environment(tmp_path, values)) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"SECRET_KEY": ""}, "E001"),
        ({"SECRET_KEY": "too-short"}, "E002"),
        ({"CREDENTIAL_KEYS": ""}, "E003"),
        ({"BASE_URL": "https://"}, "E004"),
        ({"ALLOWED_HOSTS": "localhost"}, "E005"),
        ({"DEMO": "1"}, "E006"),
        ({"DEBUG": "1"}, "E007"),
        ({"BLOB_URL": "ftp://host/x"}, "E008"),
        ({"BLOB_URL": "/srv/blobs"}, "E008"),
        ({"BLOB_URL": "file://srv/blobs"}, "E008"),
        ({"BLOB_URL": "s3:///prefix"}, "E008"),
        ({"ALLOWED_HOSTS": "*"}, "E011"),
        ({"EXTRA_CA_FILE": "/nowhere/ca.pem"}, "E012"),
    ],
)
def test_a_public_installation_with_a_bad_setting_does_not_start(
    tmp_path: Path, changed: dict[str, str], expected: str
):
    problems = problems_of(environment(tmp_path, {**PUBLIC, **changed}))
    assert ids(problems) == [expected]
    assert problems[0].level == django_checks.ERROR
    assert next(iter(changed)) in str(problems[0].msg)
    assert problems[0].hint


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"SECRET_KEY": ""}, "W003"),
        ({"CREDENTIAL_KEYS": ""}, "W004"),
        ({"ALLOWED_HOSTS": "other.example"}, "W005"),
    ],
)
def test_a_first_look_is_only_warned(tmp_path: Path, changed: dict[str, str], expected: str):
    problems = problems_of(environment(tmp_path, {**LOCAL, **changed}))
    assert ids(problems) == [expected]
    assert problems[0].level == django_checks.WARNING


def test_a_first_look_may_have_demo_and_debug(tmp_path: Path):
    assert problems_of(environment(tmp_path, {**LOCAL, "DEMO": "1", "DEBUG": "1"})) == []


@pytest.mark.parametrize("hosts", ["mail.example.org", ".example.org", "other.example,mail.example.org"])
def test_the_host_of_the_address_is_found_among_the_allowed_ones(tmp_path: Path, hosts: str):
    assert problems_of(environment(tmp_path, {**PUBLIC, "ALLOWED_HOSTS": hosts})) == []


def test_an_ipv6_address_is_found_among_the_allowed_ones(tmp_path: Path):
    assert problems_of(environment(tmp_path, {**LOCAL, "BASE_URL": "http://[::1]:8000"})) == []


def test_a_bucket_passes(tmp_path: Path):
    assert problems_of(environment(tmp_path, {**PUBLIC, "BLOB_URL": "s3://bucket/mail"})) == []


def test_a_directory_that_is_not_there_yet_passes_when_it_can_be_made(tmp_path: Path):
    values = {**LOCAL, "BLOB_URL": f"file://{tmp_path}/not/yet/there"}
    assert problems_of(environment(tmp_path, values)) == []
    assert not (tmp_path / "not").exists()


def test_a_directory_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    problems = problems_of(environment(tmp_path, {**LOCAL, "BLOB_URL": f"file://{tmp_path}/file/blobs"}))
    assert ids(problems) == ["E013"]
    assert "BLOB_URL" in str(problems[0].msg)


def test_a_directory_nobody_may_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # root may write everywhere, so the answer of the system is given here.
    monkeypatch.setattr(os, "access", lambda path, mode: "closed" not in str(path))
    (tmp_path / "closed").mkdir()
    problems = problems_of(environment(tmp_path, {**LOCAL, "BLOB_URL": f"file://{tmp_path}/closed"}))
    assert ids(problems) == ["E013"]


@pytest.mark.req("R49")
def test_no_message_repeats_a_secret(tmp_path: Path):
    values = {**PUBLIC, "SECRET_KEY": "S3CR3T-short", "CREDENTIAL_KEYS": KEY, "DATABASE_URL": "postgres://u:S3CR3T@h/n"}
    bad = replace(environment(tmp_path, values), demo=True, debug=True, allowed_hosts=())
    problems = problems_of(bad)
    assert len(problems) == 4
    assert "S3CR3T" not in str(problems)


def test_advice_for_a_public_installation(tmp_path: Path):
    assert ids(advice_for(environment(tmp_path, LOCAL))) == ["W001", "W002"]
    assert ids(advice_for(environment(tmp_path, PUBLIC))) == ["W001"]
    apart = {**PUBLIC, "CONTENT_URL": "https://mail-content.example.org"}
    assert advice_for(environment(tmp_path, apart)) == []
    same = {**PUBLIC, "CONTENT_URL": "https://mail.example.org:8443"}
    assert ids(advice_for(environment(tmp_path, same))) == ["E010"]


def test_a_panel_without_its_first_page_is_found(settings):
    assert check_panel() == []
    settings.UNFOLD = {"DASHBOARD_CALLBACK": "webmail.panel.nothing"}
    assert ids(check_panel()) == ["E009"]


def test_django_runs_the_checks():
    names = {check.__name__ for check in django_checks.registry.registry.registered_checks}
    assert {"check_environment", "check_panel"} <= names
    assert "check_deployment" in {check.__name__ for check in django_checks.registry.registry.deployment_checks}
