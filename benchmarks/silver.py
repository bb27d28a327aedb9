"""Silver rationales for beer reviews that nobody has marked: the stretches that name an aspect.

Validation reviews carry no gold, and choices are not made on the test part. What a review says of an aspect mostly
stands near a word for it, so agreement with those stretches tells a generator that reads the aspect from one that reads
whatever else goes with its rating. It is a measure for choosing settings, not a result.
"""

from __future__ import annotations

from collections.abc import Sequence

NAMES = {
    "look": "look looks looking appearance pour pours poured pouring head color colour colored coloured lacing lace "
    "hazy clear cloudy foam hue retention opaque golden amber brown black",
    "aroma": "aroma aromas smell smells smelled smelling nose scent scents whiff bouquet odor odour sniff",
    "palate": "palate mouthfeel body bodied feel feels carbonation carbonated texture mouth creamy watery thin thick "
    "smooth",
    "taste": "taste tastes tasted tasting flavor flavors flavour flavours flavored finish finishes aftertaste",
    "overall": "overall drinkable drinkability",
}
_ASPECT_OF = {name: aspect for aspect, names in NAMES.items() for name in names.split()}
_ENDS, _PAUSES = frozenset(".;!?"), frozenset(",/-(")


def silver_flags(words: Sequence[str], aspect: str) -> list[bool]:
    """Which words stand in a stretch that names the aspect.

    A stretch begins with the clause that holds the name and ends with the sentence, or where another aspect is named.

    Args:
        words: Of one review, punctuation included.
        aspect: look, aroma, palate, taste or overall.
    """
    aspects: list[str | None] = [None] * len(words)
    current, clause, named = None, 0, False
    for place, word in enumerate(words):
        found = _ASPECT_OF.get(word.lower())
        if found is not None:
            if not named:
                aspects[clause:place] = [found] * (place - clause)
            current, named = found, True
        aspects[place] = current
        if word in _ENDS or word in _PAUSES:
            clause, named = place + 1, False
            current = None if word in _ENDS else current
    return [found == aspect for found in aspects]
