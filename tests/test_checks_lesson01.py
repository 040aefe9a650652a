"""Lesson 01's checks: each mistake is named for what it is, and a right answer may be written otherwise."""

import itertools
import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from gan_course.checks import strangers
from gan_course.checks.engine import judge

# ---- 01.1: Bayes' rule in logarithms ---------------------------------------------------------------------------------


def no_prior(log_likelihood, log_prior):
    return log_likelihood.softmax(1)


def prior_not_log(log_likelihood, log_prior):
    return (log_likelihood + log_prior.exp()).softmax(1)


def over_images(log_likelihood, log_prior):
    return (log_likelihood + log_prior).softmax(0)


def still_log(log_likelihood, log_prior):
    return (log_likelihood + log_prior).log_softmax(1)


def only_joint(log_likelihood, log_prior):
    return (log_likelihood + log_prior).exp()


def out_of_logarithms(log_likelihood, log_prior):
    joint = log_likelihood.exp() * log_prior.exp()
    return joint / joint.sum(1, keepdim=True)


def labels(log_likelihood, log_prior):
    return (log_likelihood + log_prior).argmax(1)


def upside_down(log_likelihood, log_prior):
    return (log_prior - log_likelihood).softmax(1)


@pytest.mark.parametrize(
    "answer, reason",
    [
        (no_prior, "no-prior"),
        (prior_not_log, "prior-not-log"),
        (over_images, "wrong-axis"),
        (still_log, "still-log"),
        (only_joint, "joint"),
        (out_of_logarithms, "underflow"),
        (labels, "shape"),
        (upside_down, "value"),
        (lambda log_likelihood, log_prior: ..., "unsolved"),
        (lambda log_likelihood, log_prior: log_likelihood / 0, "value"),
        (lambda log_likelihood, log_prior: log_likelihood.nothing(), "error"),
    ],
)
def test_01_1_names_the_mistake(answer, reason):
    assert judge("01.1", answer).reason == reason


def test_01_1_accepts_another_right_way():
    def shifted(log_likelihood, log_prior):
        joint = log_likelihood + log_prior[None]
        chances = torch.exp(joint - joint.max(1, keepdim=True).values)  # the largest term becomes 1
        return chances / chances.sum(1)[:, None]

    assert judge("01.1", shifted).ok


# ---- 01.2: a density in other units ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda log_density, dims, scale: log_density, "unchanged"),
        (lambda log_density, dims, scale: log_density + dims * math.log(abs(scale)), "sign"),
        (lambda log_density, dims, scale: log_density - math.log(abs(scale)), "dims"),
        (lambda log_density, dims, scale: log_density - dims * scale, "not-log"),
        (lambda log_density, dims, scale: log_density - scale**dims, "not-log"),
        (lambda log_density, dims, scale: log_density / scale**dims, "not-log"),
        (lambda log_density, dims, scale: log_density - dims * math.log2(abs(scale)), "base"),
        (lambda log_density, dims, scale: log_density - dims * math.log(scale), "abs"),
        (lambda log_density, dims, scale: log_density - dims * torch.tensor(scale).log(), "abs"),
        (lambda log_density, dims, scale: (log_density - dims * math.log(abs(scale))).mean(), "shape"),
        (lambda log_density, dims, scale: log_density - 1, "value"),
        (lambda log_density, dims, scale: None, "unsolved"),
    ],
)
def test_01_2_names_the_mistake(answer, reason):
    assert judge("01.2", answer).reason == reason


def test_01_2_accepts_another_right_way():
    def by_determinant(log_density, dims, scale):
        return log_density - torch.linalg.slogdet(scale * torch.eye(dims, dtype=torch.float64)).logabsdet

    assert judge("01.2", by_determinant).ok


# ---- 01.3: fill in what is missing -----------------------------------------------------------------------------------


def filling(guess):
    """An answer that puts guess(x_seen, mean_s, mean_h, cov, seen) into the hidden places."""

    def answer(x, seen, mean, cov):
        out = x.clone()
        out[:, ~seen] = guess(x[:, seen], mean[seen], mean[~seen], cov, seen)
        return out

    return answer


def overwrites(x, seen, mean, cov):
    return MultivariateNormal(mean, cov).mean.expand(len(x), -1)


