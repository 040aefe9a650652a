"""The exercises of lesson 01."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from gan_course.checks.engine import Exercise, Wrong


def _shape(answer, wanted: tuple[int, ...]) -> Tensor:
    """The answer in float64, if it is a tensor of the wanted shape."""
    if not isinstance(answer, Tensor) or answer.shape != wanted:
        found = tuple(answer.shape) if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
        raise Wrong(f"A tensor of shape {wanted} is asked for here; yours is {found}.", "shape")
    return answer.double()


def _compare(got: Tensor, truth: Tensor, mistakes: Iterable[tuple[str, Tensor, str]]) -> None:
    """mistakes: (reason, what this mistake gives, what to say)."""
    if torch.allclose(got, truth, atol=1e-6):
        return
    for reason, wrong, text in mistakes:
        if torch.allclose(got, wrong, atol=1e-6):
            raise Wrong(text, reason)
    raise Wrong(f"Expected {_row(truth)} first; yours is {_row(got)}.", "value")


def _row(x: Tensor) -> str:
    first = x[0] if x.ndim == 2 else x
    return "`[" + ", ".join(f"{value:.3f}" for value in first.tolist()) + "]`"


def _posterior(answer) -> str:
    log_like = torch.tensor([[-1.0, -2.0, -1.5], [-3.0, -0.5, -1.0]], dtype=torch.float64)
    log_prior = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64).log()
    joint = log_like + log_prior
    truth = joint.softmax(1)
    # fmt: off
    _compare(_shape(answer(log_like.clone(), log_prior.clone()), (2, 3)), truth, [
        ("no-prior", log_like.softmax(1),
         "Right only where all classes are equally common: $\\log p(y)$ has no effect yet."),
        ("prior-not-log", (log_like + log_prior.exp()).softmax(1),
         "You added $p(y)$ to a logarithm. What belongs there is $\\log p(y)$, as it is given."),
        ("wrong-axis", joint.softmax(0),
         "Each *column* sums to 1: you compared images. Sum over the classes, `dim=1`."),
        ("still-log", truth.log(),
         "These are the logarithms of the right numbers. One `exp` is missing at the end."),
        ("joint", joint.exp(),
         "This is $p(x, y)$. Its rows do not sum to 1 before you divide by $p(x)$."),
    ])
    # fmt: on
    far = _shape(answer(log_like - 2000, log_prior.clone()), (2, 3))
    if not torch.allclose(far, truth, atol=1e-6):
        raise Wrong(
            "Right for small numbers, but not where all $\\log p(x \\mid y)$ are below −1000, as they are for images: "
            "`exp` gives 0 there, and 0 / 0 is no number. Stay with logarithms until you have divided: `logsumexp`.",
            "underflow",
        )
    return "Rows sum to 1, and $\\log p(x \\mid y) = -2000$ does no harm. `softmax(1)` of the joint does the same."


def _in_other_units(answer) -> str:
    half = torch.randn(5, 5, dtype=torch.float64)
    zero, cov, x = torch.zeros(5).double(), half @ half.T + torch.eye(5), torch.randn(4, 5, dtype=torch.float64)
    before = MultivariateNormal(zero, cov).log_prob(x)

    def after(scale: float) -> Tensor:
        return MultivariateNormal(zero, scale**2 * cov).log_prob(scale * x)

    not_log = "A factor of the density becomes a *term* of its logarithm, and that term is the factor's logarithm."
    base = "All logarithms here are natural ones; you mixed in another base."
    # fmt: off
    _compare(_shape(answer(before.clone(), 5, 3.0), (4,)), after(3.0), [
        ("unchanged", before, "Nothing changed. A density is chance *per volume*, and the volume has grown."),
        ("sign", before + 5 * math.log(3), "The sign is turned round: in a larger volume a density is *lower*."),
        ("dims", before - math.log(3), "You rescaled one axis. All `dims` of them grow: the volume by scale ** dims."),
        ("not-log", before - 5 * 3.0, not_log),
        ("not-log", before - 3.0**5, not_log),
        ("not-log", before / 3.0**5, not_log),
        ("base", before - 5 * math.log2(3), base),
        ("base", before - 5 * math.log10(3), base),
    ])
    # fmt: on
    try:
        ok = torch.allclose(_shape(answer(before.clone(), 5, -0.5), (4,)), after(-0.5))
    except ValueError:  # math.log of a negative number
        ok = False
    if not ok:
        raise Wrong(
            "Right for a positive scale. A negative one, which swaps black and white, stretches the volume by its "
            "*absolute* value, and a negative number has no logarithm: `abs(scale)`.",
            "abs",
        )
    gain = 64 * math.log(2)
    return f"Halve the units: an image of 64 pixels gains {gain:.1f} nats. Log densities mean nothing without units."


def _conditional_mean(answer) -> str:
    half = torch.randn(6, 6, dtype=torch.float64)
    mean, cov = 2 * torch.randn(6, dtype=torch.float64), half @ half.T + 0.5 * torch.eye(6)
    whole = mean + torch.randn(3, 6, dtype=torch.float64)

    def ask(seen: Tensor) -> Tensor:
        given = torch.where(seen, whole, torch.nan)
        got = _shape(answer(given, seen.clone(), mean.clone(), cov.clone()), (3, 6))
        if not torch.allclose(got[:, seen], whole[:, seen]):
            raise Wrong("Pixels that were seen came out changed. Fill the hidden places only.", "overwritten")
        return got[:, ~seen]

    def parts(seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return mean[~seen], (whole - mean)[:, seen], cov[seen][:, ~seen]

    seen = torch.tensor([True, False, True, True, False, True])
    middle, away, block = parts(seen)
    inverse = cov[seen][:, seen].inverse()
    got = ask(seen)
    if got.isnan().any():
        raise Wrong(
            "There are still NaNs. The hidden places of `x` hold NaN, and NaN times anything is NaN: take the seen "
            "columns, `x[:, seen]`, before you compute.",
            "nan",
        )
    # fmt: off
    _compare(got, middle + away @ inverse @ block, [
        ("marginal", middle.expand(3, 2), "Each hidden place got its plain mean: what was seen has no effect."),
        ("not-centred", middle + whole[:, seen] @ inverse @ block,
         "Take the mean from what was seen first: an average image must get the average completion."),
        ("no-mean", away @ inverse @ block, "This is how far the hidden places are off their mean. Add `mean[~seen]`."),
        ("wrong-inverse", middle + away @ cov.inverse()[seen][:, seen] @ block,
         "You inverted the whole matrix and took a block of that. Take the block first, then invert it."),
        ("no-inverse", middle + away @ block,
         "The inverse of $\\Sigma_{ss}$ is missing: pixels that tell the same story are counted twice."),
    ])
    # fmt: on
    middle, away, block = parts(~seen)
    if not torch.allclose(ask(~seen), middle + away @ cov[~seen][:, ~seen].inverse() @ block, atol=1e-6):
        raise Wrong("Right for one pattern of gaps and wrong for another: use `seen`, not fixed places.", "fixed")
    return "Any gap, one formula, no training. `classical.fill_gaussian` does this, and gives log p of what was seen."


def _prepare(answer) -> str:
    y = torch.arange(60) % 7
    images = torch.eye(60, 64) * 50  # far apart, so that each row tells which image it came from

    parts = answer(images.clone(), y.clone(), 0)
    if not isinstance(parts, (tuple, list)) or len(parts) != 4:
        raise Wrong("Return four tensors: `x_train, y_train, x_test, y_test`.", "shape")
    x_train, y_train, x_test, y_test = parts
    if len(x_train) != len(y_train) or len(x_test) != len(y_test) or min(len(x_train), len(x_test)) == 0:
        raise Wrong("Each image needs its label, and neither part may be empty.", "shape")
    learn, test = x_train.argmax(1), x_test.argmax(1)
    both = set(learn.tolist()) & set(test.tolist())
    altered = not torch.equal(x_test, images[test]) or len(test.unique()) < len(test)
    unlike = not torch.equal(y_train, y[learn]) or not torch.equal(y_test, y[test])
    # fmt: off
    for wrong, reason, text in (
        (both, "leak", f"{len(both)} of 60 images stand on both sides: one copy to learn from, a near twin to test on. "
         "Divide the *images* first, each once, and make copies afterwards."),
        (altered, "test-augmented", "No image leaks, but you test on altered copies. Test on what you will meet: "
         "the originals, each once."),
        (len(learn) <= len(learn.unique()), "no-copies", "The leak is closed, but the training images have lost their "
         "copies, which were a good idea."),
        (unlike, "labels", "Images and labels no longer belong together. Pick both with the same rows."),
        (len(learn.unique()) + len(test) < 60, "lost", "Some images are in neither part. Use them all."),
        (not 15 <= len(test) <= 25, "share", f"A third is for testing, 20 of 60 images; you kept {len(test)}."),
    ):
        if wrong:
            raise Wrong(text, reason)
    # fmt: on
    if set(answer(images.clone(), y.clone(), 1)[2].argmax(1).tolist()) == set(test.tolist()):
        raise Wrong("Another seed gives the same test images. Draw the rows at random, from the seed.", "seed")
    return "No image is on both sides, and the test images are as they came. Now the number can be believed."


def _strangers(answer) -> str:
    words = {"learned", "copies", "noise"}
    if not isinstance(answer, dict) or set(answer) != set("ABC") or not set(answer.values()) <= words:
        raise Wrong('Give each of "A", "B" and "C" one of the words learned, copies, noise.', "words")
    if len(set(answer.values())) < 3:
        raise Wrong("Each word fits exactly one of the three.", "repeated")
    if answer["B"] == "learned":
        raise Wrong(
            "B explains the images that it was built from better than any other. Now look at images that it has not "
            "seen: worse than knowing nothing (4.09 bits). A low distance does not clear it: what would a copier's be?",
            "training",
        )
    if answer["A"] == "learned":
        raise Wrong(
            "A explains new images almost as well as the best. But what does it draw? Likelihood forgives a model that "
            "wastes 99 of 100 samples: that costs log 100, shared by 64 pixels.",
            "likelihood",
        )
    if answer["A"] == "copies":
        raise Wrong("C it is that learned. But copies of real images are as near to real images as can be.", "samples")
    return (
        "A: mostly noise, with a fine likelihood. B: copies, with a fine distance and a fine *training* likelihood. "
        "Either number alone would have crowned the wrong one."
    )


EXERCISES = [
    Exercise(
        "01.1", "Bayes' rule in logarithms", "easy", "core", 6, _posterior,
        (
            "$p(y \\mid x) = p(x, y) / p(x)$. A product becomes a sum of logarithms, a quotient a difference.",
            "$\\log p(x)$ is the logarithm of a *sum* over classes. `torch.logsumexp` computes it without leaving the "
            "logarithms; `keepdim=True` keeps the shapes fitting.",
            "`log_joint = log_likelihood + log_prior`; `(log_joint - log_joint.logsumexp(1, keepdim=True)).exp()`",
        ),
    ),
    Exercise(
        "01.2", "A density in other units", "medium", "useful", 6, _in_other_units,
        (
            "A chance does not change with the units; a density is chance per volume. What happens to the volume?",
            "A small cube of side h becomes one of side |scale| h, in `dims` dimensions: scale ** dims times as large.",
            "`log_density - dims * math.log(abs(scale))`",
        ),
    ),
    Exercise(
        "01.3", "Fill in what is missing", "medium", "core", 10, _conditional_mean,
        (
            "Cut the mean in two parts and the covariance in four blocks: `mean[seen]`, `cov[seen][:, seen]`, ...",
            "The images are rows: `away = x[:, seen] - mean[seen]` has shape (n, seen). So it is multiplied from the "
            "right: first by the inverse of `cov[seen][:, seen]`, then by `cov[seen][:, ~seen]`.",
            "`out = x.clone()`; `out[:, ~seen] = mean[~seen] + away @ cov[seen][:, seen].inverse() @ "
            "cov[seen][:, ~seen]`",
        ),
    ),
    Exercise(
        "01.4", "Find the leak", "medium", "core", 8, _prepare,
        (
            "Follow one image through the colleague's function. In how many rows is it afterwards? Where do they go?",
            "Rows that come from the same image must be on the same side. Which of the two steps has to come first?",
            "Draw `order`, cut it into `test` and `learn` rows, and call `augment` on the `learn` rows only.",
        ),
        kind="bug",
    ),
    Exercise(
        "01.5", "Unmask three strangers", "medium", "core", 6, _strangers,
        (
            "Three columns, three questions: does it explain what it saw? What it did not see? Does it draw well?",
            "Who draws almost as well as real images are, and yet cannot explain new ones?",
            "Copies: best on training images, bad on new ones. Noise: a distance far above all others.",
        ),
        kind="diagnose",
    ),
]  # fmt: skip
