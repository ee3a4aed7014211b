"""Every defect that the parser can find is explained to the person who asks."""

import pytest

from webmail.mime.defects import DEFECTS
from webmail.web.reading.defects import EXPLANATIONS, explain_defect


@pytest.mark.req("R43")
def test_every_defect_has_a_sentence_of_its_own() -> None:
    assert set(EXPLANATIONS) == set(DEFECTS)
    sentences = [explain_defect(name) for name in DEFECTS]
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert sentence[0].isupper()
        assert sentence.endswith(".")
