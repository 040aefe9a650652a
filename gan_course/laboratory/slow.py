"""One turn in slow motion: the sub-steps of D's update and of G's, numbered, each with what was measured in it.

The run plays its turn as always. The numbers are overheard on copies of its game, which draw the same noise and the
same real points as the turn itself; only nets or losses of the learner's own that draw from torch's stream may differ.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from gan_course.door import evaluating, sees_real
from gan_course.game import Game
from gan_course.laboratory.frame import Frame, undecided
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup


class Moment(NamedTuple):
    """Sub-step `index` (from 1) of `of`. `lit` names what of the model's graph is at work; `frame` is the game then."""

    index: int
    of: int
    player: str
    title: str
    caption: str
    lit: tuple[str, ...]
    frame: Frame


class _Part(NamedTuple):
    title: str
    caption: str
    lit: tuple[str, ...]


class _Overheard(NamedTuple):
    """A copy of a game after some updates, and what went through its networks: (input, output), call by call."""

    game: Game
    loss: tuple[float, float]
    G: list[tuple[Tensor, Tensor]]
    D: list[tuple[Tensor, Tensor]]


def moments(run: Run) -> list[Moment]:
    """Play one turn of `run`, as `run.play()` would, and give its sub-steps: six of D's, five of G's.

    Of several updates of one player in the turn the first is shown. A player that rests has no sub-steps. What the game
    or the learner's code raises goes through, and the run then stands where it stood.
    """
    run.change()  # nothing new, but the changes of a log that is being played again are made now
    before = copy.deepcopy(run.game)
    after_d = _overhear(before, before.d_steps, 0).game if before.d_steps else before
    first, half = run.view.look(before), run.view.look(after_d)
    told: list[tuple[str, _Part, Frame]] = []
    if before.d_steps:
        looks = [first] * 5 + [half]
        told += [("d", part, look) for part, look in zip(_of_d(run.setup, before, after_d), looks, strict=True)]
    generator = _of_g(run.setup, before) if before.g_steps else []
    run.play()
    looks = [half] * 4 + [run.look()]
    told += [("g", part, look) for part, look in zip(generator, looks[: len(generator)], strict=True)]
    return [Moment(i, len(told), player, *part, look) for i, (player, part, look) in enumerate(told, start=1)]


def _of_d(setup: Setup, before: Game, after_all: Game) -> list[_Part]:
    heard = _overhear(before, 1, 0)
    (real, real_scores), (fake, fake_scores) = heard.D[:2]
    loss, same = before.loss, undecided(before.loss.d)
    level = torch.full_like(fake_scores, same or 0.0)
    middle = (real_scores.mean() + fake_scores.mean()) / 2 if same is None else same
    right = ((real_scores > middle).float().mean() + (fake_scores < middle).float().mean()) / 2
    with torch.no_grad(), evaluating(heard.game.D):
        now = loss.d(heard.game.D(real), heard.game.D(fake))
    goal = " and ".join(["the loss", *setup.penalties])
    cut = f", none of which may exceed {_figure(setup.clip)}," if setup.clip else ""
    times = (
        f"; the next {before.d_steps - 1} of its {before.d_steps} updates, each on a fresh batch, take it to "
        f"{_figure(_apart(before.D, after_all.D))} from where it began"
        if before.d_steps > 1
        else ""
    )
    return [
        _Part(
            "Noise becomes fakes",
            f"The generator turns {len(fake)} draws of noise into as many fakes: {_place(fake)}.",
            ("noise", "generator", "fakes"),
        ),
        _Part(
            "A batch of real points",
            f"{len(real)} points are drawn from the data: {_place(real)}.",
            ("reals",),
        ),
        _Part(
            "The discriminator scores both",
            f"It gives the real points a score of {_figure(real_scores.mean())} on average and the fakes one of "
            f"{_figure(fake_scores.mean())}, and is right on {100 * right:.0f} % of them.",
            ("reals", "fakes", "discriminator", "predictions"),
        ),
        _Part(
            "The discriminator's loss",
            f"Its {setup.loss} loss for these scores is {_figure(heard.loss[0])}; if it could not tell them apart, it "
            f"would be {_figure(loss.d(level, level))}.",
            ("predictions", "d_loss"),
        ),
        _Part(
            "The discriminator's gradient",
            f"The slope of {goal} in each of its {_count(before.D)} weights says which way to move; together these "
            f"slopes have a norm of {_figure(_gradient(heard.game.D))}.",
            ("d_loss", "d_gradient", "discriminator"),
        ),
        _Part(
            "The discriminator moves",
            f"{setup.opt_d} with learning rate {_figure(setup.lr_d)} moves its weights{cut} by a distance of "
            f"{_figure(_apart(before.D, heard.game.D))}: the loss on this batch goes from {_figure(heard.loss[0])} to "
            f"{_figure(now)}{times}.",
            ("d_gradient", "discriminator"),
        ),
    ]


