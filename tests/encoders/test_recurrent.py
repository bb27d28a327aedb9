"""GRU encoders: padding, word vectors, limits."""

import pytest
import torch
from torch.testing import assert_close

from plmr.encoders import GRUEncoder, glove_width
from plmr.errors import PlmrError
from tests.small import small_batch, small_encoder


def test_padding_changes_nothing():
    encoder, batch = small_encoder("gru"), small_batch()
    with torch.no_grad():
        padded = encoder.run(encoder.embed(batch["input_ids"]), range(3), batch["attention_mask"])
        for row, length in enumerate(batch["attention_mask"].sum(dim=1).tolist()):
            alone = batch["input_ids"][row : row + 1, :length]
            expected = encoder.run(encoder.embed(alone), range(3), torch.ones_like(alone))
            assert_close(padded[row : row + 1, :length], expected, atol=1e-6, rtol=0)


def test_both_directions_are_read():
    encoder, batch = small_encoder("gru"), small_batch(lengths=(9,))
    embedded = encoder.embed(batch["input_ids"]).detach().requires_grad_()
    encoder.run(embedded, range(3), batch["attention_mask"])[0, 4].sum().backward()
    assert (embedded.grad.abs().sum(dim=-1) > 0).all()


def test_a_token_cannot_leave():
    encoder, batch = small_encoder("gru"), small_batch()
    with pytest.raises(PlmrError, match="masking='zero'"):
        encoder.run(
            encoder.embed(batch["input_ids"]),
            range(3),
            batch["attention_mask"],
            keep=torch.ones(batch["word_ids"].shape),
        )


@pytest.mark.parametrize("n_blocks", [0, 4])
def test_layers_have_limits(n_blocks):
    with pytest.raises(PlmrError, match=f"1 to 3 layers; got {n_blocks}"):
        GRUEncoder(10, n_blocks)


def test_glove_vectors_land_in_their_rows(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2 3\nbière -0.5 0.25 1e-1\nunknown 9 9 9\n", encoding="utf-8")
    assert glove_width(path) == 3
    encoder = GRUEncoder(5, embedding_width=3)
    before = encoder.embeddings.weight.detach().clone()
    assert encoder.load_glove(path, {"[PAD]": 0, "the": 2, "bière": 4}) == 2
    after = encoder.embeddings.weight.detach()
    assert after[2].tolist() == [1, 2, 3]
    assert_close(after[4], torch.tensor([-0.5, 0.25, 0.1]))
    assert torch.equal(after[[0, 1, 3]], before[[0, 1, 3]])


def test_words_of_a_glove_file_may_hold_spaces(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2 3\n. . . 9 9 9\nat name@domain.com 8 8 8\nat 4 5 6\n", encoding="utf-8")
    encoder = GRUEncoder(5, embedding_width=3)
    before = encoder.embeddings.weight.detach().clone()
    assert encoder.load_glove(path, {".": 1, "the": 2, "at": 3, "...": 4}) == 2
    after = encoder.embeddings.weight.detach()
    assert after[[2, 3]].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert torch.equal(after[[1, 4]], before[[1, 4]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the 1 2 3\nhop 1 2\n", ":2: the vector has 2 numbers, the encoder's have 3"),
        (b"the 1 2 3\nhop 1 two 3\n", ":2: .*'two'"),
        (b"the\n", ":1: expected a word and its numbers"),
        (b"\xff\xfe 1 2 3\n", "not a UTF-8"),
    ],
)
def test_a_bad_glove_file_is_an_error_with_its_line(content, message, tmp_path):
    path = tmp_path / "glove.txt"
    path.write_bytes(content)
    with pytest.raises(PlmrError, match=message):
        GRUEncoder(5, embedding_width=3).load_glove(path, {"the": 1, "hop": 2})


def test_a_missing_or_empty_glove_file_is_an_error(tmp_path):
    with pytest.raises(PlmrError, match="no such file"):
        glove_width(tmp_path / "missing.txt")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(PlmrError, match="empty"):
        glove_width(tmp_path / "empty.txt")
