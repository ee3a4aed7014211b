"""Who may import whom: statically by import-linter's contracts, and at run time for the code that must stay pure."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, modules_of_product

PURE_PACKAGES = ("webmail/mime", "webmail/protocols")
PURE_MODULES = ("webmail/sync/mailbox/plan.py",)
IMPURE = ("django", "celery", "redis", "accounts", "webmail.store", "webmail.settings")
# Naming a package below must not load the world above it.
EMPTY_FILES = ("webmail/__init__.py", "webmail/sync/__init__.py")


def pure_modules() -> list[str]:
    files = [path for package in PURE_PACKAGES for path in (ROOT / package).rglob("*.py")]
    files += [ROOT / module for module in PURE_MODULES if (ROOT / module).exists()]
    return sorted(dotted(path) for path in files)


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_imports_keep_the_contracts() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    finished = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_pure_code_loads_neither_django_nor_celery_nor_redis() -> None:
    modules = pure_modules()
    program = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
print(*sorted(set(sys.modules) & set({IMPURE!r})))
"""
    # A fresh process: in this one Django is loaded already.
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(modules) > 20
    assert finished.stdout.split() == []


@pytest.mark.parametrize("name", EMPTY_FILES)
def test_package_files_on_the_way_to_pure_code_are_empty(name: str) -> None:
    assert (ROOT / name).read_text() == ""


WEB_CLIENTS = {"httpcore", "httpx", "requests", "urllib3", "aiohttp", "urllib.request", "http.client", "ftplib"}


@pytest.mark.req("R30")
def test_only_the_guarded_client_speaks_to_web_servers() -> None:
    found = {}
    for path in modules_of_product():
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if names & WEB_CLIENTS or {name.partition(".")[0] for name in names} & WEB_CLIENTS:
            found[path.relative_to(ROOT).as_posix()] = sorted(names & WEB_CLIENTS)
    assert sorted(found) == ["webmail/protocols/http/fetch.py", "webmail/protocols/http/network.py"], found
