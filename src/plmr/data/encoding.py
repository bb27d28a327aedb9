"""From examples to token ids, and from token-level answers back to words and characters."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from plmr.data.schema import Example
from plmr.errors import PlmrError

Words = Sequence[tuple[int, int]]

# A fast tokenizer refuses to be set up for one call while another thread is in the midst of its own.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Encoded:
    """A text as the model reads it.

    Attributes:
        input_ids: Token ids, special tokens included. *Shape:* (T,)
        word_ids: Number of each token's word, -1 for special tokens. *Shape:* (T,)
        n_words: Words of the text; those past the last token's were cut off.
        label: Class index, or None.
        frame: How many special tokens stand in front of the text and behind it.
        environment: Number of its environment, or None.
    """

    input_ids: list[int]
    word_ids: list[int]
    n_words: int
    label: int | None = None
    frame: tuple[int, int] = (1, 1)
    environment: int | None = None

    @property
    def n_reached(self) -> int:
        """Words that the cut leaves within reach."""
        return max(self.word_ids, default=-1) + 1

    def n_unseen(self, max_tokens: int | None) -> int:
        """Words that were cut off.

        Args:
            max_tokens: Tokens the text was cut to; None where nothing was cut.
        """
        # Words without a token, such as a lone control character, are not cut off; only a full text is.
        full = max_tokens is not None and len(self.input_ids) >= max_tokens
        return self.n_words - self.n_reached if full else 0

    def n_tokenless(self, max_tokens: int | None) -> int:
        """Words within reach of which the tokenizer leaves nothing, such as a lone control character.

        Args:
            max_tokens: As in `n_unseen`.
        """
        return self.n_words - self.n_unseen(max_tokens) - len({*self.word_ids} - {-1})

    def features(self) -> dict[str, Any]:
        """What the collator takes."""
        known = {"label": self.label, "environment": self.environment}
        return {
            "input_ids": self.input_ids,
            "word_ids": self.word_ids,
            **{name: number for name, number in known.items() if number is not None},
        }


class RationaleTokenizer:
    """Tokenizes texts and remembers which token belongs to which word.

    Args:
        tokenizer: A fast tokenizer; the slow ones cannot say where a token stands in the text.
        max_tokens: Tokens a text is cut to, special tokens included; None cuts nothing.

    Raises:
        PlmrError: The tokenizer gives no character offsets.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_tokens: int | None):
        if not tokenizer.is_fast:
            raise PlmrError(
                f"The tokenizer {type(tokenizer).__name__} gives no character offsets, so words cannot be told "
                "apart; use an encoder that comes with a fast tokenizer (tokenizer.json)."
            )
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens

    def __call__(self, texts: Sequence[str], words: Sequence[Words]) -> list[Encoded]:
        """Encode texts whose words are known.

        Args:
            texts: B texts.
            words: Character range of each of their words.
        """
        if not texts:
            return []
        with _ONE_AT_A_TIME:
            batch = self.tokenizer(
                list(texts),
                truncation=self.max_tokens is not None,
                max_length=self.max_tokens,
                return_attention_mask=False,
                return_token_type_ids=False,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
                verbose=False,  # a text longer than the encoder is no mistake here
            )
        return [
            Encoded(ids, word_numbers(text, ranges, offsets, special), len(ranges), frame=_frame(special))
            for text, ranges, ids, offsets, special in zip(
                texts,
                words,
                batch["input_ids"],
                batch["offset_mapping"],
                batch["special_tokens_mask"],
                strict=True,
            )
        ]

    def examples(
        self,
        examples: Sequence[Example],
        labels: Sequence[int | None],
        environments: Sequence[int | None] | None = None,
    ) -> list[Encoded]:
        """Encode examples with their class indices and, where they are given, the numbers of their environments."""
        encoded = self([e.text for e in examples], [e.words for e in examples])
        environments = environments or [None] * len(encoded)
        return [
            replace(e, label=label, environment=environment)
            for e, label, environment in zip(encoded, labels, environments, strict=True)
        ]


def _frame(special: Sequence[int]) -> tuple[int, int]:
    """Special tokens in front and behind; a text without a token of its own has them all in front."""
    if 0 not in special:
        return len(special), 0
    return special.index(0), special[::-1].index(0)


def word_numbers(text: str, words: Words, offsets: Sequence[tuple[int, int]], special: Sequence[int]) -> list[int]:
    """The word each token belongs to: the one that holds its first character that is not a space.

    Args:
        text: The text that was tokenized.
        words: Character ranges, in order, not overlapping.
        offsets: Character range of each token, in order. *Shape:* (T, 2)
        special: 1 for special tokens. *Shape:* (T,)

    Returns:
        -1 for special tokens and for tokens of no word. *Shape:* (T,)
    """
    numbers = []
    current = 0
    for (start, end), is_special in zip(offsets, special, strict=True):
        while start < end and text[start].isspace():
            start += 1
        if is_special or start >= end:
            numbers.append(-1)
            continue
        while current < len(words) and words[current][1] <= start:
            current += 1
        inside = current < len(words) and words[current][0] < end
        numbers.append(current if inside else -1)
    return numbers


def word_flags(word_ids: Sequence[int], values: Iterable[float], n_words: int, default: float = 0.0) -> list[float]:
    """Give each word the highest value among its tokens: a word is selected when any of its subwords is.

    Args:
        word_ids: *Shape:* (T,)
        values: *Shape:* (T,)
        n_words: Words of the text.
        default: For words without a token.
    """
    flags = [default] * n_words
    seen = [False] * n_words
    for word, value in zip(word_ids, values, strict=False):
        if word >= 0:
            flags[word] = max(flags[word], value) if seen[word] else value
            seen[word] = True
    return flags


def subword_flags(word_ids: Sequence[int], flags: Sequence[bool]) -> list[bool]:
    """Copy each word's flag to all its tokens, special tokens left out."""
    return [bool(flags[word]) for word in word_ids if word >= 0]
