"""Signatures that no mark announces."""

import pytest

from webmail.mime.quotes.signature import split_signature


@pytest.mark.parametrize(
    ("text", "sender", "signature"),
    [
        ("See you there.\n\nBest regards,\nAnna Berg", "", "Best regards,\nAnna Berg"),
        ("Bis dann!\n\nViele Grüße\nAnna", "", "Viele Grüße\nAnna"),
        ("До встречи.\n\nС уважением,\nАнна Берг", "", "С уважением,\nАнна Берг"),
        (
            "See you.\n\nAnna Berg\n+49 30 1234567\nwww.example.org",
            "Anna Berg",
            "Anna Berg\n+49 30 1234567\nwww.example.org",
        ),
        ("See you.\n\nAnna Berg\n\nanna@example.org", "anna@example.org", "Anna Berg\n\nanna@example.org"),
        ("See you.\n-----\nAnna Berg\nTel: 030 1234567", "Anna Berg", "-----\nAnna Berg\nTel: 030 1234567"),
        ("See you.\n\nAnna Berg\n+49 30 1234567", "Ben Wolf", ""),
        ("Thanks,\nAnna", "Anna", ""),
        ("First.\n\nThanks, that would be great! Really cool.", "Anna", ""),
        ("First.\n\nThanks\nI will come on Monday, and I will bring the whole of the documents with me.", "Anna", ""),
        ("Only one line", "Anna", ""),
        ("", "Anna", ""),
    ],
)
def test_the_end_of_a_letter_is_its_signature(text: str, sender: str, signature: str) -> None:
    said, found = split_signature(text, sender=sender)
    assert found == signature
    assert said == (text if not signature else text.removesuffix(signature).rstrip())
