"""Select, then predict: what the methods of this kind have in common, and each one's losses by its formula."""

import pytest
import torch
from torch.testing import assert_close

from plmr.masking import Units
from plmr.methods.g_rat import guide_of
from plmr.methods.inter_rat import AdjustedHead
from plmr.methods.losses import cross_entropy, js_divergence, keep_cross_entropy, kl_divergence
from plmr.modeling import RationaleModel
from tests.methods import formulas
from tests.methods.formulas import SELECT_THEN_PREDICT, read_masked
from tests.methods.soft_terms import SEEDS, SOFT_OPTIONS, soft_terms
from tests.methods.terms import TERMS
from tests.small import FAMILIES, PENALTY, small_batch, small_model, without_dropout

LABELS = torch.tensor([0, 1, 1])
OPTIONS = {
    "mcd": {"kl_weight": 1.7},
    "dar": {"teacher_weight": 1.7},
    "mrd": {"remaining_weight": 17.0},
    "3player": {"complement_weight": 1.7, "complement_margin": 1.3},
    "invrat": {"invariance_weight": 1.7},
    "dmr": {"output_weight": 1.7, "teacher_temperature": 2.5, "feature_weight": 19.0},
    "a2r": {"gap_weight": 19.0},
    "g-rat": {"guidance_weight": 1.7, "agreement_weight": 19.0, "guidance_span": 0.8},
    **SOFT_OPTIONS,
    "n2r": {"norm_weight": 1.7, "norm_epsilon": 0.1},
    "a2i": {"attack_weight": 1.7},
}


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
@pytest.mark.parametrize("name", SELECT_THEN_PREDICT)
def test_the_predictor_reads_the_selection_alone(family, name):
    model, batch = small_model(family, method=name), small_batch(family)
    method = model.method
    with torch.no_grad():
        output = model(**batch)
        expected = read_masked(method.predictor, method.class_head, batch, output.mask, getattr(method, "norm", None))
    assert_close(output.logits, expected, atol=1e-5, rtol=1e-4)


def terms(model, name):
    """Every term of a method's loss, from what the model answers."""
    batch, method = small_batch(), model.method
    with torch.no_grad():
        output = model(**batch, return_full_text=True)
        sparsity, continuity = formulas.constraint(output.masks, batch["word_ids"], [0.3], "corpus")
        found = {
            "rationale": formulas.cross_entropy(output.logits, LABELS),
            "sparsity": 7 * sparsity,
            "continuity": 3 * continuity,
        }
        if name == "mcd":
            found["full_text"] = formulas.cross_entropy(output.full_text_logits, LABELS)
            found["divergence"] = 1.7 * formulas.kl(output.full_text_logits, output.logits)
        if name == "mrd":
            rest = (batch["word_ids"] >= 0).float() - output.mask
            remaining = read_masked(method.predictor, method.class_head, batch, rest)
            found["full_text"] = formulas.cross_entropy(output.full_text_logits, LABELS)
            found["complement"] = formulas.cross_entropy(remaining, LABELS)
            found["discrepancy"] = -17 * formulas.kl(output.full_text_logits, remaining)
        if name == "3player":
            rest = (batch["word_ids"] >= 0).float() - output.mask
            answers = read_masked(method.complement, method.complement_head, batch, rest)
            found["complement"] = formulas.cross_entropy(answers, LABELS)
            found["hinge"] = 1.7 * max(0, found["rationale"] - found["complement"] + 1.3)
        if name == "g-rat":
            guider, ids = method.guider, batch["word_ids"]
            hidden = guider.run(guider.embed(batch["input_ids"]), range(guider.n_blocks), batch["attention_mask"])
            attention, pooled = formulas.attend(hidden, method.attention, ids)
            judged = method.guider_head(pooled)
            keep = formulas.by_word(output.keep_probability, ids)
            found["guider"] = formulas.cross_entropy(judged, LABELS)
            found["guidance"] = 1.7 * 0.75 * formulas.guided(keep, attention)
            found["agreement"] = 19 * 0.25 * formulas.js(output.logits, judged)
        if name == "rnp-reinforce":  # each text answers for itself
            sparsity, continuity = formulas.text_constraint(output.mask, batch["word_ids"], 0.3)
            found |= {"sparsity": 7 * sparsity, "continuity": 3 * continuity}
        if name == "invrat":
            entry = method.environment_vectors.weight[0]
            answers = read_masked(method.aware, method.aware_head, batch, output.mask, entry=entry)
            found["aware"] = formulas.cross_entropy(answers, LABELS)
            found["selection"] = found["rationale"]
            found["invariance"] = 1.7 * max(0, found["rationale"] - found["aware"])
        if name == "dmr":
            everything = (batch["word_ids"] >= 0).float()
            judged = read_masked(method.teacher, method.teacher_head, batch, everything)
            told, whole = (
                read_masked(method.predictor, torch.nn.Identity(), batch, mask) for mask in (output.mask, everything)
            )
            found["output"] = 1.7 * formulas.kl(judged / 2.5, output.logits)
            found["feature"] = 19 * formulas.moments(told.tanh().tolist(), whole.tanh().tolist())
        if name == "a2r":
            hidden = formulas.states_of(method.predictor, batch, (batch["word_ids"] >= 0).float())
            soft = method.soft_head(formulas.attend_by_odds(hidden, output.keep_probability, batch["word_ids"]))
            found["attention"] = found["attended"] = formulas.cross_entropy(soft, LABELS)
            found["gap"] = 19 * formulas.js(output.logits, soft)
        if name == "dar":
            judged = read_masked(method.teacher, method.teacher_head, batch, output.mask)
            found["teacher"] = 1.7 * formulas.cross_entropy(judged, LABELS)
        if name in SOFT_OPTIONS:
            found |= soft_terms(name, method, batch, LABELS, output)
        if name in TERMS:
            found = TERMS[name](method, batch, LABELS, found)
    assert 0 < output.mask.sum() < (batch["word_ids"] >= 0).sum()
    return found


