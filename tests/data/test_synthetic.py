import itertools
import re
from collections import Counter

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from plmr.data import Example, make_reviews
from plmr.data import synthetic as grammar
from plmr.data.words import spans_from_flags
from plmr.errors import PlmrError


def gold_text(review: Example) -> str:
    assert review.rationale is not None
    ((start, end),) = spans_from_flags(review.words, review.rationale)
    return review.text[start:end]


NEGATIONS = re.compile(r"\b(neither|not at all|by no means|hardly|never|far from)\b")
PRAISE, BLAME = (
    [*shared, *(phrase for aspect in grammar._ASPECTS.values() for phrase in (*own(aspect), *phrases(aspect)))]
    for shared, own, phrases in (
        (grammar._PRAISE, lambda a: a.praise, lambda a: a.charms),
        (grammar._BLAME, lambda a: a.blame, lambda a: a.flaws),
    )
)


def said(phrases: list[str], clause: str) -> int:
    return sum(bool(re.search(rf"\b{re.escape(phrase)}\b", clause)) for phrase in phrases)


def read_by_rule(clause: str) -> str:
    """Reads a clause as a person would: what it says, all of it praise or all blame, turned around by a negation."""
    good, bad = said(PRAISE, clause), said(BLAME, clause)
    assert (good == 0) != (bad == 0)
    return "positive" if bool(good) != bool(NEGATIONS.search(clause)) else "negative"


def test_the_gold_clause_alone_tells_the_label():
    for target in ("look", "aroma", "palate", "taste", "finish"):
        for review in make_reviews(200, aspects=grammar.ASPECTS, target=target, correlation=0):
            assert read_by_rule(gold_text(review)) == review.label == review.extra["polarities"][target]


def test_gold_is_one_whole_clause_about_the_target():
    aroma = grammar._ASPECTS["aroma"]
    marks = re.compile("|".join([*aroma.nouns, "smells", "from the glass rises"]))
    for review in make_reviews(300):
        clause = gold_text(review)
        assert marks.search(clause)
        start = review.text.index(clause)
        assert re.search(r"(^|\. |; |, and |, while )$", review.text[:start])
        assert re.match(r"\.|;|, and |, while ", review.text[start + len(clause) :])


def test_a_bag_of_words_stays_far_below_reading_the_clause():
    train, test = (make_reviews(2000, correlation=0, seed=seed) for seed in (1, 2))
    counts = CountVectorizer(min_df=2)
    model = LogisticRegression(C=0.3, max_iter=1000)
    model.fit(counts.fit_transform([review.text for review in train]), [review.label for review in train])
    accuracy = model.score(counts.transform([review.text for review in test]), [review.label for review in test])
    assert accuracy < 0.75  # against 1.0 of the rule above


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8, 1.0])
def test_agreement_follows_the_dial(correlation: float):
    reviews = make_reviews(3000, correlation=correlation, seed=5)
    agree = {
        aspect: [review.extra["polarities"][aspect] == review.label for review in reviews]
        for aspect in ("look", "palate")
    }
    for matches in agree.values():
        # Four standard errors of a proportion, at most 0.5 / sqrt(n) each.
        assert sum(matches) / len(matches) == pytest.approx((1 + correlation) / 2, abs=4 * 0.5 / 3000**0.5)
    for one, other in itertools.combinations(agree.values(), 2):
        both = sum(a and b for a, b in zip(one, other, strict=True)) / len(reviews)
        assert both == pytest.approx(((1 + correlation) / 2) ** 2, abs=4 * 0.5 / 3000**0.5)


def test_lengths_share_and_balance():
    reviews = make_reviews(1001)
    lengths = [len(review.words) for review in reviews]
    assert 45 <= sum(lengths) / len(lengths) <= 62
    assert sum(sum(review.rationale or ()) for review in reviews) / sum(lengths) == pytest.approx(0.2, abs=0.01)
    assert Counter(review.label for review in reviews) == {"negative": 501, "positive": 500}


def test_reviews_are_deterministic_and_never_repeat():
    reviews = [make_reviews(1500, seed=seed) for seed in range(3)]
    assert reviews[0] == make_reviews(1500, seed=0)
    assert len({review.text for part in reviews for review in part}) == 4500


def test_bad_requests_are_named():
    with pytest.raises(PlmrError, match="unknown synthetic aspect 'price'"):
        make_reviews(1, aspects=("price", "look"), target="look")
    with pytest.raises(PlmrError, match="target aspect 'finish' should be one of look, aroma"):
        make_reviews(1, aspects=("look", "aroma"), target="finish")
    with pytest.raises(PlmrError, match="unknown synthetic aspect 'price'; known are look, aroma, palate, taste, fin"):
        make_reviews(1, target="price")
    with pytest.raises(PlmrError, match="between 0 and 1, not 2"):
        make_reviews(1, correlation=2)


@pytest.mark.parametrize("target", grammar.ASPECTS)
def test_any_aspect_can_be_the_target_among_three(target):
    (review,) = make_reviews(1, target=target)
    assert len(review.extra["polarities"]) == 3
    assert review.extra["polarities"][target] == review.label
