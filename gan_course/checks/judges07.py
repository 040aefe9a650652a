"""The judges of exercises 07.1 to 07.4: the learner's functions on small nets, and on numbers with known answers."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan_course import minimax, nets, non_saturating
from gan_course.checks.engine import Wrong


def _small() -> tuple[nn.Module, nn.Module]:
    return nets.mlp.generator(2, 2, (6,)), nets.mlp.discriminator(2, (6,))


def _gradients(value: Tensor, net: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(value, list(net.parameters()), retain_graph=True))


def _norm(parts: list[Tensor]) -> float:
    return torch.cat([part.flatten() for part in parts]).norm().item()


def pull(answer: Callable) -> str:
    """07.1: the norm of the gradient of G's loss by all of G's weights, without a trace."""
    for loss in (minimax, non_saturating):
        G, D = _small()
        z = torch.randn(32, 2)
        fake = D(G(z))
        own = _gradients(loss.g(fake, fake), G)
        others = _gradients(loss.g(fake, fake), D)
        mistakes = {
            "sum_of_norms": (
                sum(part.norm().item() for part in own),
                "You add the norms of the layers. It is one long vector: add *squares*, and take one root.",
            ),
            "squared": (_norm(own) ** 2, "This is the squared norm: the root is missing."),
            "wrong_player": (_norm(others), "This is the gradient by D's weights. G learns with its own."),
            "both_players": (_norm([*own, *others]), "D's weights are in it, too. Only G's count."),
            "one_layer": (own[0].norm().item(), "This is the first layer alone: take all of `G.parameters()`."),
            "d_loss": (
                _norm(_gradients(loss.d(fake.detach() + 0 * fake, fake), G)),
                "You differentiate D's loss. What G wants less of is `loss.g`.",
            ),
        }
        for call in (1, 2):
            got = float(answer(G, D, loss, z))
            if abs(got - _norm(own)) > 1e-4 * _norm(own):
                for reason, (value, message) in mistakes.items():
                    if abs(got - value) <= 1e-4 * abs(value):
                        raise Wrong(message, reason)
                if call == 2:
                    raise Wrong(
                        "The second call gives another number: a gradient is left in `.grad`, and `backward` adds to "
                        "it. Use `torch.autograd.grad`, or clear the gradients before and after.",
                        "accumulates",
                    )
                raise Wrong(f"With {loss.name} it gives {got:.5f} in our test; it should be {_norm(own):.5f}.", "value")
        left = [p for net in (G, D) for p in net.parameters() if p.grad is not None and p.grad.any()]
        if left:
            raise Wrong(
                "The numbers are right, but gradients are left in `.grad`: the next `backward` would add to them.",
                "trace",
            )
    return "It is the norm of the whole gradient under both losses, and it leaves no trace."


def softer(answer: Callable) -> str:
    """07.2: one-sided label smoothing from raw logits."""
    real, fake, target = torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([[1.5], [-0.5], [-2.0]]), 0.8

    def mixed(logits: Tensor, label: float) -> Tensor:
        return label * softplus(-logits) + (1 - label) * softplus(logits)

    wanted = mixed(real, target).mean() + softplus(fake).mean()
    hard = softplus(-real).mean() + softplus(fake).mean()
    mistakes = {
        "two_sided": (
            mixed(real, target).mean() + mixed(fake, 1 - target).mean(),
            "You soften the fakes' label as well. Theirs stays 0: that is what *one-sided* means.",
        ),
        "wrong_side": (
            softplus(-real).mean() + mixed(fake, 1 - target).mean(),
            "You soften the fakes' label and leave the real one at 1. It is the other way round.",
        ),
        "missing_half": (
            target * softplus(-real).mean() + softplus(fake).mean(),
            "You only scale the real part. A label of 0.8 also takes 0.2 of the price of the opposite answer: "
            "without it D wants logits without end.",
        ),
        "flipped": (
            mixed(real, 1 - target).mean() + softplus(fake).mean(),
            "Your label for real points is 1 - target: exchange the two shares.",
        ),
        "hard": (hard, "These are hard labels: `target` does nothing in it."),
        "sign": (-wanted, "The sign is turned round: it is a price, so more is worse."),
        "sum": (mixed(real, target).sum() + softplus(fake).sum(), "Take means over the samples, not sums."),
    }
    got = answer(real.clone().requires_grad_(), fake.clone().requires_grad_(), target)
    if got.dim() != 0:
        raise Wrong(f"One number, please: it has shape {tuple(got.shape)}. Take the mean.", "shape")
    if not torch.allclose(got, wanted, atol=1e-5):
        for reason, (value, message) in mistakes.items():
            if torch.allclose(got, value, atol=1e-5):
                raise Wrong(message, reason)
        raise Wrong(f"On our logits it gives {got.item():.4f}; it should be {wanted.item():.4f}.", "value")
    if not got.requires_grad:
        raise Wrong("No gradient flows out of it: no `.item()`, `.detach()` or `float` in a loss.", "detached")
    far = answer(torch.full((2, 1), -200.0), torch.full((2, 1), 200.0), target)
    if not torch.allclose(far, torch.tensor(200 * target + 200.0), rtol=1e-3):
        raise Wrong("With logits of 200 it breaks: a log of a sigmoid overflows. Use softplus.", "overflow")
    return "Soft for the real points, hard for the fakes, finite for every logit."


def _turns(turn: Callable, start: tuple[nn.Module, nn.Module], data: list) -> tuple[list[Tensor], list[Tensor]]:
    """The weights of G and of D after the turns."""
    G, D = copy.deepcopy(start)
    opt_g, opt_d = torch.optim.SGD(G.parameters(), 0.1), torch.optim.SGD(D.parameters(), 0.1)
    for real, z in data:
        turn(G, D, opt_g, opt_d, real, z)
    return [p.detach().clone() for p in G.parameters()], [p.detach().clone() for p in D.parameters()]


def _turn(clear_d: bool = True, clear_g: bool = True, leak: bool = False, first: str = "d") -> Callable:
    """One turn as asked, or with a known mistake."""

    def turn(G, D, opt_g, opt_d, real, z):
        def d_step():
            if clear_d:
                opt_d.zero_grad()
            (softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()).backward()
            opt_d.step()
            if leak:
                opt_d.zero_grad()

        def g_step():
            if clear_g:
                opt_g.zero_grad()
            softplus(-D(G(z))).mean().backward()
            opt_g.step()

        for step in (d_step, g_step) if first == "d" else (g_step, d_step):
            step()

    return turn


def one_turn(answer: Callable) -> str:
    """07.3: three turns, compared with right ones and with known mistakes."""
    start, data = _small(), [(torch.randn(16, 2) + 1, torch.randn(16, 2)) for _ in range(3)]
    got, wanted = _turns(answer, start, data), _turns(_turn(), start, data)
    mistakes = {
        "leak": (
            _turn(clear_d=False, leak=True),
            "D's next step still holds what G's backward pass left in D. Where must D's gradients be cleared?",
        ),
        "never_d": (
            _turn(clear_d=False),
            "D's gradients are never cleared now: all turns add up, and G's are among them.",
        ),
        "never_g": (_turn(clear_g=False), "Now G's gradients are never cleared: each turn adds to the last."),
        "never": (_turn(clear_d=False, clear_g=False), "Now no gradient is ever cleared: all turns add up."),
        "order": (_turn(first="g"), "You exchanged the two updates: D first, then G against the new D."),
    }
    for name, mine, net in zip("GD", got, start, strict=True):
        if all(torch.equal(a, b) for a, b in zip(mine, net.parameters(), strict=True)):
            raise Wrong(f"{name} has not moved at all: is its step still there, after its backward pass?", "still")
    if _same(got[0], wanted[0]) and _same(got[1], wanted[1]):
        return "Three turns give the very weights of a loop without momentum."
    for reason, (turn, message) in mistakes.items():
        made = _turns(turn, start, data)
        if _same(got[0], made[0]) and _same(got[1], made[1]):
            raise Wrong(message, reason)
    raise Wrong(
        "After three turns the weights differ from those of a right loop. Change as little as you can.", "value"
    )


def _same(these: list[Tensor], those: list[Tensor]) -> bool:
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(these, those, strict=True))


def largest_rate(answer: Callable) -> str:
    """07.4: spectra whose limits are known."""
    cases = [
        [-1 + 0j, -0.5 + 0j], [-0.1 + 1j, -0.1 - 1j], [-3 + 0j, -0.2 + 1j, -0.2 - 1j],
        [-0.5 + 0.2j, -0.5 - 0.2j, -8 + 0j], [0.1 + 1j, 0.1 - 1j, -1 + 0j], [1j, -1j],
    ]  # fmt: skip
    wrong_ways = {
        "real_only": (
            lambda v: (-2 / v.real).min(),
            "You look at real parts only: 2/|a|. Rotation counts, too: write |1 + h(a + ib)|² out.",
        ),
        "modulus": (lambda v: 2 / v.abs().max(), "2 / |λ| is right on the real line only. Write |1 + h(a + ib)|² out."),
        "best": (
            lambda v: (-2 * v.real / v.abs().square()).max(),
            "This is the limit of the *most* patient eigenvalue. All of them must shrink: the smallest limit counts.",
        ),
        "half": (lambda v: (-v.real / v.abs().square()).min(), "Half as much as it should be: where is the 2 of 2ha?"),
        "not_squared": (lambda v: (-2 * v.real / v.abs()).min(), "The modulus in the denominator must be squared."),
        "negative": (
            lambda v: (-2 * v.real / v.abs().square()).min(),
            "An eigenvalue with a real part of 0 or more shrinks at no positive rate: then the answer is 0.",
        ),
    }
    for case in cases:
        values = torch.tensor(case, dtype=torch.complex128)
        wanted = _limit(values)
        got = float(answer(values.clone()))
        if abs(got - wanted) < 1e-6 * max(1.0, wanted):
            continue
        for reason, (way, message) in wrong_ways.items():
            if abs(got - float(way(values))) < 1e-6:
                raise Wrong(message, reason)
        shown = ", ".join(f"{v.real:g}{v.imag:+g}i" for v in case)
        raise Wrong(f"For the eigenvalues {shown} it gives {got:.4f}; it should be {wanted:.4f}.", "value")
    return "At every test spectrum a step just below your rate shrinks, and one just above grows."


def _limit(values: Tensor) -> float:
    """By bisection on |1 + h lambda| < 1, which holds between 0 and the limit and nowhere else."""
    low, high = 0.0, 1e3
    if not bool((values.real < 0).all()):
        return 0.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if bool(((1 + middle * values).abs() < 1).all()) else (low, middle)
    return low
