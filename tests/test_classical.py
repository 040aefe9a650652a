"""The hidden Markov model against enumeration of every path, its own samples, and its learning's promise; the filled
Gaussian against a least-squares fit to a large sample, and against PyTorch's density."""

import itertools
import math

import pytest
import torch

from gan_course.classical import PSEUDO_COUNT, GaussianHMM, fill_gaussian, fit_hmm

NAN = math.nan


def model(k=3, d=2, seed=0):
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return GaussianHMM(draw(k).log_softmax(0), draw(k, k).log_softmax(1), 2 * draw(k, d), draw(k, d).exp() * 0.5 + 0.1)


def joint(hmm, x):
    """log p(x, path) of one sequence (T, d) for each path, by the definition alone. Missing values integrate to 1."""
    paths, logs = list(itertools.product(range(len(hmm.log_start)), repeat=len(x))), []
    for path in paths:
        log = hmm.log_start[path[0]].item()
        log += sum(hmm.log_move[a, b].item() for a, b in itertools.pairwise(path))
        for row, k in zip(x, path, strict=True):
            for value, mean, var in zip(row, hmm.mean[k], hmm.var[k], strict=True):
                if not value.isnan():
                    log += torch.distributions.Normal(mean, var.sqrt()).log_prob(value).item()
        logs.append(log)
    return paths, torch.tensor(logs, dtype=torch.float64)


X = torch.tensor(
    [
        [[0.5, -1.0], [2.0, 0.3], [-0.7, 1.1], [0.0, 0.2]],
        [[NAN, -1.0], [NAN, NAN], [-0.7, NAN], [3.0, -2.0]],
        [[NAN, NAN], [NAN, NAN], [NAN, NAN], [NAN, NAN]],
    ],
    dtype=torch.float64,
)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_forward_backward_agrees_with_enumeration(seed):
    hmm = model(seed=seed)
    for i, x in enumerate(X):
        paths, logs = joint(hmm, x)
        assert hmm.log_prob(X)[i].item() == pytest.approx(logs.logsumexp(0).item(), abs=1e-9)
        chances = logs.softmax(0)
        for t, k in itertools.product(range(4), range(3)):
            wanted = sum(p for p, path in zip(chances, paths, strict=True) if path[t] == k)
            assert hmm.posterior(X)[i, t, k].item() == pytest.approx(float(wanted), abs=1e-9)


def test_filling_keeps_what_was_seen_and_puts_the_conditional_mean_elsewhere():
    hmm = model()
    paths, logs = joint(hmm, X[1])
    wanted = sum(p * torch.stack([hmm.mean[k] for k in path]) for p, path in zip(logs.softmax(0), paths, strict=True))
    filled, missing = hmm.fill(X)[1], X[1].isnan()
    assert torch.equal(filled[~missing], X[1][~missing])
    assert torch.allclose(filled[missing], wanted[missing])


def test_nothing_seen_has_probability_one():
    assert model().log_prob(X[2:]).item() == pytest.approx(0, abs=1e-12)


def test_a_long_sequence_does_not_underflow():
    x = model().sample(1, 3000, seed=1)
    assert torch.isfinite(model().log_prob(x)).all()
    assert model().log_prob(x).item() < -3000


def test_samples_have_the_models_own_moments():
    hmm = model(seed=3)
    x = hmm.sample(20_000, 3, seed=0)
    chance = hmm.log_start.exp()
    for t in range(3):
        mean = chance @ hmm.mean
        var = chance @ (hmm.var + hmm.mean.square()) - mean.square()
        assert torch.allclose(x[:, t].mean(0), mean, atol=0.08)  # about 4 standard errors
        assert torch.allclose(x[:, t].var(0), var, rtol=0.08)
        chance = chance @ hmm.log_move.exp()
    assert torch.equal(hmm.sample(5, 3, seed=7), hmm.sample(5, 3, seed=7))


def test_each_step_of_learning_raises_what_it_promises_to_raise():
    x = model(seed=1).sample(60, 6, seed=0)
    x[torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.2] = NAN

    def goal(steps):
        hmm = fit_hmm(x, 4, steps=steps, seed=2)
        return hmm.log_prob(x).sum() + PSEUDO_COUNT * (hmm.log_start.sum() + hmm.log_move.sum())

    goals = torch.stack([goal(steps) for steps in range(12)])
    assert (goals.diff() > -1e-9).all()
    assert goals[-1] > goals[0] + 50


