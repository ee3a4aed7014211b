"""What monitors are told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.test import Client

from tests.factories import make_user
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer
from tests.web.pages import client_of
from webmail.store.errors import StorageFull
from webmail.web.views import health

pytestmark = pytest.mark.django_db


def test_the_process_answers() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


@pytest.mark.req("R87")
def test_a_missing_redis_is_a_note_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json()["checks"]["database"] == "ok"
    assert response.json()["checks"]["redis"].startswith("away")


@pytest.mark.live
def test_everything_there_is_ready(redis_server: RedisServer) -> None:
    assert Client().get("/readyz").json() == {
        "status": "ok",
        "checks": {"database": "ok", "blobs": "ok", "redis": "ok"},
    }


def test_a_full_disk_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_root: object) -> None:
        raise StorageFull("full")

    monkeypatch.setattr(health, "check_space", full)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["blobs"] == "full"


def test_a_database_that_is_away_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", broken)
    assert health._database() == "unavailable"


def test_figures_are_for_this_machine_and_for_administrators() -> None:
    assert Client().get("/metrics").status_code == 200
    away = {"REMOTE_ADDR": "203.0.113.7"}
    assert Client(**away).get("/metrics").status_code == 404
    assert Client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404
    bob = Client(**away)
    bob.force_login(make_user("bob"))
    assert bob.get("/metrics").status_code == 404
    charlie = Client(**away)
    charlie.force_login(make_user("charlie", is_staff=True))
    assert charlie.get("/metrics").status_code == 200


@pytest.mark.req("R49")
def test_health_pages_hold_no_secrets() -> None:
    client = client_of(make_user())
    told = b"".join(client.get(path).content for path in ("/healthz", "/readyz", "/metrics")).decode()
    assert settings.SECRET_KEY not in told
    assert str(settings.VAR_DIR) not in told


def test_processes_that_serve_pages_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = "from prometheus_client import Counter; Counter('counted', 'x').inc({})"
    for number in (2, 3):
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", count.format(number)], env=environment, check=True)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    told = Client().get("/metrics").content.decode()
    assert "counted_total 5.0" in told
    assert "pillarbox_accounts" in told  # what rows tell stands beside it once
