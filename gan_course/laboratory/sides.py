"""Play a side of the game: be the discriminator, or be the generator.

The *detective* sees what a discriminator sees: some labelled examples, then one point after another, to be called real
or fake. Its ROC curve is set beside the network's and the best possible one, on the same points. The *counterfeiter* is
what a generator is: it moves its points and never sees the data, only what a living discriminator thinks of them.
"""

import math
import time
from numbers import Integral, Real

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from gan_course.distribution import Toy
from gan_course.door import forked
from gan_course.game import train
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.frame import FAKES, View
from gan_course.laboratory.judges import area, best, finite, luck, network, right, roc
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup

OURS = 2**30  # added to a seed: far from where a run of that seed draws its noise, and its data (2**31 on)
EXAMPLES = 60  # of each kind, shown to the detective with their names
CROWD = 20_000  # samples of each kind that the best possible detective knows
TRIALS = 2000  # points of each kind behind an AUC "in the long run"
COPIES = 6  # real points for each of the counterfeiter's, in the Wasserstein distance


class Detective:
    """One round against the game of `run` as it stands now: `n` points, half of them fake, in `seconds` (0: no clock).

    `answer` takes a confidence from 0, surely fake, to 3, surely real; the four make a curve out of one round. Points
    that were not answered count for nobody. Without a `seed` each round has new points. The run is left as it is.
    """

    def __init__(self, run: Run, n: int = 30, seconds: float = 60.0, seed: int | None = None):
        if not isinstance(n, Integral) or isinstance(n, bool) or not 2 <= n <= 200:
            raise ValueError(f"n must be a whole number of points from 2 to 200, got {n!r}.")
        if not isinstance(seconds, Real) or isinstance(seconds, bool) or not 0 <= seconds <= 3600:
            raise ValueError(f"seconds must be from 0 (no clock) to 3600, got {seconds!r}.")
        self.n, self.seconds, self.turn = int(n), float(seconds), run.turn
        rng = torch.Generator()
        seed = OURS + (rng.seed() % OURS if seed is None else seed)
        self.real = (torch.randperm(self.n, generator=rng.manual_seed(seed)) % 2 == 0).numpy()
        parts = [EXAMPLES, self.n, TRIALS, CROWD]
        reals = run.toy.sample(sum(parts), seed).cpu().split(parts)
        fakes = run.game.sample(sum(parts), seed=seed + 1).cpu().split(parts)
        self.known = tuple(finite(kind[0]) for kind in (reals, fakes))
        of = torch.from_numpy(self.real)[:, None]
        points, kinds = torch.where(of, reals[1], fakes[1]), np.repeat([True, False], TRIALS)
        trials = torch.cat([points, reals[2], fakes[2]])
        self.points = finite(points)
        self.extent = _square(np.concatenate([self.points, *self.known]), *run.view.extent)
        scores = {"network": network(run, trials), "best": best(trials, reals[3], fakes[3])}
        self._scores = {who: score[: self.n] for who, score in scores.items()}
        self._long_run = {who: area(roc(score[self.n :], kinds)) for who, score in scores.items()}
        self.sure: list[int] = []
        self.notice, self.over = "", False
        self._until = time.monotonic() + self.seconds if self.seconds else math.inf

    def point(self) -> tuple[float, float] | None:
        """The point to judge now; None after the last one."""
        self._look_at_the_clock()
        return None if self.over else tuple(self.points[len(self.sure)].tolist())

    def answer(self, sure: int | None) -> None:
        """0 surely fake, 1 perhaps fake, 2 perhaps real, 3 surely real; None ends the round before its time."""
        self._look_at_the_clock()
        if sure is not None and not (isinstance(sure, Integral) and not isinstance(sure, bool) and 0 <= sure <= 3):
            raise ValueError(f"An answer is 0 (surely fake), 1, 2 or 3 (surely real), not {sure!r}.")
        if self.over:
            self.notice = "That came too late: the round is over." if sure is not None else ""
            return
        if sure is not None:
            self.sure.append(int(sure))
        self.over = sure is None or len(self.sure) == self.n

    def state(self) -> dict:
        """All that the page shows: plain numbers, lists, and float32 bytes for `known_real` and `known_fake` (60, 2).
        A point may lie outside `extent`, the range of both axes, where the generator strays.

        `answers`: [x, y, 1 if real, sure] for each. `left`: seconds, or None without a clock. `result`: None until the
        round is over; see `result`.
        """
        point = self.point()
        done = len(self.sure)
        answers = [[*p, int(r), s] for p, r, s in zip(self.points.tolist(), self.real, self.sure, strict=False)]
        left = None if math.isinf(self._until) else max(0.0, self._until - time.monotonic())
        return {
            "what": "detective", "turn": self.turn, "extent": list(self.extent), "n": self.n, "done": done,
            "point": None if point is None else list(point), "seconds": self.seconds, "left": left,
            "known_real": _packed(self.known[0]), "known_fake": _packed(self.known[1]), "answers": answers,
            "right": sum((s >= 2) == r for _, _, r, s in answers), "notice": self.notice,
            "result": self.result() if self.over else None,
        }  # fmt: skip

    def result(self) -> dict:
        """How the round ended. `said`: in words. `roc` [[false alarms, hits], ..], `auc` and `right` (share judged
        rightly), each for "you", "network" and "best", on the points that were answered. `long_run`: AUC of "network"
        and "best" over many points. `luck`: standard deviation of a guesser's AUC on so few points.

        Only `said` if the answered points are not of both kinds: then there is no curve.
        """
        done = len(self.sure)
        kinds = self.real[:done]
        if kinds.all() or not kinds.any():
            return {"said": "A curve needs at least one real and one fake point that you answered: play again."}
        scores = {"you": np.array(self.sure) - 1.5, **{who: s[:done] for who, s in self._scores.items()}}
        curves = {who: roc(s, kinds) for who, s in scores.items()}
        auc = {who: area(curve) for who, curve in curves.items()}
        chance = luck(int(kinds.sum()), int(done - kinds.sum()))
        return {
            "roc": curves, "auc": auc, "right": {who: right(s, kinds) for who, s in scores.items()},
            "long_run": self._long_run, "luck": chance,
            "said": f"Your AUC is {auc['you']:.2f}; on the same {done} points the network has {auc['network']:.2f}, "
            f"the best possible detective {auc['best']:.2f}. A guesser has 0.50, give or take {chance:.2f} on so few. "
            f"In the long run the network has {self._long_run['network']:.2f}, the best possible detective "
            f"{self._long_run['best']:.2f}.",
        }  # fmt: skip

    def _look_at_the_clock(self) -> None:
        self.over = self.over or time.monotonic() > self._until


