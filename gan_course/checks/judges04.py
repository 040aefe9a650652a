"""The judges of lesson 04: fields, methods, damping, a planted bug, and a method of the learner's own.

Most compare numbers: with the right ones, and with those that a known mistake gives.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gan_course import dirac
from gan_course.checks.engine import Wrong
from gan_course.dirac import Dirac
from gan_course.losses import non_saturating, wasserstein

STARTS = ((0.7, -1.2), (-0.3, 0.4), (1.5, 0.8))
H = (0.1, 0.3)  # unequal, so that a method which mixes up the two rates is caught
_G, _D = torch.eye(2, dtype=torch.float64)


def _points() -> Tensor:
    return torch.tensor(STARTS, dtype=torch.float64)


def _same(a: Tensor, b: Tensor) -> bool:
    # 1e-5: an answer in float32 counts as right; the wrong answers differ by a hundred times more.
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=1e-5, rtol=0)


def _compare(got: Tensor, right: Tensor, mistakes: dict[str, tuple[Tensor, str]]) -> None:
    """Raise `Wrong` unless got is right; a known mistake, that gives the same numbers, has its own words."""
    if _same(got, right):
        return
    for reason, (made, message) in mistakes.items():
        if _same(got, made):
            raise Wrong(message, reason)
    mine, ours = ([round(v, 4) for v in x[0].flatten().tolist()] for x in (got, right))
    raise Wrong(f"From theta, psi = {STARTS[0]} yours gives {mine}; it should be {ours}.", "value")


def the_field(answer: Callable) -> str:
    def values(function: Callable) -> Tensor:
        return torch.stack([torch.stack([torch.as_tensor(v) for v in function(*p)]).detach() for p in _points()])

    def s(theta: Tensor, psi: Tensor) -> Tensor:
        return torch.sigmoid(theta * psi)

    mistakes = {
        "minimax": (
            lambda t, p: (s(t, p) * p, -s(t, p) * t),
            "This is the field of the minimax game: G's pull fades where D is sure of a fake. For G, take the "
            "derivative of `softplus(-psi * theta)`, the non-saturating loss. D's half is right.",
        ),
        "ascent": (
            lambda t, p: (-(1 - s(t, p)) * p, s(t, p) * t),
            "These players climb their losses: the derivatives are right, but the field is *minus* the derivatives.",
        ),
        "g_sign": (
            lambda t, p: (-(1 - s(t, p)) * p, -s(t, p) * t),
            "G runs from high logits. G wants D to say *real*: where psi is positive, theta must grow.",
        ),
        "d_sign": (
            lambda t, p: ((1 - s(t, p)) * p, s(t, p) * t),
            "D rewards the fake. Where theta is positive, D must lower its line there: psi falls.",
        ),
        "swapped": (
            lambda t, p: (-s(t, p) * t, (1 - s(t, p)) * p),
            "The two halves are right but in the wrong order: return G's half (of theta) first.",
        ),
        "linear": (
            lambda t, p: (p / 2, -t / 2),
            "You put 1/2 for the slope of the loss. That holds at the equilibrium; elsewhere it is a sigmoid.",
        ),
    }
    right = Dirac(non_saturating).field(_points())
    _compare(values(answer), right, {name: (values(made), words) for name, (made, words) in mistakes.items()})
    return "Your field and the package's agree. At the equilibrium both pulls are 1/2, as in the minimax game."


def _step(method: dirac.Method) -> Tensor:
    """One step from each start, in the minimax game; the method must leave its input alone."""
    after = []
    for now in _points():
        given = now.clone()
        moved = method(Dirac().field, torch.tensor(H, dtype=torch.float64), given, now - 0.1)
        after.append(torch.as_tensor(moved).detach().clone())
        if not torch.equal(given, now):
            raise Wrong(
                "Your function changes `now` itself (`now += ...`, `now[1] = ...`), so the path that was played gets "
                "rewritten. Make a new tensor: `now = now + ...`.",
                "in_place",
            )
    return torch.stack(after)


def _two_steps(v, h, now, before):
    return dirac.simultaneous(v, h, dirac.simultaneous(v, h, now, before), before)


def taking_turns(answer: dirac.Method) -> str:
    def g_first(v, h, now, before):
        now = now + h * _G * v(now)
        return now + h * _D * v(now)

    mistakes = {
        "stale": (
            dirac.simultaneous,
            "G still answers the old D: this is the simultaneous step. Compute the field a second time, where D has "
            "moved, and take G's half from there.",
        ),
        "order": (
            g_first,
            "G moves first. That circles as well, but the rule here, as in `train`, is D first: then G learns from a D "
            "that has just looked at its fakes.",
        ),
        "twice": (
            _two_steps,
            "Both players move in both halves: these are two simultaneous steps. Let only psi move, then only theta.",
        ),
        "rates": (
            lambda v, h, now, before: dirac.alternating(v, h[0], now, before),
            "Both players learn at G's rate. `h` holds two: `h[0]` is for theta, `h[1]` for psi.",
        ),
        "d_only": (
            lambda v, h, now, before: now + h * _D * v(now),
            "Only D moves. G must step too, against the new D.",
        ),
    }
    known = {name: (_step(method), words) for name, (method, words) in mistakes.items()}
    _compare(_step(answer), _step(dirac.alternating), known)
    return "D moves, then G answers the new D: this is `dirac.alternating`, and what `train` does each turn."


def looking_ahead(answer: dirac.Method) -> str:
    mistakes = {
        "no_look": (
            dirac.simultaneous,
            "This is the plain simultaneous step: the gradient is taken at `now`, not at the point ahead.",
        ),
        "from_ahead": (
            _two_steps,
            "You step on *from* the point ahead: two plain steps. Only the gradient comes from there; the step starts "
            "at `now`.",
        ),
        "average": (
            lambda v, h, now, before: now + h * (v(now) + v(now + h * v(now))) / 2,
            "You average the gradients here and ahead (Heun's method). That keeps closer to the circle, but does not "
            "converge. Use the gradient ahead alone.",
        ),
        "half": (
            lambda v, h, now, before: now + h * v(now + h * v(now) / 2),
            "You look half a step ahead (the midpoint method). That keeps closer to the circle, but does not "
            "converge. Look a whole step ahead.",
        ),
        "backwards": (
            lambda v, h, now, before: now + h * v(now - h * v(now)),
            "You look behind: the trial step goes with the field, `now + h * v(now)`.",
        ),
    }
    known = {name: (_step(method), words) for name, (method, words) in mistakes.items()}
    _compare(_step(answer), _step(dirac.extragradient), known)
    return "The step starts here and uses the gradient found there: `dirac.extragradient`."


def best_weight(answer: Callable) -> str:
    slopes = (0.5, 1.0, 0.2)
    got = [float(answer(s)) for s in slopes]
    off = [i for i in range(3) if abs(got[i] - 2 * slopes[i]) > 0.06 * slopes[i]]
    if not off:
        return "Twice the slope: there the two eigenvalues meet, and both decay at the rate `slope`."
    if max(got) - min(got) < 1e-6:
        raise Wrong(
            f"Your weight is {got[0]:g} whatever the slope. A game that pulls harder turns faster and needs more "
            "damping: let the answer depend on `slope`.",
            "constant",
        )
    if all(abs(w - 4 * s * s) < 0.01 * s for w, s in zip(got, slopes, strict=True)):
        raise Wrong("The root vanishes where weight² / 4 = slope². Take the root of both sides.", "square")
    weight, slope = got[off[0]], slopes[off[0]]
    low = weight < 2 * slope
    rate = -dirac.r1_eigenvalues(weight, slope).real.max().item()
    why = "too little: it spirals on for long" if low else "too much: D hardly moves, and G waits for it"
    raise Wrong(
        f"For slope {slope:g}, your weight {weight:g} makes the slower part decay at the rate {rate:.3f}, where "
        f"{slope:g} can be had. It is {why}.",
        "too_small" if low else "too_large",
    )


def mended_penalty(answer: Callable) -> str:
    h = 0.2

    def stepped(function: Callable, weight: float = 0.7) -> Tensor:
        moved = [torch.as_tensor(function(*p.unbind(), h, weight)).detach().reshape(1) for p in _points()]
        return torch.stack(moved)

    def pulled(pull: Callable) -> Tensor:  # D's step with its own loss, and this pull of the penalty
        return stepped(lambda t, p, h, w: p - h * (torch.sigmoid(t * p) * t + pull(p, w)))

    free = stepped(lambda t, p, h, w: p - h * torch.sigmoid(t * p) * t)
    if not _same(stepped(answer, 0.0), free):
        raise Wrong("With weight 0 this is no longer D's plain step. Leave its loss: the penalty is at fault.", "loss")
    mistakes = {
        "no_effect": (
            free,
            "The weight changes nothing: the penalty has the right value, but no gradient reaches psi through it.",
        ),
        "sign": (pulled(lambda p, w: -w * p), "The penalty drives psi *away* from 0. Add it to the loss."),
        "double": (pulled(lambda p, w: 2 * w * p), "It damps twice as hard as asked: R1 is weight / 2 times slope²."),
        "not_squared": (
            pulled(lambda p, w: w / 2 * p.sign()),
            "The pull is the same however small psi is, so that it oversteps the centre for ever. Square the slope.",
        ),
        "half_weight": (pulled(lambda p, w: w / 2 * p), "It damps half as hard as asked: check the factor."),
    }
    _compare(stepped(answer), pulled(lambda p, w: w * p), mistakes)
    return "Now the penalty acts: at each step R1 takes the share `h * weight` off psi."


def own_method(answer: dirac.Method) -> str:
    h, words = torch.tensor([0.2, 0.2], dtype=torch.float64), ""
    for name, game, centre in (("Wasserstein", Dirac(wasserstein), (0.3, -0.2)), ("minimax", Dirac(), (0.0, 0.0))):
        centre, calls = torch.tensor(centre, dtype=torch.float64), []

        def v(p, game=game, centre=centre, calls=calls):
            calls.append(p)
            return game.field(p - centre)

        path = [centre + torch.tensor([0.3, 0.1], dtype=torch.float64)] * 2
        for _ in range(100):
            path.append(torch.as_tensor(answer(v, h, path[-1], path[-2])).detach().double())
        start, end = ((p - centre).norm().item() for p in (path[1], path[-1]))
        went = f"In the {name} game the radius went from {start:.2f} to {end:.3g} in 100 steps"
        if len(calls) > 200:
            raise Wrong(f"It asks for the field {len(calls) / 100:g} times a step; two are allowed.", "calls")
        if not calls:
            raise Wrong("It never asks for the field, so it cannot know where the centre is: mine had moved.", "blind")
        if not end < start:
            raise Wrong(f"{went}: it does not converge.", "diverges")
        mine, rival = ((end / start) ** 0.01, dirac.spectrum(game, dirac.extragradient).abs().max().item())
        if mine > rival - 0.005:
            raise Wrong(f"{went}, x {mine:.4f} a step. Extragradient has {rival:.4f}: be clearly faster.", "slow")
        words = words or f"In the {name} game yours shrinks the radius x {mine:.3f} a step, extragradient {rival:.3f}."
    return words
