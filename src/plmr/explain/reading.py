"""All that comes before the model: texts checked, split into words, tokenized and cut into windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plmr.config import RationaleConfig
from plmr.data.encoding import RationaleTokenizer
from plmr.data.words import Range, split_words
from plmr.errors import PlmrError
from plmr.explain.windows import Document, split_all


@dataclass(frozen=True)
class Reading:
    """A text, ready for the model.

    Attributes:
        text: The text as given.
        words: Character range of each of its words.
        document: Its tokens, in windows.
    """

    text: str
    words: Sequence[Range]
    document: Document


def check_stream(texts: object) -> None:
    """Refuse what is no stream of texts, even where its keys, columns or letters could be taken for one.

    Raises:
        PlmrError: It names what arrived.
    """
    advice = None
    if isinstance(texts, str):
        advice = "put the text in a list"
    elif isinstance(texts, bytes | bytearray | memoryview):
        advice = "decode them first"
    elif isinstance(texts, Mapping):
        advice = "pass the texts in it, not their keys"
    elif getattr(texts, "ndim", 1) != 1:
        advice = "pass one column of it"
    elif not isinstance(texts, Iterable):
        advice = "texts are strings"
    if advice is not None:
        raise PlmrError(f"Give a text or a list of texts; got {type(texts).__name__}: {advice}.")


def read_texts(texts: Sequence[str], tokenization: RationaleTokenizer, config: RationaleConfig) -> list[Reading]:
    """Make texts ready.

    Raises:
        PlmrError: One of them is no text.
    """
    for text in texts:
        _check_text(text)
    words = [split_words(text) for text in texts]
    documents = split_all(tokenization(texts, words), config)
    return [Reading(*each) for each in zip(texts, words, documents, strict=True)]


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise PlmrError(f"Texts must be strings; got {type(text).__name__}: {str(text)[:60]!r}.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PlmrError(
            f"A text holds half a character (a lone surrogate) at position {error.start}: {text[:60]!r}; read it "
            "again as UTF-8."
        ) from None
