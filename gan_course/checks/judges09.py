"""The judges of lesson 09's measures: each is compared with the right number and with those of known mistakes."""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_course import manifold, metrics
from gan_course.checks.engine import Wrong


def _number(value) -> float:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise Wrong(f"It returns a tensor of shape {tuple(value.shape)}; one number is asked for.", "shape")
    return float(value)


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-3 * max(1.0, abs(b))


def _root(cov: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(cov)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def frechet(answer: Callable) -> str:
    mu1, mu2 = torch.tensor([0.0, 1.0, -1.0]).double(), torch.tensor([2.0, 1.0, 0.5]).double()
    cov1 = torch.tensor([[2.0, 1.2, 0.0], [1.2, 1.0, 0.3], [0.0, 0.3, 0.5]]).double()
    cov2 = torch.tensor([[1.0, -0.5, 0.2], [-0.5, 3.0, 0.0], [0.2, 0.0, 1.5]]).double()
    got = _number(answer(mu1.clone(), cov1.clone(), mu2.clone(), cov2.clone()))
    want = metrics.frechet_gaussian(mu1, cov1, mu2, cov2)
    means, traces = (mu1 - mu2).square().sum(), cov1.trace() + cov2.trace()
    overlap = (want - means - traces) / -2
    product = cov1 @ cov2
    mistakes = {
        "root": (want**0.5, "This is the square root of it. The distance is left squared, by custom."),
        "mean": (want - means + means.sqrt(), "The difference of the means enters squared."),
        "no_mean": (want - means, "Where are the means? This compares the covariances alone."),
        "two": (want + overlap, "The term with the root is taken away twice: mind the factor 2."),
        "elementwise": (
            means + traces - 2 * product.clamp(min=0).diagonal().sqrt().sum(),
            "`.sqrt()` of a matrix takes the root of each *entry*. The root R of a matrix M has R R = M.",
        ),
        "commute": (
            means + traces - 2 * (_root(cov1) @ _root(cov2)).trace(),
            "The root of a product is not the product of the roots, unless the two matrices commute.",
        ),
        "eigh": (
            means + traces - 2 * torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum(),
            "`eigvalsh` and `eigh` are for symmetric matrices, and the product of two such is not symmetric: "
            "they read one half of it and give something else. Use `torch.linalg.eigvals`.",
        ),
    }
    for reason, (value, message) in mistakes.items():
        if _same(got, float(value)):
            raise Wrong(message, reason)
    if not _same(got, want):
        raise Wrong(f"On our two Gaussians it gives {got:.4f}; it should be {want:.4f}.", "value")
    flat = torch.diag(torch.tensor([1.0, 0.0, 0.0]).double())
    thin = float(answer(mu1, flat.clone(), mu1.clone(), 4 * flat))
    if not _same(thin, 1.0):
        raise Wrong(
            f"On singular covariances (features that never vary) it gives {thin:.4f} in place of 1: rounding makes "
            "eigenvalues a little negative there. Clamp them at 0 before the root.",
            "singular",
        )
    return f"{want:.3f} on our two Gaussians, as it must be. The package calls it `metrics.frechet_gaussian`."


def at_infinity(answer: Callable) -> str:
    sizes, value, slope = [100, 150, 250, 600], 3.0, 700.0
    scores = [value + slope / n + e for n, e in zip(sizes, (0.02, -0.03, 0.03, -0.02), strict=True)]
    got = _number(answer(list(sizes), list(scores)))
    n, y = torch.tensor(sizes).double(), torch.tensor(scores).double()

    def line(x: Tensor) -> tuple[float, float]:
        level, rise = torch.linalg.lstsq(torch.stack([torch.ones_like(x), x], 1), y[:, None]).solution.flatten()
        return level.item(), rise.item()

    mistakes = {
        "slope": (line(1 / n)[1], "This is the slope of the line. Asked is its value where 1/n is 0."),
        "in_n": (line(n)[0], "You drew the line against n, and took its value at n = 0. Draw it against 1/n."),
        "slope_n": (line(n)[1], "This is a slope, and against n. Draw the line against 1/n, and take its value at 0."),
        "last": (scores[-1], "This is the score of the largest sample: less biased than the others, but still so."),
        "mean": (y.mean().item(), "This is the mean of the scores, biased like each of them."),
        "two_points": (
            (scores[-1] * sizes[-1] - scores[0] * sizes[0]) / (sizes[-1] - sizes[0]),
            "This is the line through the first and the last point alone. Use all of them: a least-squares fit.",
        ),
    }
    if _same(got, line(1 / n)[0]):
        return f"{got:.2f}, where the largest sample still scored {scores[-1]:.2f}."
    for reason, (wrong, message) in mistakes.items():
        if _same(got, wrong):
            raise Wrong(message, reason)
    raise Wrong(f"On our scores it gives {got:.4f}; the fitted line meets 1/n = 0 at {line(1 / n)[0]:.4f}.", "value")


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")


def _precisions(real: Tensor, fake: Tensor, k: int) -> dict[str, float]:
    """What known mistakes would give as the precision."""
    apart = _apart(fake, real)
    radii = _apart(real, real).sort().values
    own = _apart(fake, fake).sort().values[:, k]
    near = apart.argmin(1)
    return {
        "self": (apart <= radii[:, k - 1]).any(1).double().mean().item(),
        "own_ball": (apart <= own[:, None]).any(1).double().mean().item(),
        "nearest_only": (apart.min(1).values <= radii[near, k]).double().mean().item(),
        "pairs": (apart <= radii[:, k]).double().mean().item(),
        "one_radius": (apart.min(1).values <= radii[:, k].mean()).double().mean().item(),
    }


_PRECISION_SAYS = {
    "self": "Each point is its own nearest neighbour, at distance 0, and you counted it as the first of the k: your "
    "balls are one neighbour too small.",
    "own_ball": "You gave each fake a ball and asked whether a real point lies in it. For precision the balls are "
    "around the *real* points.",
    "nearest_only": "You look only at the ball of the nearest real point. A fake may lie outside of that and within "
    "the wider ball of another: any will do.",
    "pairs": "This is a share of pairs. A fake counts as soon as it lies in *one* ball: `.any(1)`, then the mean.",
    "one_radius": "You use one radius for all. Each real point has its own: wide where the data are sparse.",
}


def balls(answer: Callable) -> str:
    real = torch.randn(80, 2) * torch.tensor([1.0, 0.4])
    real[:8] *= 3
    fake = torch.randn(60, 2) * torch.tensor([0.9, 0.9]) + torch.tensor([0.7, 0.0])
    for k in (3, 5):
        got = answer(real.clone(), fake.clone(), k)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise Wrong("Return two numbers: `return precision, recall`.", "shape")
        got = tuple(map(_number, got))
        want = manifold.precision_recall(real, fake, k)
        if _same(got[0], want.recall) and _same(got[1], want.precision):
            raise Wrong("The two are exchanged: precision is the share of *fakes* in real balls.", "swapped")
        for reason, value in _precisions(real, fake, k).items():
            if _same(got[0], value) and not _same(got[0], want.precision):
                raise Wrong(_PRECISION_SAYS[reason], reason)
        if _same(got[0], want.precision) and not _same(got[1], want.recall):
            raise Wrong(
                f"The precision is right. The recall is {got[1]:.3f} and should be {want.recall:.3f}: the same, with "
                "real and fake exchanged.",
                "recall",
            )
        if not all(map(_same, got, want)):
            raise Wrong(
                f"With k = {k} it gives ({got[0]:.3f}, {got[1]:.3f}); it should be ({want.precision:.3f}, "
                f"{want.recall:.3f}).",
                "value",
            )
    return "Both are right, at k = 3 and k = 5. The package calls it `manifold.precision_recall`."


def fair(answer: Callable) -> str:
    """Watches which rows the learner's comparison hands to the metric."""
    sizes = {"P": 90, "Q": 400, "R": 250}
    real = torch.randn(300, 3)
    real[:, 0] = torch.arange(300)  # the first column numbers the rows
    fakes = {name: torch.randn(n, 3) for name, n in sizes.items()}
    for i, x in enumerate(fakes.values()):
        x[:, 0] = torch.arange(len(x)) + 1000 * i
    calls: list[tuple[Tensor, Tensor]] = []

    def watched(a: Tensor, b: Tensor) -> float:
        calls.append((a[:, 0].long(), b[:, 0].long()))
        return float(len(calls))

    got = answer(real.clone(), {name: x.clone() for name, x in fakes.items()}, watched, 0)
    if not isinstance(got, dict) or set(got) != set(sizes):
        raise Wrong('Return a dictionary with a score for each generator: {"P": ..., "Q": ..., "R": ...}.', "names")
    if not calls:
        raise Wrong("You never called `metric`: hand it the rows that you chose.", "no_metric")
    rows = {len(b) for _, b in calls}
    if len(rows) > 1:
        raise Wrong(
            f"The generators are still scored with different numbers of fakes: {sorted(rows)}. The fewer, the more "
            "bias: compare at equal n.",
            "sizes",
        )
    if len({len(a) for a, _ in calls}) > 1:
        raise Wrong("The real side has a different size from call to call. Keep it the same for all.", "real_sizes")
    if any(len(b.unique()) < len(b) for _, b in calls):
        raise Wrong(
            "Rows are repeated. A small set drawn with replacement is still a small set; it knows no more. Bring the "
            "large ones down to the smallest.",
            "repeated",
        )
    if rows != {min(sizes.values())}:
        raise Wrong(f"Equal, but {rows.pop()} rows each: the smallest set has {min(sizes.values())}. Use all.", "few")
    if any(b[0] >= 1000 and bool((b % 1000 == torch.arange(len(b))).all()) for _, b in calls):  # P may stay as it is
        raise Wrong("You took the first n rows. A file may be sorted, by class say: draw them at random.", "first_rows")
    again = answer(real.clone(), {name: x.clone() for name, x in fakes.items()}, watched, 0)
    if again.keys() != got.keys() or not torch.equal(calls[1][1], calls[len(calls) // 2 + 1][1]):
        raise Wrong("Called twice with the same seed it chose other rows: use a Generator with the seed.", "seed")
    return "Equal n, rows at random, none twice, and the same again for the same seed. Now the numbers may be compared."
