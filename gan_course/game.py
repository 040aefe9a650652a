"""The game: a pair of losses, and the loop in which two networks play it.

A discriminator D gives each point a raw score, its *logit*: sigmoid(logit) is its probability that the point is
real. A generator G turns noise z into points. They take turns, as in Algorithm 1 of Goodfellow et al. (2014),
"Generative Adversarial Networks":

    for step in train(G, D, batches, loss=relativistic, penalties=[r1(0.5), r2(0.5)], steps=1000):
        ...

`train` checks its arguments and hands back a `Game`; its method `_turn` is one turn, and the whole method.
"""

import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from . import door
from .adam import lay_out
from .average import Average
from .health import Health
from .losses import Loss, non_saturating
from .remembering import Remembering
from .replay import Replay


class Step(NamedTuple):
    """What one turn reports: its number from 1, and both losses without penalties (0-d tensors on the device)."""

    index: int
    d_loss: Tensor
    g_loss: Tensor


class Game(Iterator[Step]):
    """Two networks at play; `next(game)` plays one turn. Made by `train`, which explains the arguments.

    `opt_g`, `opt_d`, `loss`, `penalties`, `d_steps`, `g_steps` and `steps` may be changed between turns.
    `averaged` is the generator with averaged weights (None without `average`); `index` counts the turns played.
    """

    def __init__(self, G, D, batches, *, steps, loss, penalties, constrain, noise, opt_g, opt_d, d_steps, g_steps,
                 average, seed, compile="eager", bf16=False):  # fmt: skip
        self.G, self.D, self.batches, self.steps, self.loss = G, D, batches, steps, loss
        self.penalties, self.constrain = penalties, constrain
        self.opt_g, self.opt_d, self.d_steps, self.g_steps = opt_g, opt_d, d_steps, g_steps
        self.device = next(G.parameters()).device
        # The game has its own source of randomness: sampling or plotting between turns does not change the run.
        self.rng, self._noise = torch.Generator(self.device).manual_seed(seed), noise
        self._average = Average(G, average) if average else None
        self.index = 0
        self.health, self._replay = Health(self.device), Replay(compile, bf16)

    def __next__(self) -> Step:
        if self.steps is not None and self.index >= self.steps:
            raise StopIteration
        losses = self._replay.turn(self)
        self.index += 1
        return Step(self.index, *losses)

    def _turn(self) -> tuple[Tensor, Tensor]:
        for _ in range(self.d_steps):
            real, *cond = self._draw()
            d_loss = self._improve_d(real, *cond)
        if not self.d_steps:
            real, *cond = self._draw()
            d_loss = self.loss.d(*self._logits(real, *cond))
        for _ in range(self.g_steps):
            g_loss = self._improve_g(real, *cond)
        if not self.g_steps:
            g_loss = self.loss.g(*self._logits(real, *cond))
        return d_loss.detach(), g_loss.detach()

    def _improve_d(self, real: Tensor, *cond: Tensor) -> Tensor:
        with torch.no_grad():  # D's update needs no gradient of G
            fake = self._fakes(real, *cond)
        if self.penalties:  # they need D's slope at these points
            real, fake = real.detach().requires_grad_(), fake.requires_grad_()
        D = Remembering(self.D, self.rng)
        loss = self.loss.d(D(real, *cond), D(fake, *cond))
        self._update("discriminator", loss + sum(p(D, real, fake, *cond) for p in self.penalties), self.opt_d)
        if self.constrain:
            self.constrain(self.D)
        return loss

    def _improve_g(self, real: Tensor, *cond: Tensor) -> Tensor:
        fake_logits = self.D(self._fakes(real, *cond), *cond).to(real.dtype)
        real_logits = fake_logits.detach()  # a stand-in of the right shape where the loss does not look at it
        if door.sees_real(self.loss.g):
            with torch.no_grad():
                real_logits = self.D(real, *cond).to(real.dtype)
        loss = self.loss.g(real_logits, fake_logits)
        self._update("generator", loss, self.opt_g)
        if self._average:
            self._average.update_parameters(self.G)
        return loss

    def _fakes(self, real: Tensor, *cond: Tensor) -> Tensor:
        """As many as there are real ones. `to`: with bf16 a network's answer is rough, what is summed of it is not."""
        return self.G(self.noise(len(real)), *cond).to(real.dtype)

    @torch.no_grad()
    def _logits(self, real: Tensor, *cond: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(self.D(x, *cond).to(real.dtype) for x in (real, self._fakes(real, *cond)))

    def _update(self, player: str, loss: Tensor, opt: torch.optim.Optimizer) -> None:
        """One step of one player. Only its own parameters get a gradient; nothing moves if that is not finite."""
        own = [p for group in opt.param_groups for p in group["params"] if p.requires_grad]
        self._backward(loss, own)
        self._step(player, loss.detach(), own, opt)

    def _backward(self, loss: Tensor, own: list[nn.Parameter]) -> None:
        for p in own:
            p.grad = None  # as opt.zero_grad() does, without its bookkeeping
        loss.backward(inputs=own)

    def _step(self, player: str, loss: Tensor, own: list[nn.Parameter], opt: torch.optim.Optimizer) -> None:
        self.health.check(self, player, loss, own, opt)
        opt.step()

    def _draw(self) -> tuple[Tensor, ...]:
        batch = next(self.batches)
        batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
        return tuple(part.to(self.device) for part in batch)  # waits: else an Apple GPU may read memory freed by then

    def noise(self, n: int) -> Tensor:
        """z for n samples: from the function that `train` was given, or a standard normal of the game's own seed."""
        return self._noise(n) if self._noise else self._gauss(n, self.rng)

    def _gauss(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.randn(n, self.G.z_dim, generator=rng, device=self.device)

    def pattern(self) -> "Game | None":
        """A plain game of which each turn of this one is made, in the same way; None if there is none (`replay.py`)."""
        return self if type(self) is Game else None

    @property
    def averaged(self) -> nn.Module | None:
        return self._average.module if self._average else None

    @torch.no_grad()
    def sample(self, n: int, *cond: Tensor, seed: int = 0) -> Tensor:
        """n generated points, shape (n, ...), from the averaged generator if there is one.

        The same seed gives the same noise each time, and the run itself is not disturbed.
        """
        G = self.averaged or self.G
        rng = torch.Generator(self.device).manual_seed(seed)
        with door.evaluating(G), door.forked(self.device, seed):  # `_noise` draws from torch's own stream
            z = self._noise(n) if self._noise else self._gauss(n, rng)
            return G(z, *cond)

    def state_dict(self) -> dict:
        """Everything that the next turn depends on, as nested dicts of tensors and plain numbers.

        The tensors are the game's own, which the next turn changes: keep `copy.deepcopy(game.state_dict())`.
        """
        keeps_place = hasattr(self.batches, "state_dict")
        return {
            "index": self.index,
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "averaged": self._average.state_dict() if self._average else None,
            "rng": self.rng.get_state(),
            "batches": self.batches.state_dict() if keeps_place else None,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go back to a state that `state_dict` gave. The networks and optimisers must be of the same make."""
        self.G.load_state_dict(state["G"])
        self.D.load_state_dict(state["D"])
        for opt, its in ((self.opt_g, state["opt_g"]), (self.opt_d, state["opt_d"])):
            opt.load_state_dict(copy.deepcopy(its))  # else it takes over these very tensors, and the next turn them
            lay_out(opt)
        if self._average:
            self._average.load_state_dict(state["averaged"])
        self.rng.set_state(state["rng"].cpu())
        if state["batches"] is not None:
            self.batches.load_state_dict(state["batches"])
        self.index = state["index"]
        self.health.forget(), self._replay.forget()


def train(
    G: nn.Module,
    D: nn.Module,
    batches: Iterator,
    *,
    steps: int | None = None,
    loss: Loss = non_saturating,
    penalties: list[Callable] | tuple[Callable, ...] = (),
    constrain: Callable[[nn.Module], None] | None = None,
    noise: Callable[[int], Tensor] | None = None,
    opt_g: torch.optim.Optimizer | None = None,
    opt_d: torch.optim.Optimizer | None = None,
    lr_g: float | None = None,
    lr_d: float | None = None,
    d_steps: int = 1,
    g_steps: int = 1,
    average: float | None = None,
    seed: int = 0,
    compile: str = "auto",
    bf16: bool = False,
) -> Game:
    """Set up a game and check it; iterate over the result to play. Bad arguments are refused here, naming the fix.

    G, D:       networks called as `G(z, *cond)` and `D(x, *cond)`; D gives logits of shape (n, 1). Changed in place.
    batches:    an iterator of `real` or `(real, *cond)`, such as `Batches(x, 64)` or `ring().batches(256)`;
                where a finite one ends (a DataLoader, after one epoch), so does the game.
    steps:      turns in all, counted from the game's first (so a loaded game plays the rest); None is endless.
    loss:       a `Loss`, by default non-saturating.
    penalties:  functions `(D, real, fake, *cond)` added to D's loss: `r1(w)`, `r2(w)`, `gradient_penalty(w)`.
    constrain:  a function of D, called after each of D's updates: `clip_weights(c)`.
    noise:      a function from n to z; by default a standard normal of `G.z_dim` dimensions from the game's own seed.
    opt_g/d:    ready-made optimisers; else Adam(lr, betas=(0, 0.99)) with lr_g and lr_d (both 1e-3 by default).
                beta1 is 0 because momentum feeds the rotation of a game (lesson 04).
    d_steps:    D's updates a turn, each on a fresh batch; g_steps: G's updates a turn, each on fresh noise.
    average:    decay of the running average of G's weights, such as 0.999 (Yazici et al. 2019).
    seed:       of noise and `gradient_penalty`. First weights and dropout draw from torch's stream: `device.seed(0)`.
    compile:    "auto": once a turn is known to do the same operations each time, it is repeated from a record, which
                is faster and gives the same numbers; "graph": also with layers, losses or penalties of your own;
                "eager": never (to look into each turn with a debugger, say).
    bf16:       compute the networks' products in bfloat16, 8 bits of precision in place of 24: faster for images, on a
                GPU and on a processor with AMX; slower on others (`make bench`). Weights stay as they are.
    """
    door.check_numbers(steps=steps, d_steps=d_steps, g_steps=g_steps, average=average, lr_g=lr_g, lr_d=lr_d)
    door.check_loss(loss)
    penalties = door.check_functions(penalties, constrain)
    opt_g = door.check_optimiser("g", opt_g, lr_g, G, D)
    opt_d = door.check_optimiser("d", opt_d, lr_d, D, G)
    draws = None if steps is None else steps * max(d_steps, 1)
    batches = door.check_players(G, D, batches, noise, penalties, draws)
    return Game(G, D, batches, steps=steps, loss=loss, penalties=penalties, constrain=constrain, noise=noise,
                opt_g=opt_g, opt_d=opt_d, d_steps=d_steps, g_steps=g_steps, average=average, seed=seed,
                compile=compile, bf16=bf16)  # fmt: skip
