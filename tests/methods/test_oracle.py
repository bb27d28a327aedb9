"""Who is told the labels: in training DMR's generator where that is asked for, and nobody outside it."""

import warnings

import pytest
import torch
from torch.testing import assert_close

from plmr import make_reviews
from plmr.config import RationaleConfig
from plmr.errors import PlmrError
from plmr.explain import RationaleClassifier
from plmr.methods import METHODS, caveats
from plmr.modeling import RationaleModel
from tests.methods import formulas
from tests.methods.formulas import read_masked
from tests.methods.terms import mask_of
from tests.small import PENALTY, small_batch, small_encoder, small_model

LABELS = torch.tensor([0, 1, 1])
FREE = PENALTY | {"score_spread": 3.0, "gumbel_noise": 0.0}
"""With which a mask in training is the one that the scores say."""


def oracle(**settings):
    model = small_model(seed=1, method="dmr", method_options={"oracle": True}, **FREE | settings)
    with torch.no_grad():
        model.method.label_vectors.weight.mul_(10)  # or so few words would not tell one label from the other
    return model


def told(method, batch, labels):
    """The mask of a generator that is told some labels."""
    return mask_of(method.generator, method.mask_head, batch, entry=method.label_vectors.weight[labels][:, None])


def test_in_training_the_generator_is_told_the_label():
    model, batch = oracle(), small_batch()
    method = model.method
    method.training = True  # no part drops out
    masks = []
    with torch.no_grad():
        for labels in (LABELS, 1 - LABELS):
            texts = model.batch(**batch, labels=labels)
            masks.append(texts.units.to_tokens(method.select(texts).mask))
            assert_close(masks[-1], told(method, batch, labels))
    assert not torch.equal(*masks)
    with pytest.raises(PlmrError, match="needs labels"):
        method.select(model.batch(**batch))


def test_outside_training_it_is_told_what_the_teacher_answers_whatever_the_label():
    model, batch = oracle(), small_batch()
    method, everything = model.method, (batch["word_ids"] >= 0).float()
    with torch.no_grad():
        torch.nn.init.normal_(method.teacher_head.linear.weight, std=3.0)
        answers = read_masked(method.teacher, method.teacher_head, batch, everything)
        method.teacher_head.linear.bias.data += torch.tensor([answers.diff(dim=1).mean().item(), 0.0])
        answers = read_masked(method.teacher, method.teacher_head, batch, everything).argmax(dim=-1)
        assert set(answers.tolist()) == {0, 1}
        alone = model(**batch)
        expected = told(method, batch, answers)
        assert_close(alone.mask, expected)
        assert not torch.equal(expected, told(method, batch, 1 - answers))
        for labels in (LABELS, 1 - LABELS):
            output = model(**batch, labels=labels)
            assert torch.equal(output.mask, alone.mask) and torch.equal(output.logits, alone.logits)
            assert torch.equal(output.keep_probability, alone.keep_probability)
            # The losses too are of that rationale.
            expected = formulas.cross_entropy(alone.logits, labels)
            assert output.losses["rationale"].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_by_default_no_rationale_depends_on_the_label(name):
    model = small_model(method=name).train()
    masks = []
    for labels in (LABELS, 1 - LABELS, None):
        torch.manual_seed(1)
        masks.append(model.method.select(model.batch(**small_batch(), labels=labels)).mask)
    assert torch.equal(masks[0], masks[1]) and torch.equal(masks[0], masks[2])
    assert caveats(model.config) == []


def test_what_tells_the_label_is_the_generators():
    model = oracle().train()
    method, texts = model.method, model.batch(**small_batch(), labels=LABELS)
    assert method.modules_of()["generator"][-1] is method.heads()[-1] is method.label_vectors
    for progress, moves in ((0.0, False), (1.0, True)):
        model.set_progress(progress)
        for play in method.plays():
            model.zero_grad(set_to_none=True)
            torch.stack(list(method.losses_in(play, texts).values())).sum().backward()
            moved = {id(p) for p in model.parameters() if p.grad is not None}
            players = method.modules_of()
            assert moved == {id(p) for name in play.players for m in players[name] for p in m.parameters()}
            assert (method.label_vectors.weight.grad is not None) is moves
    plain = small_model(method="dmr").method
    assert plain.label_vectors is None and not [n for n, _ in plain.named_parameters() if "label" in n]


def test_training_warns_of_it_and_says_so_with_its_figures_and_loading_does_not(tmp_path):
    config = RationaleConfig(method="dmr", encoder="bert", max_tokens=48, method_options={"oracle": True})
    with pytest.warns(UserWarning, match="label leakage: .* no figure of this model is a result"):
        RationaleModel.from_encoder(config, small_encoder("bert")).save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert RationaleModel.from_pretrained(tmp_path).method.options.oracle
    classifier = RationaleClassifier.from_pretrained("gru", method="dmr", method_options={"oracle": True})
    with pytest.warns(UserWarning, match="label leakage"):
        summary = classifier.fit(make_reviews(24), make_reviews(8, seed=1), epochs=1, use_cpu=True, disable_tqdm=True)
    assert any("label leakage" in note for note in summary.notes)
    classifier.save_pretrained(tmp_path / "saved")
    assert "label leakage" in (tmp_path / "saved" / "README.md").read_text(encoding="utf-8")
    assert classifier("the hop smell was excellent").label in classifier.labels
