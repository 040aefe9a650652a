"""Exercise 03.5: four games, really played when they are first asked for and logged without their loss; its judge."""

import functools

import torch
from torch import nn
from torch.autograd import grad

from gan_course import toy
from gan_course.checks.engine import Wrong
from gan_course.losses import Loss, minimax, non_saturating
from gan_course.nets import mlp

DATA = 3.0  # the mean of the data; both densities have the width 0.3
RUNS = {  # where G's dial stands, G's loss, and whether D starts with all weights zero
    "A": (-1.0, non_saturating, False),
    "B": (-1.0, minimax, True),
    "C": (-1.0, minimax, False),
    "D": (2.9, non_saturating, False),
}
LOGGED = (150, 300, 450)

Line = tuple[int, float, float, float]  # turn, mean logit of the fakes, its gradient by the dial, G's gradient


@functools.cache
def runs() -> dict[str, list[Line]]:
    """The logs by name. The random state of the caller stays as it was."""
    with torch.random.fork_rng(devices=[]):
        return {name: _log(*run) for name, run in RUNS.items()}


def show_runs() -> None:
    """Print the four logs."""
    print("run   turn   mean logit of fakes      slope    gradient")
    for name, log in runs().items():
        for turn, logit, slope, felt in log:
            print(f"{name:3} {turn:6} {logit:21.2f} {slope:10.1e} {felt:11.1e}")


def _log(dial: float, loss: Loss, zero: bool) -> list[Line]:
    torch.manual_seed(0)
    D = mlp.discriminator(1, (32, 32))
    if zero:
        for weight in D.parameters():
            nn.init.zeros_(weight)
    data, noise = toy.gaussian(DATA, 0.3), toy.gaussian(0.0, 0.3)
    opt, log = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.99)), []
    for turn in range(1, LOGGED[-1] + 1):
        opt.zero_grad()
        minimax.d(D(data.sample(384)), D(dial + noise.sample(384))).backward()
        opt.step()
        if turn in LOGGED:
            theta = torch.tensor(dial, requires_grad=True)
            logit = D(theta + noise.sample(4000))
            sizes = [grad(y, theta, retain_graph=True)[0].abs().item() for y in (logit.mean(), loss.g(logit, logit))]
            log.append((turn, logit.mean().item(), *sizes))
    return log


LOSSES = ("minimax", "non-saturating", "cannot tell")
ILLNESSES = ("starved", "pushed", "asleep", "healthy")
CURE = {
    "A": ("non-saturating", "pushed"),
    "B": ("cannot tell", "asleep"),
    "C": ("minimax", "starved"),
    "D": ("cannot tell", "healthy"),
}
SLIPS = [  # run, wrong illness, reason, what to tell the learner
    (
        "A", "starved", "logit_only",
        "Run A: the logit is far below zero, yet the gradient is as large as the slope. A sure D starves only a loss "
        "whose factor is small there.",
    ),
    ("C", "pushed", "slope_only", "Run C: the slope is steep, but how much of it arrives? Look at the gradient."),
    (
        "B", "healthy", "one_half",
        "Run B: a logit of 0 is D = 1/2, but this D has no slope at all. It says 1/2 to everything, and one half means "
        "something only from a discriminator that has learned.",
    ),
    ("D", "asleep", "near_zero", "Run D: the logit is near 0, but there is a slope: this D does tell places apart."),
]  # fmt: skip


def diagnosis(answer) -> str:
    """The judge of exercise 03.5: answer is a dictionary from run to (loss, illness)."""
    if not isinstance(answer, dict) or set(answer) != set(CURE):
        raise Wrong(
            'Give a dictionary with the keys "A" to "D", each with a pair: ("the loss", "the illness").', "keys"
        )
    for name, pair in answer.items():
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and pair[0] in LOSSES and pair[1] in ILLNESSES):
            raise Wrong(f"Run {name}: a pair of one of {', '.join(LOSSES)} and one of {', '.join(ILLNESSES)}.", "words")
    for name, illness, reason, message in SLIPS:
        if answer[name][1] == illness:
            raise Wrong(message, reason)
    loss = {name: pair[0] for name, pair in answer.items()}
    if (loss["A"], loss["C"]) == ("minimax", "non-saturating"):
        raise Wrong(
            "A and C have each other's loss. gradient / slope is D = sigmoid(logit) for minimax, and 1 - D otherwise.",
            "losses_swapped",
        )
    if "cannot tell" in (loss["A"], loss["C"]):
        raise Wrong(
            "The losses of A and C can be told: divide gradient by slope, compare with D and 1 - D.", "can_tell"
        )
    if (loss["B"], loss["D"]) != ("cannot tell", "cannot tell"):
        raise Wrong(
            "B and D do not give their loss away: at a logit near 0 both factors are one half (and B has 0 / 0).",
            "guessed",
        )
    wrong = [name for name, pair in CURE.items() if tuple(answer[name]) != pair]
    if wrong:
        raise Wrong(f"Look again at {', '.join(wrong)}: which of logit, slope and gradient are small?", "other")
    return "The ratio gradient / slope names the loss wherever D is sure; the slope tells a sleeper from an even match."