class _Points(nn.Module):
    """The counterfeiter as a generator: its points are its weights, and noise only says how many of them to give."""

    z_dim = 3  # of no use; the laboratory draws a sheet for 1 and 2

    def __init__(self, points: Tensor):
        super().__init__()
        self.points = nn.Parameter(points)

    def forward(self, z: Tensor) -> Tensor:
        return self.points[torch.arange(len(z), device=z.device) % len(self.points)]


class Counterfeiter:
    """`k` points, to be moved, against a fresh discriminator of `setup`, which learns on real data against them.

    It is a game like any other: the generator's weights are the points, and the learner is its optimiser.
    """

    def __init__(self, setup: Setup, catalogue: Catalogue, k: int = 24):
        if not isinstance(k, Integral) or isinstance(k, bool) or not 1 <= k <= FAKES:
            raise ValueError(f"k must be a whole number of points from 1 to {FAKES}, got {k!r}.")
        toy = catalogue.toy(setup)
        with forked(torch.device("cpu"), setup.seed):
            _, D = catalogue.players(setup)
        lo, hi = toy.extent
        start = torch.randn(k, 2, generator=torch.Generator().manual_seed(setup.seed))
        self.game = train(
            _Points((lo + hi) / 2 + (hi - lo) / 12 * start), D,
            toy.batches(k * math.ceil(setup.batch / k), seed=setup.seed),  # so that each point comes equally often
            loss=catalogue.loss(setup), penalties=catalogue.penalty_list(setup), constrain=catalogue.constraint(setup),
            opt_d=catalogue.optimiser(setup, "d", D), d_steps=1, g_steps=0, seed=setup.seed,
        )  # fmt: skip
        self.view = View(self.game, toy, setup)
        self._reals = toy.sample(k * COPIES, seed=OURS).cpu()
        self.floor = _floor(toy, k, self._reals)
        self._w1: float | None = None

    @property
    def points(self) -> Tensor:
        """(k, 2), the learner's."""
        return self.game.G.points.detach()

    def move(self, i: int, x: float, y: float) -> None:
        """Put point `i` at (x, y), or at the nearest place on the stage."""
        k = len(self.points)
        if not isinstance(i, Integral) or isinstance(i, bool) or not 0 <= i < k:
            raise ValueError(f"There is no point {i!r}: they are numbered 0 to {k - 1}.")
        if not all(isinstance(v, Real) and math.isfinite(v) for v in (x, y)):
            raise ValueError(f"A point is moved to two finite numbers, not to ({x!r}, {y!r}).")
        lo, hi = self.view.extent
        with torch.no_grad():
            self.game.G.points[i] = torch.tensor([min(max(v, lo), hi) for v in (x, y)])
        self._w1 = None

    def tick(self, n: int) -> None:
        """`n` updates of the discriminator. Raises NonFinite as a game does."""
        for _ in range(n):
            next(self.game)

    def state(self) -> dict:
        """All that the page shows. Bytes: `points` and `pull` (k, 2) float32, the way G's loss would move each point
        (-k dL_G/dpoint); `p` (k,) and `verdict` (32, 32) uint8 of 255, D's probabilities at the points and over the
        stage, rows upwards. `fooled`: how many points D takes for real; `mean`: its mean probability there; `right`:
        the share of reals and fakes that it judges rightly; `w1`: Wasserstein-1 distance to real points; `floor`: that
        of k real points, drawn by chance."""
        k = len(self.points)
        if self._w1 is None:
            self._w1 = _w1(self.points, self._reals)
        frame = self.view.look(self.game)
        p = frame.p_fake[:k]
        fooled = int((p >= 128).sum())
        return {
            "what": "counterfeiter", "extent": list(self.view.extent), "updates": self.game.index,
            "points": _packed(self.points.numpy()), "pull": _packed(frame.pull[:k]), "p": p.tobytes(),
            "verdict": frame.verdict.tobytes(), "fooled": fooled, "mean": float(p.mean() / 255),
            "right": frame.right, "w1": self._w1, "floor": self.floor,
            "said": f"D takes {fooled} of your {k} points for real. Their Wasserstein distance to the data is "
            f"{self._w1:.2f}; {k} real points have {self.floor:.2f}.",
        }  # fmt: skip


def _w1(points: Tensor, reals: Tensor) -> float:
    """Wasserstein-1 distance between k points of equal weight and m k real ones, exactly: each point carries m."""
    cost = torch.cdist(points.repeat_interleave(len(reals) // len(points), 0), reals).numpy()
    return float(cost[linear_sum_assignment(cost)].mean())


def _floor(toy: Toy, k: int, reals: Tensor) -> float:
    rng = torch.Generator(toy.device).manual_seed(OURS + 1)
    # One draw of 24 points strays by a fifth of the mean; the mean of 40 draws by 3 %, and it is made once a round.
    return float(np.mean([_w1(toy.sample(k, rng).cpu(), reals) for _ in range(40)]))


def _square(x: np.ndarray, lo: float, hi: float) -> tuple[float, float]:
    """The range that all of x lies in, on both axes, with a margin; but nothing beyond lo and hi."""
    margin = 0.05 * (hi - lo)
    return max(lo, float(x.min()) - margin), min(hi, float(x.max()) + margin)


def _packed(x: np.ndarray) -> bytes:
    return x.astype("<f4").tobytes()