def test_learning_comes_close_to_the_truth_on_sequences_that_it_has_not_seen():
    truth = GaussianHMM(
        torch.tensor([0.9, 0.1]).double().log(),
        torch.tensor([[0.9, 0.1], [0.2, 0.8]]).double().log(),
        torch.tensor([[-2.0], [2.0]]).double(),
        torch.tensor([[0.5], [1.0]]).double(),
    )
    learned = fit_hmm(truth.sample(300, 10, seed=0), 2, steps=30)
    fresh = truth.sample(500, 10, seed=1)
    assert learned.log_prob(fresh).mean() > truth.log_prob(fresh).mean() - 0.1
    order = learned.mean[:, 0].argsort()
    assert torch.allclose(learned.mean[order], truth.mean, atol=0.15)
    assert torch.allclose(learned.log_move[order][:, order].exp(), truth.log_move.exp(), atol=0.05)


def test_a_constant_column_and_an_idle_state_do_no_harm():
    x = model().sample(20, 4)
    x[..., 1] = -1.0
    hmm = fit_hmm(x, 12, steps=10, least_var=0.01)
    assert all(torch.isfinite(part).all() for part in (hmm.log_start, hmm.log_move, hmm.mean, hmm.var))
    assert hmm.var.min() >= 0.01


@pytest.mark.parametrize(
    "x, more, said",
    [
        (torch.zeros(4, 2), {}, "shape"),
        (torch.zeros(0, 4, 2), {}, "at least one"),
        (torch.full((2, 3, 1), torch.inf), {}, "infinity"),
        (torch.full((2, 3, 1), NAN), {}, "no value at all"),
        (torch.zeros(2, 3, 1), {"states": 0}, "states"),
        (torch.zeros(2, 3, 1), {"least_var": 0.0}, "least_var"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(x, more, said):
    with pytest.raises(ValueError, match=said):
        fit_hmm(x, **{"states": 2, **more})


def test_a_model_refuses_sequences_of_another_width():
    with pytest.raises(ValueError, match="2"):
        model().log_prob(torch.zeros(1, 4, 3))
    with pytest.raises(ValueError, match="length"):
        model().sample(1, 0)


def gaussian(d=4):
    torch.manual_seed(0)
    half = torch.randn(d, d, dtype=torch.float64)
    return torch.randn(d, dtype=torch.float64), half @ half.T + 0.1 * torch.eye(d, dtype=torch.float64)


def test_a_filled_gaussian_gives_the_regression_on_what_was_seen():
    mean, cov = gaussian()
    x = torch.distributions.MultivariateNormal(mean, cov).sample((200_000,))
    seen, hidden = [1, 3], [0, 2]
    design = torch.cat([x[:, seen], torch.ones(len(x), 1, dtype=torch.float64)], 1)
    best = torch.linalg.lstsq(design, x[:, hidden]).solution
    rows = x[:50].clone()
    rows[:, hidden] = NAN
    filled, _ = fill_gaussian(rows, mean, cov)
    assert torch.equal(filled[:, seen], x[:50, seen])
    assert torch.allclose(filled[:, hidden], design[:50] @ best, atol=0.03)


def test_each_row_may_have_its_own_gaps():
    mean, cov = gaussian()
    x = mean + torch.randn(30, 4, dtype=torch.float64)
    x[torch.rand(30, 4) < 0.4] = NAN
    x[0] = NAN
    filled, log_prob = fill_gaussian(x, mean, cov)
    for i, row in enumerate(x):
        one, log_one = fill_gaussian(row[None], mean, cov)
        assert torch.allclose(filled[i], one[0]) and torch.allclose(log_prob[i], log_one[0])
        seen = ~row.isnan()
        if seen.any():
            marginal = torch.distributions.MultivariateNormal(mean[seen], cov[seen][:, seen])
            assert log_prob[i].item() == pytest.approx(marginal.log_prob(row[seen]).item())
    assert torch.allclose(filled[0], mean) and log_prob[0] == 0


def test_filling_a_gaussian_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="cov"):
        fill_gaussian(torch.zeros(2, 3), torch.zeros(3), torch.eye(2))
