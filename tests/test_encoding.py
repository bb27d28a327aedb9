"""Which token belongs to which word, on real tokenizers of every kind."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from plmr.data import Example, RationaleCollator, RationaleTokenizer, flags_from_ranges, split_words
from plmr.data.encoding import subword_flags, word_flags, word_numbers
from plmr.encoders import encoder_path, packaged_minilm
from plmr.errors import PlmrError
from plmr.explain.vocabulary import word_tokenizer

ASTRONAUT = "👩🏽‍🚀"
TEXTS = [
    "The hop smell wasn't great, but it’s a well-known beer!!!",
    f"Bière brassée {ASTRONAUT} à la maison ❤️ 5/5 …",
    "cafe\u0301 nai\u0308ve — re\u0301sume\u0301",  # accents as combining marks
    "美味しいビール。 ไม่ดี очень вкусно",
    "two  spaces\tand\nlines   ",
]
# Where a script has no spaces, a token may span several of our words; it counts for the first.
SPACED = [text for text in TEXTS if "ビール" not in text]


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    # The words of the last text stay unknown.
    tokenizer.train_from_iterator(TEXTS[:4], trainers.WordPieceTrainer(vocab_size=150, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")


def byte_level(trim_offsets=True, add_prefix_space=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=trim_offsets, add_prefix_space=add_prefix_space
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>")


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")


TOKENIZERS = {
    "word-piece": word_piece(),
    "byte-level": byte_level(),
    "byte-level, spaces inside": byte_level(trim_offsets=False),
    "byte-level, prefix space": byte_level(add_prefix_space=True),
    "unigram": unigram(),
    "words": word_tokenizer(TEXTS),
}
if packaged_minilm():
    TOKENIZERS["minilm"] = AutoTokenizer.from_pretrained(encoder_path("minilm"))


def encode(kind, text, max_tokens=512):
    return RationaleTokenizer(TOKENIZERS[kind], max_tokens)([text], [split_words(text)])[0]


def offsets_of(kind, text):
    return TOKENIZERS[kind](text, return_offsets_mapping=True)["offset_mapping"]


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_token_is_of_the_word_that_its_characters_stand_in(kind, text):
    words, encoded = split_words(text), encode(kind, text)
    offsets = offsets_of(kind, text)
    assert len(encoded.word_ids) == len(encoded.input_ids) == len(offsets)
    for number, (start, end) in zip(encoded.word_ids, offsets, strict=True):
        if number >= 0:
            # The first of the words that the token touches.
            touched = [n for n, (since, to) in enumerate(words) if since < end and start < to]
            assert number == touched[0]
        else:
            assert not text[start:end].strip()
    assert encoded.n_words == encoded.n_reached == len(words)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_no_word_between_spaces_goes_without_a_token(kind):
    for text in SPACED:
        encoded = encode(kind, text)
        assert {n for n in encoded.word_ids if n >= 0} == set(range(encoded.n_words)), text


@pytest.mark.parametrize("kind", ["word-piece", "byte-level", "minilm"])
def test_contractions_combining_marks_and_emoji_hold_together(kind):
    if kind not in TOKENIZERS:
        pytest.skip("needs the packaged MiniLM")
    text = f"it wasn't cafe\u0301 {ASTRONAUT} good"
    encoded, words = encode(kind, text), split_words(text)
    assert [text[a:b] for a, b in words] == ["it", "wasn't", "cafe\u0301", ASTRONAUT, "good"]
    real = [n for n in encoded.word_ids if n >= 0]
    assert sorted(real) == real and set(real) == set(range(5))
    assert real.count(1) >= 3  # was, ', t


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_words_to_subwords_and_back_is_nothing(kind, data):
    text = data.draw(st.sampled_from(SPACED))
    encoded = encode(kind, text)
    flags = data.draw(st.lists(st.booleans(), min_size=encoded.n_words, max_size=encoded.n_words))
    subwords = subword_flags(encoded.word_ids, flags)
    assert len(subwords) == sum(n >= 0 for n in encoded.word_ids)
    per_token = iter(subwords)
    values = [float(next(per_token)) if n >= 0 else 1.0 for n in encoded.word_ids]
    assert word_flags(encoded.word_ids, values, encoded.n_words) == flags


@settings(deadline=None, max_examples=150)
@given(kind=st.sampled_from(sorted(TOKENIZERS)), text=st.text(max_size=40))
def test_any_text_at_all_can_be_encoded(kind, text):
    encoded = encode(kind, text)
    real = [n for n in encoded.word_ids if n >= 0]
    assert all(n < encoded.n_words for n in real) and sorted(real) == real
    assert encoded.word_ids[0] == -1  # the special token in front


def test_numbers_worked_out_by_hand():
    text, words = "a bc  d", [(0, 1), (2, 4), (6, 7)]
    offsets = [(0, 0), (0, 1), (1, 3), (3, 4), (4, 6), (5, 7), (0, 0)]
    # " b" starts in front of its word; "  " is of no word.
    assert word_numbers(text, words, offsets, [1, 0, 0, 0, 0, 0, 1]) == [-1, 0, 1, 1, -1, 2, -1]


def test_a_word_is_selected_when_any_of_its_subwords_is():
    assert word_flags([-1, 0, 0, 1, 1, 3, -1], [9, 0, 1, 0, 0, 1, 9], 5) == [1, 0, 0, 1, 0]
    assert word_flags([-1, 0, 0, 1], [9, 0.2, 0.7, 0.4], 3, default=0.5) == [0.7, 0.4, 0.5]


def test_a_gold_range_reaches_its_subwords():
    text = "The smell wasn't great"
    words = split_words(text)
    flags = flags_from_ranges(words, [(10, 13)])
    encoded = encode("word-piece", text)
    gold = subword_flags(encoded.word_ids, flags)
    marked = {n for n, flag in zip([n for n in encoded.word_ids if n >= 0], gold, strict=True) if flag}
    assert marked == {2}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_long_text_is_cut_and_says_how_far_it_reaches(kind):
    text = "great beer " * 50
    whole, cut = encode(kind, text, 10_000), encode(kind, text, 12)
    assert len(cut.input_ids) == 12 and cut.n_words == whole.n_words == 100
    assert cut.word_ids[:11] == whole.word_ids[:11]
    assert 0 < cut.n_reached < 12 and whole.n_reached == 100


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("text", ["", "   \n\t"])
def test_a_text_without_words_is_special_tokens_alone(kind, text):
    encoded = encode(kind, text)
    assert (encoded.n_words, encoded.n_reached, set(encoded.word_ids)) == (0, 0, {-1})


def test_labels_travel_with_their_texts():
    tokenizer = RationaleTokenizer(TOKENIZERS["word-piece"], 16)
    examples = [Example.from_row({"text": text, "label": "x"}) for text in TEXTS[:2]]
    assert [e.label for e in tokenizer.examples(examples, [1, None])] == [1, None]
    assert tokenizer([], []) == []


def test_batches_are_padded_to_their_longest_text():
    encoded = [encode("byte-level", text) for text in ("great", TEXTS[0])]
    features = [text.features() | {"label": n} for n, text in enumerate(encoded)]
    batch = RationaleCollator(pad_token_id=1)(features)
    short, width = len(encoded[0].input_ids), len(encoded[1].input_ids)
    assert batch["input_ids"].shape == batch["word_ids"].shape == (2, width)
    assert batch["input_ids"][0].tolist() == encoded[0].input_ids + [1] * (width - short)
    assert batch["attention_mask"].sum(dim=1).tolist() == [short, width]
    assert (batch["word_ids"][0, short:] == -1).all()
    assert batch["labels"].tolist() == [0, 1]
    assert "labels" not in RationaleCollator(1)([encoded[0].features()])


def test_a_tokenizer_without_offsets_is_an_error():
    # transformers 5 ships hardly any slow tokenizer; what matters is what it says of itself.
    with pytest.raises(PlmrError, match="no character offsets.*fast tokenizer"):
        RationaleTokenizer(SimpleNamespace(is_fast=False), 16)


def test_the_vocabulary_of_a_gru_is_the_commonest_words():
    tokenizer = word_tokenizer(["Good beer, good!", "bad beer"], max_vocabulary=6)
    assert tokenizer.get_vocab() == {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "beer": 3, "good": 4, "!": 5}
    assert tokenizer("GOOD wine!")["input_ids"] == [2, 4, 1, 5]


@pytest.mark.parametrize(("longest", "most", "width"), [(5, None, 8), (8, None, 8), (9, 12, 12), (9, 8, 9)])
def test_widths_are_rounded_up_but_not_past_what_the_encoder_reads(longest, most, width):
    features = [{"input_ids": [7] * n, "word_ids": [0] * n} for n in (3, longest)]
    batch = RationaleCollator(0, multiple_of=8, most=most)(features)
    assert {tuple(tensor.shape) for tensor in batch.values()} == {(2, width)}
    assert batch["attention_mask"].sum(dim=1).tolist() == [3, longest]
    assert (batch["word_ids"][0, 3:] == -1).all()
