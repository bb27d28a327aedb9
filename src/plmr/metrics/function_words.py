"""English function words: the closed classes that carry grammar rather than content.

Articles, pronouns, prepositions and conjunctions take in no new members, so a written-out list stands in for
a part-of-speech tagger: nothing to download, the same answer everywhere. The classes follow Quirk et al., "A
Comprehensive Grammar of the English Language", 1985; the list was compiled for this project.

Limits. A list cannot see the sentence, so ambiguous words have one fixed answer:

- "that" counts, as pronoun or conjunction, also in "not that good", where it is an adverb;
- "like", "past", "round", "plus" and "minus" do not count: in reviews they are as often verbs, nouns or
  adjectives, and "like" carries opinion;
- "so", "yet", "for", "down", "over", "inside" and their kind count in every use;
- quantifiers and numerals ("all", "some", "one"), auxiliaries ("is", "have"), adverbs ("how", "there") and
  negations ("not", "never") do not count: they belong to none of the classes;
- a contraction counts when it starts with a pronoun from the list ("it's", "they're", "that's").
"""

from __future__ import annotations

import unicodedata


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


ARTICLES = _words("a an the")

PRONOUNS = _words(
    """
    i me my mine myself we us our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves themself
    this that these those who whom whose which what whoever whomever whichever whatever
    someone somebody something anyone anybody anything everyone everybody everything nobody nothing none
    oneself
    """
)

PREPOSITIONS = _words(
    """
    aboard about above across after against along alongside amid amidst among amongst around as at atop
    before behind below beneath beside besides between beyond by concerning considering despite down during
    except for from in inside into near of off on onto out outside over per regarding since through
    throughout till to toward towards under underneath unlike until unto up upon versus via with within
    without
    """
)

CONJUNCTIONS = _words(
    """
    and but or nor so yet although because if lest than though unless when whenever where whereas wherever
    whether while whilst
    """
)

FUNCTION_WORDS = ARTICLES | PRONOUNS | PREPOSITIONS | CONJUNCTIONS

_SYMBOLS = frozenset("$+<=>^`|~")


def is_function_word(word: str) -> bool:
    """Whether a word is punctuation, an article, a pronoun, a preposition or a conjunction.

    Case is ignored and a typographic apostrophe equals a straight one. An emoji is not punctuation.

    Example:
        >>> [is_function_word(word) for word in ("The", "it's", "!!", "aroma")]
        [True, True, True, False]
    """
    plain = word.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    head, apostrophe, _ = plain.partition("'")
    return plain in FUNCTION_WORDS or bool(apostrophe and head in PRONOUNS) or _is_punctuation(plain)


def _is_punctuation(word: str) -> bool:
    return bool(word) and all(mark in _SYMBOLS or unicodedata.category(mark)[0] == "P" for mark in word)
