"""Words of a text as search knows them: how a text falls into words, their stems, and which language a text is in.

Texts here are folded already (`search_text.fold`). Scripts written without blanks (Chinese, Japanese, Thai, …) give runs;
a run is found by any part of it. Stems are those of Snowball, made from folded words on both sides, so that accents make no
difference there either. Pure: the same words come out for what is indexed and for what is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import snowballstemmer

MAX_WORD_CHARS = 64  # longer ones are encoded data; they are found by their beginning
_SAMPLE_WORDS = 300  # a language is guessed from so many
_SHORT_TEXT_WORDS = 40  # so few words may hold none of the small ones that tell a language

# Written without blanks: Han, kana, Thai, Lao, Tibetan, Myanmar, Khmer. (Hangul has blanks: its words are found by beginnings.)
_RUN = (
    "\u2e80-\u2fdf\u3005\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0f40-\u0fbc\u1000-\u103f\u1780-\u17d3"
)
# Vowel signs and other marks are no letters to `re`, yet parts of words in Indic scripts.
_SIGNS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_ASCII_WORD: Final = re.compile("[a-z0-9]+")
_WORD: Final = re.compile(f"[{_RUN}]+|(?:(?![{_RUN}_])[\\w{_SIGNS}])+")
# The same in a text as it was written.
WRITTEN_WORD: Final = re.compile(
    f"[{_RUN}\uff66-\uff9f]+|(?:(?![{_RUN}\uff66-\uff9f_])[\\w{_SIGNS}\u00ad\u200b-\u200d])+"
)
_RUN_START: Final = re.compile(f"[{_RUN}]")

# Code of a language -> Snowball's name for it, and small words (folded) that tell it.
_LANGUAGES: Final[dict[str, tuple[str, str]]] = {
    "en": ("english", "the and of to is in that for you with this have are be not will your from we our was please it as on at"),
    "de": ("german", "der die das und ist nicht ein eine sie wir ich mit auf fur dem den von zu im es auch bitte wie sich werden"),
    "fr": ("french", "le la les et des est une pour dans vous nous que qui sur pas avec au du ce je en bonjour votre sont par"),
    "es": ("spanish", "el los las y de que en una por con para del se su es no como hola esta usted sus al lo mas muy"),
    "it": ("italian", "il di che e la per un una non sono con del della le dei gli si ciao anche alla nel come questo ho"),
    "pt": ("portuguese", "o os as que de e do da em um uma para com nao por se dos voce ola mais sua seu ao na no"),
    "nl": ("dutch", "de het een en van is dat niet op te voor met zijn u wij ik je naar bij ook aan deze uw om"),
    "sv": ("swedish", "och att det som en pa ar av for med den till inte om har jag vi du ett kan hej fran"),
    "da": ("danish", "og at det er en af for den til ikke pa med som har de jeg du vi kan hej fra et"),
    "no": ("norwegian", "og a det er en av for den til ikke pa med som har de jeg du vi kan hei fra et"),
    "fi": ("finnish", "ja on ei se etta han oli mutta kun jos olen me te mita tama voi hei ovat myos kiitos"),
    "ru": ("russian", "и в не на что с по это как из за для от мы вы но к у же бы так"),
    "ar": ("arabic", "في من على الى ان هذا هذه مع عن ما لا التي الذي كان او"),
    "tr": ("turkish", "ve bir bu icin ile de da ne var cok daha olarak ben siz merhaba degil gibi"),
    "hu": ("hungarian", "a az es hogy nem is egy van ez meg de ha vagy csak mint kell"),
    "ro": ("romanian", "si de la in cu pe nu un o este care ca din pentru mai sa va"),
}  # fmt: skip
LANGUAGES: Final = tuple(_LANGUAGES)
_SMALL_WORDS: Final = {code: frozenset(words.split()) for code, (_name, words) in _LANGUAGES.items()}
# Of a text that does not tell its language: those that most mail is in.
_LIKELY: Final = ("en", "de", "fr", "es", "it")
_SCRIPTS: Final = ((re.compile("[\u0400-\u04ff]"), ("ru",)), (re.compile("[\u0600-\u06ff]"), ("ar",)))
_LATIN: Final = tuple(code for code in _LANGUAGES if code not in {"ru", "ar"})
_stemmers: dict[str, snowballstemmer.stemmer] = {}


def words_of(folded: str) -> list[str]:
    """The words and runs of a folded text, in order."""
    found = _ASCII_WORD.findall(folded) if folded.isascii() else _WORD.findall(folded)
    return [word if len(word) <= MAX_WORD_CHARS or is_run(word) else word[:MAX_WORD_CHARS] for word in found]


def is_run(word: str) -> bool:
    """Whether it is of a script without blanks."""
    return _RUN_START.match(word) is not None


def grams(run: str) -> list[str]:
    """What a run is indexed by: each pair of neighbours, and its last character."""
    return [*(run[at : at + 2] for at in range(len(run) - 1)), run[-1:]]


def stream(words: Iterable[str]) -> str:
    """Words as phrases are looked for in them: one blank between, before and behind."""
    text = " ".join(words)
    return f" {text} " if text else ""


@lru_cache(maxsize=100_000)
def stem(word: str, language: str) -> str:
    """The stem of a folded word. Mail repeats its words: without the cache stemming costs more than parsing."""
    stemmer = _stemmers.get(language)
    if stemmer is None:
        stemmer = _stemmers[language] = snowballstemmer.stemmer(_LANGUAGES[language][0])
    return str(stemmer.stemWord(word))


def languages_of(words: Sequence[str]) -> tuple[str, ...]:
    """The languages a text may be in: one when its small words tell it, several when they do not."""
    sample = words[:_SAMPLE_WORDS]
    scores = {code: sum(map(small.__contains__, sample)) for code, small in _SMALL_WORDS.items()}
    best = max(scores.values(), default=0)
    if best >= 2 or (best and len(sample) > _SHORT_TEXT_WORDS):
        return tuple(code for code, score in scores.items() if score == best)[:3]
    return _by_script(" ".join(sample[:_SHORT_TEXT_WORDS])) if sample else ()


def _by_script(text: str) -> tuple[str, ...]:
    for script, languages in _SCRIPTS:
        if script.search(text):
            return languages
    return _LIKELY if re.search("[a-z]", text) else ()


def stems_to_ask(word: str) -> list[tuple[str, str]]:
    """(language, stem) of a word that was asked for, in each language it can be of.

    Where a word is its own stem, forms of it begin with it and are found by that.
    """
    if not word.isalpha() or is_run(word):
        return []
    languages = next((found for script, found in _SCRIPTS if script.search(word)), _LATIN)
    return [(code, one) for code in languages if (one := stem(word, code)) != word]
