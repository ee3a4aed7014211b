"""Every word that people see has a translation in every language that the settings offer (feature 132)."""

from __future__ import annotations

import pytest

from webmail.locale.catalogues import DOMAINS, LANGUAGES, faults


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_catalogue_translates_every_word_with_its_placeholders(language: str, domain: str) -> None:
    assert not faults(language, domain), "`make words` brings in what is new"
