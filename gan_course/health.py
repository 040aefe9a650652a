"""Whether a game is still in good health: losses and gradients that are numbers, neither infinite nor NaN."""

import math

import torch
from torch import Tensor, nn


class NonFinite(FloatingPointError):
    """A player's loss or gradient became infinite or NaN. The message says whose, when, and how to resume."""


class Health:
    """Looks at each update before it is made; at a game on a GPU once in `every` turns, and at its last."""

    def __init__(self, device: torch.device):
        # Reading a number back from a GPU makes it wait.
        self.every = 1 if device.type == "cpu" else 100
        self._sums: dict[str, Tensor] = {}

    def check(self, game, player: str, loss: Tensor, own: list[nn.Parameter], opt: torch.optim.Optimizer) -> None:
        """Raises NonFinite. The gradients are those of the parameters `own`."""
        total = self._sums.pop(player, 0) + self.sum(loss, own)
        if not self.due(game):
            self._sums[player] = total
        elif not math.isfinite(total):
            raise NonFinite(self.diagnosis(game, player, loss, opt))

    def sum(self, loss: Tensor, own: list[nn.Parameter]) -> Tensor:
        """One number that is finite if all are: a NaN or an infinity stays in a sum."""
        return loss + torch.cat([p.grad.flatten() for p in own if p.grad is not None]).sum()

    def due(self, game) -> bool:
        return (game.index + 1) % self.every == 0 or game.index + 1 == game.steps

    def forget(self) -> None:
        self._sums = {}

    def diagnosis(self, game, player: str, loss: Tensor, opt: torch.optim.Optimizer) -> str:
        self.forget()
        what = "gradient" if torch.isfinite(loss) else "loss"
        turn, rate = game.index + 1, opt.param_groups[0]["lr"]
        found = f"The {player}'s {what} is not finite at turn {turn}."
        kept = (
            f"This update was not made: both networks still hold their last good weights (turn {turn - 1})."
            if self.every == 1
            else f"It was checked last at turn {game.index // self.every * self.every}, so the weights may be spoilt "
            "since then."
        )
        return (
            f"{found} {kept} To resume, lower lr_{player[0]} (now {rate:g}) through "
            f'game.opt_{player[0]}.param_groups[0]["lr"] or add penalties=[r1(1.0)], then iterate on over the same '
            "game; or return to an earlier save with store.load(path, game)."
        )
