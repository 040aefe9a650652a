"""Three games for exercises 06.4 and 06.5, each ill in its own way. Which is which is the exercise.

Read this file only to cheat.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_course import device, ensemble, metrics, nets, toy, train
from gan_course.checks.diagnosis import Diagnosis
from gan_course.checks.engine import Wrong

_RING = toy.ring(8, std=0.05)
_TURNS, _EVERY = 400, 25  # turns played, and between two looks
_BEGIN = {  # learning rates of G and D, momentum of both, seed
    "A": (3e-3, 3e-3, 0.9, 0),
    "B": (3e-3, 1e-3, 0.0, 4),
    "C": (3e-3, 3e-3, 0.0, 1),
}
CAUSES = ("collapse", "bridges", "oscillation", "vanishing gradient", "healthy")
_DIAGNOSIS = {"A": "oscillation", "B": "collapse", "C": "bridges"}
CHANGEABLE = ("G", "D", "loss", "penalties", "lr_g", "lr_d", "d_steps", "g_steps", "average")
MOST_CHANGES, WELL_MODES, WELL_SHARE, FRESH = 2, 7, 0.5, range(100, 103)


class Patient(NamedTuple):
    """looks: (turn, 2,500 fakes (n, 2)) every 25 turns. losses: (turns, 2), D's and G's."""

    looks: list[tuple[int, Tensor]]
    losses: Tensor


def admit(name: str) -> Patient:
    """A patient's whole game, freshly played."""
    lr_g, lr_d, momentum, seed = _BEGIN[name]
    device.seed(seed)
    G, D = nets.mlp.generator(2, 2, (32, 32)), nets.mlp.discriminator(2, (32, 32))
    opt_g, opt_d = (
        torch.optim.Adam(net.parameters(), lr, betas=(momentum, 0.99), fused=True) for net, lr in ((G, lr_g), (D, lr_d))
    )
    game = train(G, D, _RING.batches(64, seed), steps=_TURNS, opt_g=opt_g, opt_d=opt_d, seed=seed)
    looks, losses = [], []
    for step in game:
        losses.append(torch.stack([step.d_loss, step.g_loss]))
        if step.index % _EVERY == 0:
            looks.append((step.index, game.sample(2500)))
    return Patient(looks, torch.stack(losses))


_SLIPS = [  # patient, wrong cause, reason, what to tell the learner
    (
        "A", "collapse", "collapse_for_swing",
        "A: few modes at any look, but see the spread: this cloud is as wide as the data. It is in the wrong place.",
    ),
    (
        "A", "bridges", "bridges_for_swing",
        "A: bridges lie between modes that are reached. This game reaches hardly any, and its centre travels.",
    ),
    (
        "B", "oscillation", "swing_for_collapse",
        "B: it does travel. But look at the spread first: all fakes lie together. A collapsed G wanders, too.",
    ),
    (
        "B", "vanishing gradient", "vanishing_for_collapse",
        "B: its fakes go a long way in 25 turns, and D's loss is not near 0. No gradient has vanished here.",
    ),
    (
        "B", "healthy", "losses_for_samples",
        "B: its losses are those of a game won, and its samples are not. Go by the samples.",
    ),
    (
        "C", "healthy", "healthy_for_bridges",
        "C: all modes, yes. But compare the share with the ideal: where do the other fakes lie?",
    ),
    (
        "C", "collapse", "collapse_for_bridges",
        "C: it reaches all modes at the last looks. A poor share alone is no collapse.",
    ),
]  # fmt: skip

# The judge of 06.4.
diagnosis = Diagnosis(
    _DIAGNOSIS,
    CAUSES,
    _SLIPS,
    look=": how many modes, how wide, how far does it go?",
    well="A swings, B has collapsed and wanders, C has its modes and bridges between them.",
)


def _generator():
    return nets.mlp.generator(2, 2, (32, 32))


def _discriminator():
    return nets.mlp.discriminator(2, (32, 32))


def prescription(answer) -> str:
    """The judge of 06.5: answer is a dictionary of settings, played on fresh seeds from the start."""
    if not isinstance(answer, dict) or not answer:
        raise Wrong('Give a dictionary of settings, such as {"d_steps": 3}.', "keys")
    unknown = [str(name) for name in answer if name not in CHANGEABLE]
    if unknown:
        raise Wrong(f"`{unknown[0]}` is not to be changed. These may be: {', '.join(CHANGEABLE)}.", "forbidden")
    if len(answer) > MOST_CHANGES:
        raise Wrong(f"At most {MOST_CHANGES} settings may change, you gave {len(answer)}.", "dose")
    settings = {"G": _generator, "D": _discriminator, "lr_g": 3e-3, "lr_d": 1e-3} | answer
    G, D = settings.pop("G"), settings.pop("D")
    if isinstance(G, torch.nn.Module) or isinstance(D, torch.nn.Module):
        raise Wrong("`G` and `D` are functions that *make* a network: write `lambda: ...` before it.", "not_made")
    seeds = ensemble.product(seed=FRESH)
    try:
        games = ensemble.train(G, D, lambda seed: _RING.batches(64, seed), seeds, steps=_TURNS, **settings)
        for _ in games:
            pass
    except (TypeError, ValueError, RuntimeError) as error:
        raise Wrong(f"The game does not play with it: {str(error).splitlines()[0]}", "refused") from error
    table = games.table(
        modes=lambda x: metrics.modes_covered(x, _RING), share=lambda x: metrics.high_quality_share(x, _RING)
    )
    modes, share = table["modes"], table["share"].mean()
    if not (modes >= WELL_MODES).all():
        said = ", ".join(f"{m:.0f}" for m in modes)
        raise Wrong(f"Modes on the three seeds: {said}. Is D still late, or blind to what it should see?", "modes")
    if not share >= WELL_SHARE:
        raise Wrong(
            f"At least {modes.min():.0f} modes on every seed, but the mean share is {share:.2f}, and {WELL_SHARE} is "
            "asked. The collapse is gone; what else ails the even game in the table?",
            "share",
        )
    return f"At least {modes.min():.0f} of 8 modes on three fresh seeds, and a mean share of {share:.2f}."
