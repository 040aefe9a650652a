"""The judges of lesson 06's first three exercises: measures, a pack, a layer that sees the batch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gan_course.checks.engine import Wrong

_CENTRES = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
_SIGMA = 0.5


def _samples() -> Tensor:
    """Twelve points: five and two and one of high quality at three modes, one only near the fourth, three far off."""
    away = [(0, 0.1, 5), (1, 0.2, 2), (2, 1.2, 1), (3, 2.0, 1), (0, 1.8, 3)]  # mode, distance, how many
    steps = [(_CENTRES[mode] + torch.tensor([distance, 0.0])).expand(n, 2) for mode, distance, n in away]
    return torch.cat(steps).clone()


def measures(answer: Callable) -> str:
    """Compared with the right numbers and with those of known mistakes."""
    got = answer(_samples(), _CENTRES.clone(), _SIGMA)
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise Wrong("Return three numbers: modes, share, reverse KL.", "three")
    modes, share, rkl = (float(value) for value in got)
    q = torch.tensor([5.0, 2.0, 1.0]) / 8

    if modes == 4:
        raise Wrong("The fourth mode has only a sample that is too far off. Only high-quality ones count.", "nearest")
    if modes == 2:
        raise Wrong("A sample 1.2 from its mode is within three widths of 0.5. Yours counts fewer.", "narrow")
    if modes != 3:
        raise Wrong(f"On our twelve points 3 modes have a good sample; yours says {modes:g}.", "modes")
    if math.isclose(share, 8, abs_tol=1e-6):
        raise Wrong("That is how many samples are good. The share is that number over all samples.", "count")
    if not math.isclose(share, 8 / 12, abs_tol=1e-5):
        raise Wrong(f"8 of our 12 samples are of high quality, {8 / 12:.3f}; yours says {share:.3f}.", "share")
    right = torch.xlogy(q, 4 * q).sum().item()
    mistakes = {
        "unnormalised": torch.xlogy(q * 8 / 12, 4 * q * 8 / 12).sum().item(),
        "entropy": -torch.xlogy(q, q).sum().item(),
        "covered": torch.xlogy(q, 3 * q).sum().item(),
        "bits": right / math.log(2),
        "all_samples": sum(x * math.log(4 * x) for x in (8 / 12, 2 / 12, 1 / 12, 1 / 12)),
    }
    why = {
        "unnormalised": "Your $q$ does not add up to 1: divide by the number of *good* samples.",
        "entropy": "This is the entropy of $q$. Reverse KL compares with $p_i = 1/k$.",
        "covered": "$k$ is the number of all modes, not of those that were reached.",
        "bits": "This is in bits. Use the natural logarithm.",
        "all_samples": "Your $q$ counts bad samples at their nearest mode, too. Only the good ones count.",
    }
    if math.isnan(rkl):
        raise Wrong("A mode without samples gives NaN: $0 \\log 0$ is 0 here, as `torch.xlogy` has it.", "nan")
    if math.isinf(rkl):
        raise Wrong("A mode without samples gives infinity: that is the other direction, KL(p|q).", "forward")
    if math.isclose(rkl, right, abs_tol=1e-4):
        return "Right on a set with a missing mode, and on samples that are good for nothing."
    for reason, value in mistakes.items():
        if math.isclose(rkl, value, abs_tol=1e-4):
            raise Wrong(why[reason], reason)
    raise Wrong(f"On our points reverse KL is {right:.4f}; yours says {rkl:.4f}.", "value")


def pack(answer: Callable) -> str:
    """D is a spy that keeps what it is shown: 12 points of 3 coordinates, each coordinate telling where it is from."""
    n, dim, m = 12, 3, 4
    x = torch.arange(n * dim, dtype=torch.float32).view(n, dim)
    shown = []

    def spy(packs: Tensor) -> Tensor:
        shown.append(packs)
        return packs.sum(1, keepdim=True)

    got = answer(spy, x.clone(), m)
    if not shown:
        raise Wrong("D was never asked.", "not_asked")
    if len(shown) > 1:
        raise Wrong(f"D was asked {len(shown)} times. All packs go in at once, as one batch.", "loop")
    packs = shown[0]
    if packs.shape == (n // m, dim):
        raise Wrong("A pack holds m whole points side by side; yours has melted them into one point.", "melted")
    if packs.shape == (n // m, m, dim):
        raise Wrong("D wants each pack as one row of m*dim numbers: flatten its last two dimensions.", "flat")
    if packs.shape == (n, m * dim):
        raise Wrong(f"{n} points make {n // m} packs of {m}; yours makes {n}, so points are used repeatedly.", "repeat")
    if packs.shape != (n // m, m * dim):
        raise Wrong(f"D was shown {tuple(packs.shape)}; {n} points in packs of {m} are {(n // m, m * dim)}.", "shape")
    points = packs.reshape(-1, dim)
    if not bool((points[:, 1:] - points[:, :-1] == 1).all()):
        raise Wrong("Coordinates of different points are mixed up. Keep each point's together.", "mixed")
    if len(points[:, 0].unique()) != n:
        raise Wrong("Some points are used twice, and others not at all.", "repeat")
    if not isinstance(got, Tensor) or got.shape != (n // m, 1):
        raise Wrong(f"Return D's logits as they are, {(n // m, 1)}: one for each pack.", "logits")
    fake = x.clone().requires_grad_()
    answer(spy, fake, m).sum().backward()
    if fake.grad is None:
        raise Wrong("No gradient reaches the points: G could not learn. Do not detach them.", "detached")
    return "Each point in one pack, whole, and in reach of the gradient."


def layer(answer: Callable) -> str:
    """The minibatch standard deviation, and what a wrong one would say."""
    h = torch.tensor([[0.0, 1.0, 5.0], [2.0, 1.0, 5.0], [4.0, 1.0, -5.0], [6.0, 1.0, -5.0]])
    got = answer(h.clone())
    n, d = h.shape
    if not isinstance(got, Tensor) or got.shape != (n, d + 1):
        shape = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
        raise Wrong(f"From {(n, d)} it must make {(n, d + 1)}: one more column. Yours makes {shape}.", "shape")
    if not torch.equal(got[:, :d], h):
        raise Wrong("The first columns must be the features themselves, untouched.", "features")
    said = got[:, d]
    inside = (h.var(1, correction=0) + 1e-8).sqrt()
    if torch.allclose(said, inside, atol=1e-3) or torch.allclose(said, inside.mean().expand(n), atol=1e-3):
        raise Wrong("This is how much one sample's features differ *from each other*: the planted bug.", "within")
    if not torch.allclose(said, said[0].expand(n), atol=1e-5):
        raise Wrong("Each row has another number. The batch's variety is one number for all its rows.", "per_row")
    right = h.var(0, correction=0).sqrt().mean()
    mistakes = {
        "variance": (h.var(0, correction=0).mean(), "That is the variance: take the root of each feature's first."),
        "root_last": (
            h.var(0, correction=0).mean().sqrt(),
            "You take the mean before the root. First each feature's standard deviation, then their mean.",
        ),
        "everything": (h.std(correction=0), "That is the spread of all numbers in one heap. Each feature on its own."),
        "sum": (h.var(0, correction=0).sqrt().sum(), "That is the sum over features. Take the mean."),
    }
    if not torch.allclose(said[0], right, atol=1e-3):
        if torch.allclose(said[0], h.var(0).sqrt().mean(), atol=1e-3):
            raise Wrong("Yours divides by $n - 1$. The formula divides by $n$: `correction=0`.", "correction")
        for reason, (value, message) in mistakes.items():
            if torch.allclose(said[0], value, atol=1e-3):
                raise Wrong(message, reason)
        raise Wrong(f"On our four samples it should say {right:.3f}; yours says {said[0]:.3f}.", "value")
    twins = torch.ones(4, 3).requires_grad_()
    answer(twins).sum().backward()
    if not bool(twins.grad.isfinite().all()):
        raise Wrong(
            "For a batch of twins the gradient is NaN: a root has no slope at 0. Add 1e-8 under the root.", "nan"
        )
    h = h.requires_grad_()
    column = answer(h)[:, d].sum()
    if not column.requires_grad or torch.autograd.grad(column, h)[0].abs().sum() == 0:
        raise Wrong(
            "No gradient flows through the new column, so G could not learn to vary. Do not detach.", "detached"
        )
    return "Near zero for twins, the same in every row, and a gradient that tells G to vary."
