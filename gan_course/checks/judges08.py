"""The judges of lesson 08's build, measure and bug exercises: hinge, a conjugate, a penalty, a bound on the slope."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from gan_course.checks.engine import Wrong


def _same(a, b, tol: float = 1e-4) -> bool:
    return bool(torch.allclose(torch.as_tensor(a), torch.as_tensor(b), rtol=tol, atol=tol))


def _one_number(value, what: str) -> Tensor:
    value = torch.as_tensor(value)
    if value.shape != ():
        raise Wrong(f"{what} has shape {tuple(value.shape)}; end it with `.mean()`: one number.", "shape")
    return value


# ---- 08.1 ----------------------------------------------------------------------------------------------------------


def hinge_pair(answer: tuple[Callable, Callable]) -> str:
    real, fake = torch.tensor([[3.5], [0.5], [-0.4]]), torch.tensor([[-3.0], [0.25], [1.5]])
    d, g = (
        _one_number(loss(real.clone(), fake.clone()), f"{who}'s loss") for loss, who in zip(answer, "DG", strict=True)
    )
    right = relu(1 - real).mean() + relu(1 + fake).mean()
    mistakes = [
        (relu(1 + real).mean() + relu(1 - fake).mean(), "swapped", "Your D is charged for being right: a real point "
         "with a high output must cost nothing."),
        (relu(-real).mean() + relu(fake).mean(), "no_margin", "Your D is satisfied as soon as the sign is right. The "
         "hinge asks for a distance of 1 from zero."),
        (relu((1 - real).mean()) + relu((1 + fake).mean()), "means", "You take the mean first and the hinge after it. "
         "Each point pays for itself; then a good point cannot pay for a bad one."),
        (relu(1 - real).square().mean() + relu(1 + fake).square().mean(), "squared", "This is the squared hinge: no "
         "square here."),
        ((1 - real).mean() + (1 + fake).mean(), "no_hinge", "The max with 0 is missing: an answer beyond the margin "
         "must be free, not paid for."),
        (relu(1 - real).sum() + relu(1 + fake).sum(), "sum", "You sum over the points: take means, or the loss grows "
         "with the batch."),
    ]  # fmt: skip
    for value, reason, message in mistakes:
        if _same(d, value):
            raise Wrong(message, reason)
    if not _same(d, right):
        raise Wrong(
            f"Real 3.5, 0.5, -0.4 and fake -3, 0.25, 1.5: D should pay {right:.4f}, yours pays {d:.4f}.", "value"
        )
    if _same(g, relu(1 - fake).mean()):
        raise Wrong(
            "Your G has a margin, too: it would stop learning once D is fooled by 1. It pays minus D.", "g_margin"
        )
    if _same(g, -d):
        raise Wrong("Your G pays minus D's whole loss: it gets no gradient where D is sure of a fake.", "g_minus_d")
    if _same(g, fake.mean()):
        raise Wrong("Your G wants its fakes to be found out: the sign is the other way round.", "g_sign")
    if not _same(g, -fake.mean()):
        raise Wrong(f"On these outputs G should pay {-fake.mean():.4f}, yours pays {g:.4f}.", "g_value")
    real, fake = (x.requires_grad_() for x in (real, fake))
    for name, loss in zip("DG", answer, strict=True):
        value = loss(real, fake)
        if not (isinstance(value, Tensor) and value.requires_grad):
            raise Wrong(f"No gradient flows out of {name}'s loss: no `.detach()` or `.item()` in it.", "detached")
    return "D pays up to the margin, G without one. The package calls it `hinge`."


# ---- 08.2 ----------------------------------------------------------------------------------------------------------


def conjugate(answer: tuple[Callable, Callable]) -> str:
    f_star, activation = answer
    t = torch.tensor([-8.0, -2.0, -0.5, 0.0, 0.5, 0.9])
    got, right, u = torch.as_tensor(f_star(t.clone())), 2 - 2 * (1 - t).sqrt(), (1 - t) ** -0.5
    if got.shape != t.shape:
        raise Wrong(f"The conjugate works elementwise: six numbers in, yours gives shape {tuple(got.shape)}.", "shape")
    mistakes = [
        (u, "not_put_in", "This is the u at which ut - f(u) is highest. Put it into ut - f(u): the height is asked."),
        (-right, "sign", "The sign is the other way round: f* is the *max of* ut - f(u). At t = 0.5 it is above 0."),
        (u * t, "no_f", "This is ut at the best u: the - f(u) is missing."),
        (1 / u - 2 + u, "f_itself", "This is f at the best u. The height of ut *minus* f(u) is asked."),
        (t.square() / 4 + t, "pearson", "This is Pearson's conjugate, of f(u) = (u - 1)². Neyman divides by u."),
    ]
    for value, reason, message in mistakes:
        if _same(got, value):
            raise Wrong(message, reason)
    if not _same(got, right):
        raise Wrong(f"At t = 0.5 the highest ut - f(u) is {right[4]:.4f}; yours is {got[4]:.4f}.", "value")
    v = torch.linspace(-6, 6, 121)
    made = torch.as_tensor(activation(v.clone()))
    if made.shape != v.shape:
        raise Wrong("The activation works elementwise: as many numbers out as in.", "shape")
    if not bool((made < 1).all()):
        raise Wrong(
            "Your activation reaches t = 1 or more (or no number at all). There 1 - t is no longer positive, ut - f(u) "
            "rises for ever, and f* is infinite.",
            "domain",
        )
    if bool((made.diff() < 0).any()):
        raise Wrong("Your activation falls: then a high output of D would mean *fake*.", "falling")
    if made[0] > -4 or made[-1] < 0.9:
        raise Wrong(
            f"Your activation reaches only from {made[0]:.2f} to {made[-1]:.2f} for outputs from -6 to 6. The best T "
            "is 1 - (q/p)², from minus infinity to 1: all of it is needed.",
            "narrow",
        )
    return "2 - 2 sqrt(1 - t), for t < 1: at t = f'(u) = 1 - 1/u² the line touches the curve."


# ---- 08.3 ----------------------------------------------------------------------------------------------------------


class _Bowl(nn.Module):
    """D(x) = w |x|^2 / 2: its slope at x is w x. It writes down where it was asked."""

    def __init__(self, w: float):
        super().__init__()
        self.w, self.asked = nn.Parameter(torch.tensor(w)), []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(x.detach().clone())
        return self.w * x.square().sum(dim=1, keepdim=True) / 2


def penalty(answer: Callable) -> str:
    """08.3: first where every point is known (real = fake), then which points it takes, then its gradient."""
    same, D = torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 3.0]]), _Bowl(0.5)
    got = _one_number(answer(D, same.clone(), same.clone()), "The penalty")
    s = 0.5 * same.norm(dim=1)
    right = (s - 1).square().mean()
    mistakes = [
        ((0.5 * same.norm() - 1).square(), "whole_batch", "You take one norm of all slopes of the batch together. A "
         "batch of n points then has the slope 1/√n each. One norm for each point: `dim=1`."),
        ((0.5 * same.norm(dim=0) - 1).square().mean(), "columns", "You take the norm along the batch, `dim=0`: one "
         "for each coordinate. It goes along the coordinates, `dim=1`: one for each point."),
        ((0.5 * same.abs() - 1).square().mean(), "no_norm", "You ask each *coordinate* of the slope to be 1. The "
         "length is meant: square, sum along dim 1, take the root."),
        ((s.square() - 1).square().mean(), "no_root", "You compare the *squared* slope with 1: take the root first."),
        ((s.mean() - 1).square(), "mean_first", "You take the mean before comparing with 1: then one steep place makes "
         "up for a flat one. Compare each, then take the mean."),
        (relu(s - 1).square().mean(), "one_sided", "You charge only for slopes above 1. That variant exists; the "
         "paper's penalty charges flat places, too."),
        ((s - 1).square().sum(), "sum", "You sum over the points: take the mean."),
        (s.square().mean(), "r1", "The 1 is missing: this asks for a slope of 0, which is R1's wish."),
        (10 * right, "weight", "The weight of 10 is in it already. Here the penalty without weight is asked."),
    ]  # fmt: skip
    for value, reason, message in mistakes:
        if _same(got, value):
            raise Wrong(message, reason)
    if not _same(got, right):
        raise Wrong(
            f"With slopes {', '.join(f'{x:g}' for x in s)} it should be {right:.4f}; yours is {got:.4f}.", "value"
        )
    _check_points(answer)
    w = torch.ones((), requires_grad=True)
    value = answer(lambda x: w * x.sum(dim=1, keepdim=True), torch.randn(8, 2), torch.randn(8, 2))
    if not (isinstance(value, Tensor) and value.requires_grad and torch.autograd.grad(value, w, allow_unused=True)[0]):
        raise Wrong("D cannot learn from it: the slope must be taken with `create_graph=True`, undetached.", "detached")
    w = torch.ones((), requires_grad=True)
    value = answer(lambda x: w * (0 * x).sum(dim=1, keepdim=True), torch.randn(8, 2), torch.randn(8, 2))
    if not bool(torch.autograd.grad(value, w)[0].isfinite()):
        raise Wrong(
            "Where D is flat its gradient is NaN: the derivative of a root at zero is infinite. Add 1e-12 below it.",
            "nan",
        )
    return "One slope for each point, on the line between its pair; and a flat D does not turn into NaN."


def _check_points(answer: Callable) -> None:
    """Raise `Wrong` unless D is asked at points of the lines real-fake, a fresh place on each."""
    real, fake, D = torch.randn(64, 2), torch.randn(64, 2) + 4, _Bowl(0.5)
    answer(D, real.clone(), fake.clone())
    x = torch.cat(D.asked)
    if len(x) != 64:
        raise Wrong(f"D is asked at {len(x)} points for 64 pairs. One point for each pair is meant.", "points")
    t = (x - real) / (fake - real)  # both coordinates must agree
    if not _same(t[:, 0], t[:, 1], 1e-3):
        raise Wrong(
            "The points do not lie on the lines: each coordinate has a `t` of its own, which makes any point of the "
            "box. Draw `t` as (n, 1).",
            "box",
        )
    if t.std() < 0.05:
        raise Wrong("All points lie at the same share of their lines: draw a fresh `t` for each pair.", "one_t")


# ---- 08.4 ----------------------------------------------------------------------------------------------------------


def _net(*widths: int) -> nn.Sequential:
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return nn.Sequential(*layers[:-1])


def slope_bound(answer: Callable) -> str:
    torch.manual_seed(3)
    nets = [_net(2, 8, 1), _net(2, 16, 8, 1), _net(3, 8, 8, 8, 1)]
    got = torch.tensor([float(torch.as_tensor(answer(net)).detach()) for net in nets])
    weights = [[m.weight.detach() for m in net if isinstance(m, nn.Linear)] for net in nets]
    norms = [torch.stack([torch.linalg.matrix_norm(w, 2) for w in ws]) for ws in weights]
    right = torch.stack([n.prod() for n in norms])

    def each(measure: Callable) -> Tensor:
        return torch.stack([torch.stack([measure(w) for w in ws]).prod() for ws in weights])

    mistakes = [
        (each(lambda w: w.norm()), "frobenius", "You multiply the roots of the summed squares (`weight.norm()`). It is "
         "a bound, but a needlessly loose one: the largest *singular value* is asked."),
        (torch.stack([n.sum() for n in norms]), "sum", "You add the layers' norms. Layers come one *after* the other: "
         "what the first stretches, the next stretches again. Multiply."),
        (torch.stack([n.max() for n in norms]), "largest", "You take the steepest layer alone. All layers stretch, one "
         "after the other."),
        (each(lambda w: w.abs().max()), "entries", "You multiply the largest *entries*. Many small entries can stretch "
         "more than one large one: take the largest singular value."),
        (torch.stack([n.prod() * 0.2 ** (len(n) - 1) for n in norms]), "leak", "You count each leaky unit as 0.2. That "
         "is its slope on one side; on the other it is 1, and a bound must hold there, too."),
        (torch.stack([n[:-1].prod() for n in norms]), "last", "The last layer is missing: it stretches, too."),
        (torch.stack([n[1:].prod() for n in norms]), "first", "The first layer is missing: it stretches, too."),
    ]  # fmt: skip
    for value, reason, message in mistakes:
        if _same(got, value):
            raise Wrong(message, reason)
    if bool((got < right * 0.999).any()):
        raise Wrong(
            f"For one network it gives {got.min():.3f}: a network with these weights can be steeper than that "
            "(measuring at some points is no bound). Asked: the product of the layers' largest singular values.",
            "too_low",
        )
    if not _same(got, right, 1e-3):
        raise Wrong(f"For the first network the bound is {right[0]:.4f}; yours is {got[0]:.4f}.", "value")
    return "No input, near or far, can make such a network steeper than this product."