def drowns_in_nans(x, seen, mean, cov):
    weights = torch.zeros_like(cov)
    weights[seen.nonzero(), seen.nonzero().T] = cov[seen][:, seen].inverse()
    out = x.clone()
    out[:, ~seen] = (mean + (x - mean) @ weights @ cov)[:, ~seen]
    return out


def fixed_places(x, seen, mean, cov):
    here = torch.tensor([True, False, True, True, False, True])
    out = x.clone()
    out[:, ~here] = mean[~here] + (x[:, here] - mean[here]) @ cov[here][:, here].inverse() @ cov[here][:, ~here]
    return torch.where(x.isnan(), out.nan_to_num(), x)


@pytest.mark.parametrize(
    "answer, reason",
    [
        (filling(lambda x, ms, mh, cov, seen: mh.expand(len(x), -1)), "marginal"),
        (
            filling(lambda x, ms, mh, cov, seen: mh + x @ cov[seen][:, seen].inverse() @ cov[seen][:, ~seen]),
            "not-centred",
        ),
        (
            filling(lambda x, ms, mh, cov, seen: (x - ms) @ cov[seen][:, seen].inverse() @ cov[seen][:, ~seen]),
            "no-mean",
        ),
        (
            filling(lambda x, ms, mh, cov, seen: mh + (x - ms) @ cov.inverse()[seen][:, seen] @ cov[seen][:, ~seen]),
            "wrong-inverse",
        ),
        (filling(lambda x, ms, mh, cov, seen: mh + (x - ms) @ cov[seen][:, ~seen]), "no-inverse"),
        (overwrites, "overwritten"),
        (drowns_in_nans, "nan"),
        (fixed_places, "fixed"),
        (lambda x, seen, mean, cov: x[:, ~seen], "shape"),
        (lambda x, seen, mean, cov: x.nan_to_num(), "value"),
        (lambda x, seen, mean, cov: ..., "unsolved"),
    ],
)
def test_01_3_names_the_mistake(answer, reason):
    assert judge("01.3", answer).reason == reason


def test_01_3_accepts_another_right_way():
    def by_precision(x, seen, mean, cov):
        precision = cov.inverse()  # given x_s, x_h has mean m_h - P_hh^-1 P_hs (x_s - m_s)
        away = torch.where(seen, x - mean, 0.0)
        step = torch.linalg.solve(precision[~seen][:, ~seen], precision[~seen] @ away.T).T
        full = torch.where(seen, x, mean)
        full[:, ~seen] -= step
        return full

    assert judge("01.3", by_precision).ok


# ---- 01.4: find the leak ---------------------------------------------------------------------------------------------


def augment(x, y):
    copies = x.repeat(4, 1)
    copies[len(x) :] += 0.2 * torch.randn(3 * len(x), x.shape[1])
    return copies, y.repeat(4)


