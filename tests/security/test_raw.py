"""The watch proves itself: the raw texts, in bare documents, do fire under the same hooks and the same listeners."""

from __future__ import annotations

from collections import defaultdict

import pytest
from playwright.sync_api import Error

from tests.security.conftest import OpenWatch
from tests.security.lane import chosen
from tests.security.listeners import Listeners
from tests.security.stand import Stand, batches
from tests.security.vectors import Vector
from tests.security.watch import Watch

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.req("R1"), pytest.mark.req("R17")]

BATCH = 40
# The share of texts that must fire raw; of all 2,224 texts 375 ran a script and 195 asked
# elsewhere (Chromium 156), of our 58 it was 29 and 21. The others are for browsers of the past, need more of a person than a
# click, paint, or are pieces of scripts and no markup at all.
FLOORS = {"script": 0.12, "request": 0.05}
OWN_FLOORS = {"script": 0.4, "request": 0.28}


def fire(watch: Watch, stand: Stand, vectors: list[Vector]) -> dict[str, set[str]]:
    """What each vector brought about, by its id."""
    found: dict[str, set[str]] = defaultdict(set)
    by_id = {vector.id: vector for vector in vectors}
    for names in batches(list(by_id), BATCH):
        documents = {name: by_id[name].html.encode("utf-8", "surrogatepass") for name in names}
        triggers = {name: by_id[name].trigger for name in names}
        page = watch.new_page()
        try:
            stand.show(page, documents, triggers)
        except Error as error:
            print("lost", names[0], error)
        page.close()
    for seen in watch.seen:
        if name := stand.name_of(seen.url):
            found[name].add(seen.kind)
    return found


@pytest.mark.timeout(600)
def test_raw_texts_fire_in_a_bare_document(
    public: list[Vector], own: list[Vector], stand: Stand, open_watch: OpenWatch, listeners: Listeners
) -> None:
    vectors = [*own, *chosen(public)]
    watch = open_watch(stand.address, is_raw=True)
    found = fire(watch, stand, vectors)
    ids = {kind: {name for name, kinds in found.items() if kind in kinds} for kind in ("script", "request", "popup")}
    public_ids = {vector.id for vector in vectors} - {vector.id for vector in own}
    print(
        f"raw: {len(public_ids)} public texts, {len(ids['script'] & public_ids)} run a script, {len(ids['request'] & public_ids)} ask elsewhere;"
        f" of {len(own)} of ours {len(ids['script'] - public_ids)} and {len(ids['request'] - public_ids)};"
        f" {len(listeners.names)} names looked up, {len(listeners.connections)} connections"
    )
    for kind, floor in FLOORS.items():
        assert len(ids[kind] & public_ids) >= floor * len(public_ids), kind
        assert len(ids[kind] - public_ids) >= OWN_FLOORS[kind] * len(own), kind
    assert listeners.names
    assert len(listeners.connections) > len(ids["request"])