@pytest.mark.parametrize("name", SELECT_THEN_PREDICT)
def test_every_term_of_the_loss_follows_its_formula(name):
    options = OPTIONS.get(name)
    weights = {"sparsity_weight": 7.0, "continuity_weight": 3.0, "constraint_form": "corpus"}
    apart = PENALTY | {"score_spread": 3.0}  # whatever a method's weights, something is kept and something is not
    model = small_model(seed=SEEDS.get(name, 1), method=name, method_options=options, sparsity=0.3, **weights, **apart)
    if name == "invrat":  # or the environments would be worth nothing
        model.method.class_head.linear.bias.data += torch.tensor([2.0, 0.0])
    if name in ("hardkuma", "dare"):  # whose scores are not spread
        model.method.mask_head.linear.weight.data *= 3
        model.method.mask_head.linear.bias.data += torch.tensor([7.5, -7.5])
    model.set_progress(0.45)  # a quarter of the span after the end of the guider's stage
    with torch.no_grad():
        output = model(**small_batch(), labels=LABELS)
    expected = terms(model, name)
    assert {term: value.item() for term, value in output.losses.items()} == pytest.approx(expected, abs=1e-5)
    assert min(map(abs, expected.values())) > 0.005
    assert output.loss.item() == pytest.approx(sum(expected.values()), abs=1e-4)


def test_the_terms_that_methods_share_on_tensors_made_by_hand():
    one, other = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.5, 0.0]]), torch.tensor([[1.0, 1.0, 0.0], [-1.0, 0.0, 2.0]])
    labelled = type("Labelled", (), {"targets": torch.tensor([2, 0])})
    assert cross_entropy(one, labelled).item() == pytest.approx(formulas.cross_entropy(one, labelled.targets))
    assert kl_divergence(one, other).item() == pytest.approx(formulas.kl(one, other), rel=1e-5)
    assert kl_divergence(other, one).item() == pytest.approx(formulas.kl(other, one), rel=1e-5)
    assert kl_divergence(one, one + 5).item() == pytest.approx(0, abs=1e-6)
    assert js_divergence(one, other).item() == pytest.approx(formulas.js(one, other), rel=1e-5)
    assert js_divergence(other, one).item() == pytest.approx(formulas.js(one, other), rel=1e-5)
    assert js_divergence(50 * one, -50 * one).item() == pytest.approx(0.693147, rel=1e-5)  # its upper bound, ln 2