def _of_g(setup: Setup, before: Game) -> list[_Part]:
    heard = _overhear(before, before.d_steps, 1)
    noise, fake = heard.G[-1]
    place, (_, scores) = next((i, call) for i, call in enumerate(heard.D) if call[0] is fake)
    loss, same, paired = before.loss, undecided(before.loss.d), sees_real(before.loss.g)
    level = torch.full_like(scores, same or 0.0)
    if same is not None:
        verdict = f", and takes {100 * (scores > same).float().mean():.0f} % of them for real"
    elif paired:
        verdict = f", and the real points beside them one of {_figure(heard.D[place + 1][1].mean())}"
    else:
        verdict = ""
    known = same is not None or paired  # else the loss of a perfect generator is any number
    perfect = f"; if nobody could tell its fakes, it would be {_figure(loss.g(level, level))}" if known else ""
    with torch.no_grad(), evaluating(heard.game.G):
        shift = (heard.game.G(noise) - fake).norm(dim=1).mean()
    times = f"; this is the first of its {before.g_steps} updates in the turn" if before.g_steps > 1 else ""
    shown = " (the picture shows its average over the turns)" if before.averaged else ""
    return [
        _Part(
            "Fresh noise, fresh fakes",
            f"For its own update the generator makes {len(fake)} new fakes: {_place(fake)}.",
            ("noise", "generator", "fakes"),
        ),
        _Part(
            "The discriminator scores them",
            f"It gives the fakes a score of {_figure(scores.mean())} on average{verdict}.",
            ("fakes", *(("reals",) if paired else ()), "discriminator", "predictions"),
        ),
        _Part(
            "The generator's loss",
            f"Its {setup.loss} loss for these scores is {_figure(heard.loss[1])}{perfect}.",
            ("predictions", "g_loss"),
        ),
        _Part(
            "The gradient reaches the fakes",
            f"Through the discriminator the loss pulls each fake, with a mean strength of "
            f"{_figure((len(fake) * fake.grad).norm(dim=1).mean())}, and through the fakes the generator's "
            f"{_count(before.G)} weights, with a gradient of norm {_figure(_gradient(heard.game.G))}.",
            ("g_loss", "discriminator", "fakes", "g_gradient"),
        ),
        _Part(
            "The generator moves",
            f"{setup.opt_g} with learning rate {_figure(setup.lr_g)} moves its weights by a distance of "
            f"{_figure(_apart(before.G, heard.game.G))}, and with them these fakes by {_figure(shift)} on "
            f"average{times}{shown}.",
            ("g_gradient", "generator"),
        ),
    ]


def _overhear(game: Game, d_steps: int, g_steps: int) -> _Overheard:
    """Let a copy play one turn of so many steps. The gradients of its last updates are in `grad`, the fakes' too."""
    game = copy.deepcopy(game)
    game.d_steps, game.g_steps = d_steps, g_steps
    heard = {"G": [], "D": []}

    def listen(name: str) -> None:
        def hear(net: nn.Module, given: tuple[Tensor, ...], gave: Tensor) -> None:
            heard[name].append((given[0], gave))
            if gave.requires_grad:
                gave.retain_grad()

        getattr(game, name).register_forward_hook(hear)

    listen("G")
    listen("D")
    step = next(game)
    return _Overheard(game, (step.d_loss.item(), step.g_loss.item()), **heard)


def _place(x: Tensor) -> str:
    """Where points lie: `spread` is the root of the mean squared distance from their centre."""
    centre = x.mean(0)
    spread = (x - centre).square().sum(1).mean().sqrt()
    return f"their centre is ({_figure(centre[0])}, {_figure(centre[1])}), their spread {_figure(spread)}"


def _apart(one: nn.Module, other: nn.Module) -> Tensor:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return get_total_norm([(a - b).detach() for a, b in pairs])


def _gradient(net: nn.Module) -> Tensor:
    return get_total_norm([p.grad for p in net.parameters() if p.grad is not None])


def _count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def _figure(x: Tensor | float) -> str:
    return f"{torch.as_tensor(x).item() + 0.0:.3g}"  # + 0.0: no "-0"
