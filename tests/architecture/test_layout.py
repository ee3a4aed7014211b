"""The top level is a contract: scripts and people rely on it. Project metadata agrees with itself."""

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT
from tests.environment import SETTING_NAMES

REQUIRED = {
    *("manage.py", "webmail", "accounts", "templates", "static", "requirements.txt", "tests"),
    *("README.md", "LICENSE", "Makefile", "pyproject.toml", "package.json", "CHANGELOG.md", "docs", "deploy", ".ci"),
}
LOCKS = {"package-lock.json"}
LOCK_FILES = ("requirements.txt", "tests/requirements.txt", "deploy/requirements-node.txt")
DISTRIBUTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked_or_new_entries() -> set[str]:
    """Top-level names that belong to the project: what git tracks or would add. Skips where this is no checkout."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout, so nobody can tell the project's files from others")
    return {name.partition("/")[0] for name in listed.split("\0") if name}


def locked_versions(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    pairs = (line.split(";")[0].rstrip("\\ ").partition("==") for line in lines if "==" in line and line[0].isalnum())
    return {package.partition("[")[0]: version.strip() for package, _, version in pairs}


def required_names(requirements: list[str]) -> set[str]:
    matches = (DISTRIBUTION_NAME.match(requirement) for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", match.group()).lower() for match in matches if match}


def test_the_top_level_holds_what_the_contract_names() -> None:
    assert sorted(name for name in REQUIRED if not (ROOT / name).exists()) == []


def test_the_top_level_holds_nothing_else_but_locks_and_dotfiles() -> None:
    others = tracked_or_new_entries() - REQUIRED - LOCKS
    assert sorted(name for name in others if not name.startswith(".")) == []


def test_the_license_is_mit() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License")
    assert "The Pillarbox developers" in text
    assert pyproject()["project"]["license"] == "MIT"


@pytest.mark.parametrize("script", ["manage.py", ".ci/run", "tests/install.sh"])
def test_scripts_are_executable(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize("name", LOCK_FILES)
def test_every_locked_package_is_pinned_by_hash(name: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text().strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_holds_every_dependency_and_nothing_for_development() -> None:
    project = pyproject()
    locked = set(locked_versions("requirements.txt"))
    assert required_names(project["project"]["dependencies"]) - locked == set()
    assert locked & {"pytest", "ruff", "mypy", "playwright"} == set()


def test_tests_run_on_the_versions_the_product_runs_on() -> None:
    product, development = locked_versions("requirements.txt"), locked_versions("tests/requirements.txt")
    assert {name: version for name, version in product.items() if development.get(name) != version} == {}
    assert required_names(pyproject()["dependency-groups"]["dev"]) - set(development) == set()


def test_locks_name_no_package_index() -> None:
    named = [
        name for name in LOCK_FILES if re.search(r"^\s*(--|-i |-f )(?!hash)", (ROOT / name).read_text(), re.MULTILINE)
    ]
    assert named == []


def test_tests_know_every_setting_so_that_none_leaks_in_from_a_shell() -> None:
    source = Path(ROOT / "webmail/settings/environment.py").read_text()
    (table,) = (
        node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "Environment"
    )
    fields = {
        node.target.id.upper()
        for node in table.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert fields == SETTING_NAMES