def test_what_a_guider_asks_for_on_tensors_made_by_hand():
    """Padding has no part in it."""
    units = Units.from_index(torch.tensor([[-1, 0, 1, 2, 2, -1], [-1, 0, -1, -1, -1, -1]]))
    attention = torch.tensor([[0.75, 0.2, 0.05], [1.0, 0.0, 0.0]])
    keep = torch.tensor([[0.9, 0.4, 0.2], [0.3, 0.0, 0.0]])
    guide = guide_of(attention, units)
    assert_close(guide, torch.tensor([[1.0, 0.2 * 12 / 7, 0.05 * 12 / 7], [2 / 3, 0.0, 0.0]]))
    expected = formulas.guided([[0.9, 0.4, 0.2], [0.3]], [[0.75, 0.2, 0.05], [1.0]])
    assert keep_cross_entropy(keep, guide, units).item() == pytest.approx(expected, rel=1e-5)


def test_the_guider_rests_and_sees_no_padding_while_it_guides():
    model = small_model(method="g-rat").train()
    method = model.method
    attended = []
    method.attention.register_forward_hook(lambda part, _, weights: attended.append((part.training, weights)))
    batch = small_batch()
    alone = {name: tensor[2:, :7] for name, tensor in batch.items()}
    guider, joint = method.plays()
    for play, each in ((guider, batch), (guider, batch), (joint, batch), (joint, alone)):
        method.losses_in(play, model.batch(**each, labels=LABELS[-len(each["input_ids"]) :]))
    (_, noisy), (_, again), (rests, weights), (_, single) = attended
    assert [learns for learns, _ in attended] == [True, True, False, False] and rests is False
    assert not torch.equal(noisy, again)
    assert_close(weights.sum(dim=1), torch.ones(3))
    assert_close(weights[2, : single.shape[1]], single[0], atol=1e-5, rtol=1e-4)


def test_the_complement_is_read_like_any_mask():
    model, batch = small_model(method="rnp"), small_batch()
    method, texts = model.method, model.batch(**batch)
    with torch.no_grad():
        mask = method.select(texts).mask
        actual = method.predict_from(texts, texts.everything - mask)
        rest = (batch["word_ids"] >= 0).float() - model(**batch).mask
        assert_close(actual, read_masked(method.predictor, method.class_head, batch, rest), atol=1e-5, rtol=1e-4)


def test_one_encoder_and_one_norm_are_all_that_fr_has():
    names = {name.split(".")[0] for name, _ in small_model(method="fr").method.named_parameters()}
    assert names == {"predictor", "mask_head", "class_head", "norm"}
    assert not any(isinstance(m, torch.nn.LayerNorm) for m in small_model(method="fr").method.mask_head.modules())


@pytest.mark.parametrize(("name", "term", "kept"), [("mcd", "divergence", 1), ("mrd", "discrepancy", 0)])
def test_the_divergence_is_nothing_where_what_is_compared_with_the_text_is_the_text(name, term, kept):
    """In training too: the predictor judges without dropout, and nothing reaches its weights."""
    model = small_model("gru", method=name, continuity_weight=0.0, **PENALTY).train()
    torch.nn.init.zeros_(model.method.mask_head.linear.weight)
    model.method.mask_head.linear.bias.data = torch.tensor([50.0, -50.0]) * (1 - 2 * kept)
    _, second = model.method.plays()
    losses = model.method.losses_in(second, model.batch(**small_batch("gru"), labels=LABELS))
    assert losses[term].item() == pytest.approx(0, abs=1e-6)
    assert losses[term].requires_grad


def test_a_complement_that_tells_little_enough_is_left_alone():
    model = small_model(method="3player", method_options={"complement_margin": 0.5}).train()
    joint, texts = model.method.plays()[-1], model.batch(**small_batch(), labels=LABELS)
    head = model.method.complement_head.linear
    torch.nn.init.zeros_(head.weight)
    for wrong, zero in ((0.0, False), (20.0, True)):
        head.bias.data = torch.tensor([wrong, 0.0])  # two of three labels are 1
        losses = model.method.losses_in(joint, texts)
        expected = losses["rationale"].item() - formulas.cross_entropy(head.bias.expand(3, 2), LABELS) + 0.5
        assert losses["hinge"].item() == pytest.approx(max(0, expected), abs=1e-5)
        assert (losses["hinge"].item() == 0) is zero