def divided(n, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return order[n // 3 :], order[: n // 3]


def colleague(x, y, seed):
    x, y = augment(x, y)
    learn, test = divided(len(x), seed)
    return x[learn], y[learn], x[test], y[test]


def altered_test(x, y, seed):
    learn, test = divided(len(x), seed)
    return *augment(x[learn], y[learn]), *augment(x[test], y[test])


def no_copies(x, y, seed):
    learn, test = divided(len(x), seed)
    return x[learn], y[learn], x[test], y[test]


def labels_left_behind(x, y, seed):
    learn, test = divided(len(x), seed)
    x_learn, _ = augment(x[learn], y[learn])
    return x_learn, y[: len(learn)].repeat(4), x[test], y[test]


def drawn_with_replacement(x, y, seed):
    rng = torch.Generator().manual_seed(seed)
    learn, test = torch.randint(len(x), (40,), generator=rng), torch.randint(len(x), (20,), generator=rng)
    return *augment(x[learn], y[learn]), x[test], y[test]


def always_the_same(x, y, seed):
    return no_leak(x, y, 7)


def half_lost(x, y, seed):
    learn, test = divided(len(x), seed)
    return *augment(x[learn[:10]], y[learn[:10]]), x[test], y[test]


def tiny_test(x, y, seed):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return *augment(x[order[3:]], y[order[3:]]), x[order[:3]], y[order[:3]]


def no_leak(x, y, seed):
    learn, test = divided(len(x), seed)
    return *augment(x[learn], y[learn]), x[test], y[test]


@pytest.mark.parametrize(
    "answer, reason",
    [
        (colleague, "leak"),
        (drawn_with_replacement, "leak"),
        (altered_test, "test-augmented"),
        (no_copies, "no-copies"),
        (labels_left_behind, "labels"),
        (half_lost, "lost"),
        (tiny_test, "share"),
        (always_the_same, "seed"),
        (lambda x, y, seed: (x, y), "shape"),
        (lambda x, y, seed: ..., "unsolved"),
    ],
)
def test_01_4_names_the_mistake(answer, reason):
    assert judge("01.4", answer).reason == reason


def test_01_4_accepts_another_right_way():
    def with_a_mask(x, y, seed):
        torch.manual_seed(seed)
        test = torch.zeros(len(x), dtype=torch.bool)
        test[torch.randperm(len(x))[: round(len(x) / 3)]] = True
        shifted = x[~test] + 0.1 * torch.rand_like(x[~test])  # copies of one's own make
        return torch.cat([shifted, x[~test]]), torch.cat([y[~test]] * 2), x[test], y[test]

    assert judge("01.4", no_leak).ok
    assert judge("01.4", with_a_mask).ok


# ---- 01.5: three strangers -------------------------------------------------------------------------------------------

ORDERS = {
    ("noise", "copies", "learned"): "right",
    ("noise", "learned", "copies"): "training",
    ("copies", "learned", "noise"): "training",
    ("learned", "copies", "noise"): "likelihood",
    ("learned", "noise", "copies"): "likelihood",
    ("copies", "noise", "learned"): "samples",
}


@pytest.mark.parametrize("order", list(itertools.permutations(["learned", "copies", "noise"])))
def test_01_5_names_the_mistake_in_every_order(order):
    assert judge("01.5", dict(zip("ABC", order, strict=True))).reason == ORDERS[order]


@pytest.mark.parametrize(
    "answer, reason",
    [
        ({"A": "noise", "B": "copies", "C": "copies"}, "repeated"),
        ({"A": "noise", "B": "copier", "C": "learned"}, "words"),
        ({"A": "noise", "B": "copies"}, "words"),
        ("noise, copies, learned", "words"),
        ({"A": ..., "B": ..., "C": ...}, "unsolved"),
        ({"A": "noise", "B": ..., "C": "learned"}, "unsolved"),
    ],
)
def test_01_5_asks_for_each_word_once(answer, reason):
    assert judge("01.5", answer).reason == reason


def test_01_5_accepts_the_names_in_any_order():
    assert judge("01.5", {"C": "learned", "A": "noise", "B": "copies"}).ok


@pytest.fixture(scope="module")
def met():
    torch.manual_seed(0)
    y = torch.arange(400) % 2
    middle = torch.tensor([[-0.4, 0.1, 0.3], [0.3, -0.5, 0.0]], dtype=torch.float64)
    x = middle[y] + 0.1 * torch.randn(400, 3, dtype=torch.float64)
    return strangers.meet(x[:200], y[:200]), x[:200], x[200:]


@pytest.mark.parametrize("name", "ABC")
def test_a_strangers_density_is_that_of_its_samples(met, name):
    """Both integrate to 1, and agree on how often a box is hit."""
    model = met[0][name]
    wide = 6 * torch.rand(200_000, 3, generator=torch.Generator().manual_seed(1)).double() - 3
    density = model.log_prob(wide).exp() * 6**3
    assert density.mean().item() == pytest.approx(1, abs=0.1)
    box = (wide > 0).all(1)
    drawn = (model.sample(50_000, seed=0) > 0).all(1).double().mean().item()
    assert (density * box).mean().item() == pytest.approx(drawn, abs=0.02)


def test_the_strangers_are_what_the_answer_says(met):
    models, seen, new = met
    on_seen = {name: model.log_prob(seen).mean() for name, model in models.items()}
    on_new = {name: model.log_prob(new).mean() for name, model in models.items()}
    assert on_new["C"] > on_new["B"] and on_new["C"] > on_new["A"] > on_new["C"] - math.log(100)
    assert on_seen["B"] - on_new["B"] > on_seen["C"] - on_new["C"]
    nearest = torch.cdist(models["A"].sample(500, seed=0), seen).min(1).values
    assert nearest.median() > 2 * torch.cdist(models["C"].sample(500, seed=0), seen).min(1).values.median()
