"""The judges of lesson 05. Two read what a learner did to a laboratory: its log of changes and its measures."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gan_course.checks.engine import Wrong
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup

MODES = 8  # of the ring
MENDED, BEATEN, LAST_TURN = 0.45, 0.24, 1000  # JS to stay below, and the turn by which


def _steered(answer, start: Setup) -> Run:
    """The run of an answer, which is a Run or a laboratory: begun as asked, and changed on its way."""
    run = getattr(answer, "run", answer)
    if not isinstance(run, Run):
        raise Wrong("Give the run itself, as it stands in the laboratory: its name, then `.run`.", "not_a_run")
    other = set(run.start.differs(start)) - {"seed"}
    if other:
        raise Wrong(
            f"This run began under other rules ({', '.join(sorted(other))}). Run the cell that makes the laboratory "
            "again, and change only what can change while the game runs.",
            "other_start",
        )
    if not run.log:
        raise Wrong(f"At turn {run.turn} nothing has been changed yet: its list of changes is empty.", "untouched")
    if run.log[-1].turn == run.turn:
        raise Wrong("You changed the rules at the very last turn. Let it play on, then check again.", "not_played")
    return run


def _story(run: Run) -> str:
    return "; ".join(f"turn {at}: " + ", ".join(f"{k} = {v}" for k, v in values.items()) for at, values in run.log)


def mended(answer) -> str:
    run = _steered(answer, Setup(g_steps=5))
    last = run.measures.items[-3:]
    modes, js = (int(min(measured.modes for measured in last)), max(measured.js for measured in last))
    if modes < MODES:
        raise Wrong(
            f"Turn {run.turn}: among the last three measures there is one with {modes} of {MODES} modes. Who moves too "
            "much here? Or let it play on for a while.",
            "modes",
        )
    if js >= MENDED:
        raise Wrong(
            f"All modes are reached, but JS was {js:.2f} at one of the last three measures: below {MENDED} is asked. "
            "Let it play on, or let D look more often.",
            "far",
        )
    return f"All {MODES} modes three times in a row, and JS at most {js:.2f}. What you did: {_story(run)}."


def beaten(answer) -> str:
    run = _steered(answer, Setup())
    kept = [m.js for turn, m in zip(run.measures.turns, run.measures.items, strict=True) if turn <= LAST_TURN]
    if run.log[0].turn >= LAST_TURN:
        raise Wrong(f"Your first change came at turn {run.log[0].turn}; turn {LAST_TURN} was the end.", "late")
    js = sum(kept[-4:]) / len(kept[-4:])
    if js >= BEATEN:
        until = min(run.turn, LAST_TURN)
        raise Wrong(
            f"The last four measures up to turn {until} have a mean JS of {js:.3f}; below {BEATEN} is asked. "
            "Questions one and four each found something that helps.",
            "far",
        )
    return f"JS {js:.3f}. What you did: {_story(run)}."


def _pair_values(game: tuple[Callable, Callable], real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    made = tuple(torch.as_tensor(loss(real.clone(), fake.clone())) for loss in game)
    for name, value in zip("DG", made, strict=True):
        if value.shape != ():
            raise Wrong(f"{name}'s loss has shape {tuple(value.shape)}; end it with `.mean()`: one number.", "shape")
    return made


def pairs(answer: tuple[Callable, Callable]) -> str:
    """The relativistic game, compared with the right numbers and with those of known mistakes."""
    real, fake = torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([[-0.5], [1.5], [-2.0]])
    got = _pair_values(answer, real, fake)

    def same(a, b) -> bool:
        return bool(torch.isclose(a, b, atol=1e-5))

    up, down = softplus(real - fake).mean(), softplus(fake - real).mean()
    alone = softplus(-real).mean() + softplus(fake).mean()
    if same(got[0], up) and same(got[1], down):
        raise Wrong("Both want the opposite: this D pays when the *real* point has the higher logit.", "swapped")
    if same(got[0], down) and same(got[1], -down):
        raise Wrong(
            "G's loss is minus D's: like minimax it saturates. Pay softplus of the other difference.", "minimax"
        )
    if same(got[0], alone):
        raise Wrong("D still judges each point alone: this is the loss of lesson 02. Only r - f may matter.", "alone")
    if same(got[1], softplus(-fake).mean()):
        raise Wrong("G still looks at its fake alone. It wants the fake's logit above the real one's.", "g_alone")
    if same(got[0], softplus((fake - real).mean())):
        raise Wrong("You take the mean first and softplus after it. Each pair pays for itself; then the mean.", "means")
    if same(got[0], softplus(fake - real.T).mean()):
        raise Wrong("Every real point is paired with every fake. Keep to the rows: both are (n, 1).", "all_pairs")
    if not (same(got[0], down) and same(got[1], up)):
        raise Wrong(
            f"On real logits 2, -1, 0.5 and fake ones -0.5, 1.5, -2 yours gives D {got[0]:.4f} and G {got[1]:.4f}; "
            f"it should be {down:.4f} and {up:.4f}.",
            "value",
        )
    far = [value.item() for value in _pair_values(answer, torch.full((2, 1), -200.0), torch.full((2, 1), 200.0))]
    if not abs(far[0] - 400) < 1 or not abs(far[1]) < 1:
        raise Wrong("With logits of 200 it breaks: a log of a sigmoid overflows. Use softplus.", "overflow")
    real, fake = (x.requires_grad_() for x in (real, fake))
    for name, loss in zip("DG", answer, strict=True):
        value = loss(real, fake)
        if not (isinstance(value, Tensor) and value.requires_grad):
            raise Wrong(
                f"No gradient flows out of {name}'s loss: no `.detach()`, `.item()` or `float` in it.", "detached"
            )
    return (
        "Add 5 to every logit and nothing changes: only who is *more* real counts. The package calls it `relativistic`."
    )


def effect(answer: Callable) -> str:
    """A fork and its twin, from a turn between two checkpoints, on a small game."""
    small = Setup(g_width=8, d_width=8, batch=16, lr_g=0.01, lr_d=0.01)
    turn, turns, changes = 110, 15, {"d_steps": 3}
    run = Run(small, Catalogue())
    for _ in range(120):
        run.play()
    js = run.measure().js

    def at(base: Run, more: int, **values) -> float:
        child = base.rewound(turn)
        for _ in child.catch_up(turn):
            pass
        child.change(**values)
        for _ in range(more):
            child.play()
        return child.measure().js

    changed, twin, forked = at(run, turns, **changes), at(run, turns), at(run, 0)
    got = float(answer(run, turn, turns, **changes))
    if run.turn != 120 or run.log:
        raise Wrong(
            "Your function played on the run itself, or changed it. Its twin is a branch too: leave `run` be.",
            "run_changed",
        )
    mistakes = {
        "parent": (
            changed - js,
            "You compare with the run where it stands now. The branch stands at another turn, so the difference holds "
            "what the turns themselves did. Compare at the *same* turn.",
        ),
        "fork_turn": (
            changed - forked,
            "You compare the branch at its end with the game at the fork: the twin needs as many turns, too.",
        ),
        "sign": (twin - changed, "The sign is the other way round: below 0 must mean that the change helps."),
        "level": (changed, "This is JS of the changed branch. Asked is the difference to the same game unchanged."),
        "both_changed": (0.0, "The twin got the same changes, or there are none: the difference is always 0."),
    }
    if abs(got - (changed - twin)) < 1e-6:
        return "The twin has the same weights at the fork, the same noise, as many turns: all but the change."
    for reason, (value, message) in mistakes.items():
        if abs(got - value) < 1e-6:
            raise Wrong(message, reason)
    raise Wrong(f"In our test it gives {got:+.3f}; changed minus unchanged twin is {changed - twin:+.3f}.", "value")