def test_what_labels_put_beside_a_state_on_tensors_made_by_hand():
    head = AdjustedHead(2, 3)
    head.labels.data = torch.tensor([[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]])
    head.count(torch.tensor([2, 2, 0, 2]))
    states, keys = torch.tensor([[[0.3, -0.7], [2.0, 1.0]]]), torch.tensor([[1.0, 1.0], [0.0, 2.0], [-1.0, 0.5]])
    for k in (keys, head.labels.detach()):
        expected = [formulas.adjust(row, k.tolist(), head.labels.tolist(), [2, 1, 4]) for row in states[0].tolist()]
        assert_close(head.adjust(states, k).detach(), torch.tensor([expected]))
    assert_close(head(states), head.linear(torch.tensor([expected])))


def test_the_mask_follows_from_the_adjusted_states():
    model, texts = small_model(method="inter-rat", **PENALTY), small_model().batch(**small_batch())
    method, head = model.method, model.method.class_head
    with torch.no_grad():
        selection = method.select(texts)
        keys = head.labels @ method.label_keys.weight.T
        adjusted = [
            [formulas.adjust(state, keys.tolist(), head.labels.tolist(), [1, 1]) for state in row]
            for row in selection.hidden.tolist()
        ]
        _, expected = method.choose(method.mask_head(torch.tensor(adjusted)), texts.units)
    assert_close(selection.score, expected, atol=1e-5, rtol=1e-4)


def test_the_shares_of_labels_are_those_seen_in_training(tmp_path):
    model, batch = small_model(method="inter-rat", num_labels=3), small_batch()
    head = model.method.class_head
    model(**batch, labels=LABELS)
    assert head.counts.tolist() == [1, 1, 1]
    model.train()
    for progress in (0.0, 1.0):
        model.set_progress(progress)
        model(**batch, labels=LABELS)
    assert head.counts.tolist() == [3, 5, 1]
    model.eval().save_pretrained(tmp_path)
    loaded = RationaleModel.from_pretrained(tmp_path)
    assert loaded.method.class_head.counts.tolist() == [3, 5, 1]
    with torch.no_grad():
        assert torch.equal(loaded(**batch).logits, model(**batch).logits)


def test_the_mask_is_the_argmax_of_the_mean_over_each_word():
    model, batch = small_model(method="rnp", **PENALTY), small_batch()
    method, ids = model.method, batch["word_ids"]
    with torch.no_grad():
        mask = model(**batch).mask
        generator = method.generator
        hidden = generator.run(generator.embed(batch["input_ids"]), range(4), batch["attention_mask"])
        logits = method.mask_head(hidden)
    for row in range(3):
        for word in range(int(ids[row].max()) + 1):
            places = ids[row] == word
            expected = logits[row][places].mean(dim=0).argmax()
            assert (mask[row][places] == expected).all()
    assert 0 < mask.sum() < (ids >= 0).sum()


def test_both_encoders_learn_from_a_sampled_mask():
    model = small_model(method="rnp").train()
    losses = model(**small_batch(), labels=LABELS).losses
    losses["rationale"].backward()
    assert model.method.mask_head.linear.weight.grad.any()
    assert model.method.generator.blocks[0].attention.self.value.weight.grad.any()


@pytest.mark.parametrize("name", SELECT_THEN_PREDICT)
def test_while_everything_is_kept_only_predictors_learn_and_from_whole_texts(name):
    model, batch = small_model(method=name, sparsity_delay=0.5, class_head_dropout=0.0), small_batch()
    with torch.no_grad():
        whole = model(**batch, return_full_text=True).full_text_logits
    without_dropout(model).train().set_progress(0.4)
    output = model(**batch, labels=LABELS)
    assert {"rationale"} <= set(output.losses) <= {"rationale", "aware"}
    assert_close(output.losses["rationale"], torch.nn.functional.cross_entropy(whole, LABELS), atol=1e-5, rtol=0)
    output.loss.backward()
    for player, modules in model.method.modules_of().items():
        learns = player in ("predictor", "aware")
        assert all((p.grad is not None) is learns for m in modules for p in m.parameters())
