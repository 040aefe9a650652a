import copy
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gan_course import Batches, device, gradient_penalty, hinge, r1, r2, relativistic, spectral_norm, store, toy, train
from gan_course.nets import conv, mlp


def tiny(seed: int = 0, hidden: int = 8, **options):
    """A small game on a ring. Different seeds give different networks and noise; the data stay the same."""
    torch.manual_seed(seed)
    G, D = mlp.generator(hidden=(hidden,)), mlp.discriminator(hidden=(hidden,))
    return train(G, D, toy.ring().batches(16, seed=3), average=0.9, seed=seed, **options)


def averaged_with_penalties(seed: int):
    return tiny(seed, loss=relativistic, penalties=[r1(0.5), r2(0.5)])


class Conditional(nn.Module):
    """Takes a label beside its input, and drops units at random: D then also depends on torch's global state."""

    def __init__(self, n_in: int, n_out: int, z_dim: int | None = None):
        super().__init__()
        self.z_dim = z_dim
        self.label = nn.Embedding(10, 4)
        self.body = nn.Sequential(nn.Linear(n_in + 4, 16), nn.GELU(), nn.Dropout(0.2), nn.Linear(16, n_out))

    def forward(self, x, label):
        return self.body(torch.cat([x, self.label(label)], dim=1))


def conditional_with_two_other_optimisers(seed: int):
    torch.manual_seed(seed)
    G, D = Conditional(3, 5, z_dim=3), Conditional(5, 1)
    rng = torch.Generator().manual_seed(1)
    x, y = torch.randn(64, 5, generator=rng), torch.randint(10, (64,), generator=rng)
    opt_g = torch.optim.RMSprop(G.parameters(), 1e-3, momentum=0.5, centered=True)
    groups = [{"params": D.label.parameters(), "lr": 0.1}, {"params": D.body.parameters()}]
    opt_d = torch.optim.SGD(groups, 0.01, momentum=0.9, nesterov=True)
    return train(
        G,
        D,
        Batches(x, 8, y, seed=2),
        opt_g=opt_g,
        opt_d=opt_d,
        d_steps=3,
        penalties=[gradient_penalty(1.0)],
        seed=seed,
    )


def images_with_spectral_norm(seed: int):
    torch.manual_seed(seed)
    G, D = conv.generator(8, z_dim=4, width=4), spectral_norm(conv.discriminator(8, width=4))
    x = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return train(G, D, Batches(x, 4, seed=2), loss=hinge, lr_d=2e-3, average=0.99, g_steps=2, seed=seed)


def same(a, b) -> bool:
    """Nested states equal bit for bit, kinds included."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def frozen(game) -> dict:
    return copy.deepcopy(game.state_dict())


def draw() -> tuple:
    """Three global random numbers each of Python, NumPy and torch, normal ones included: they keep a spare."""
    return (
        [random.random(), random.gauss(0, 1), random.gauss(0, 1)],
        np.random.randn(3).tolist(),
        torch.randn(3).tolist() + torch.rand(1).tolist(),
    )


MAKES = [averaged_with_penalties, conditional_with_two_other_optimisers, images_with_spectral_norm]


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("k", [0, 1, 2, 9])
def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(tmp_path, make, k):
    device.seed(7)
    straight = make(seed=0)
    for _ in range(k):
        next(straight)
    draw()
    further = [next(straight) for _ in range(5)]
    end, numbers = frozen(straight), draw()

    device.seed(7)
    game = make(seed=0)
    for _ in range(k):
        next(game)
    draw()
    store.save(tmp_path / "save", game)
    next(game)
    device.seed(99)
    resumed = make(seed=5)
    assert not same(resumed.state_dict()["G"], end["G"])
    store.load(tmp_path / "save", resumed)
    assert resumed.index == k
    for expected, step in zip(further, [next(resumed) for _ in range(5)], strict=True):
        assert same(tuple(expected), tuple(step))
    assert same(resumed.state_dict(), end)
    assert draw() == numbers


def test_a_game_that_has_played_on_can_be_set_back(tmp_path):
    game = tiny()
    for _ in range(3):
        next(game)
    store.save(tmp_path / "save", game)
    first = [next(game) for _ in range(4)]
    store.load(tmp_path / "save", game)
    assert same([tuple(s) for s in first], [tuple(next(game)) for _ in range(4)])


def test_a_plain_iterator_cannot_keep_its_place_and_the_save_says_so(tmp_path):
    game = train(mlp.generator(), mlp.discriminator(), (torch.randn(4, 2) for _ in range(9)))
    with pytest.raises(ValueError, match=r"plain iterator: train on Batches\(x, size\)"):
        store.save(tmp_path / "save", game)
    assert os.listdir(tmp_path) == []


def test_a_damaged_save_is_refused_and_the_game_stays_as_it_was(tmp_path):
    game, path = tiny(), tmp_path / "save"
    next(game)
    store.save(path, game)
    whole = path.read_bytes()
    other = tiny(seed=1)
    next(other)
    before, rng = frozen(other), random.Random(0)
    device.seed(3)
    for _ in range(300):
        broken, bit = bytearray(whole), rng.randrange(8 * len(whole))
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        with pytest.raises(store.StoreError, match="/save is damaged.*load an earlier save, or start again"):
            store.load(path, other)
    assert same(other.state_dict(), before)
    numbers = draw()
    device.seed(3)
    assert draw() == numbers


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)


def two_groups(net: nn.Module) -> torch.optim.Optimizer:
    weights, biases = ([p for p in net.parameters() if (p.dim() > 1) is w] for w in (True, False))
    return torch.optim.Adam([{"params": weights}, {"params": biases}], fused=True)


def with_optimiser(make, seed: int = 1):
    torch.manual_seed(seed)
    G, D = mlp.generator(hidden=(8,)), mlp.discriminator(hidden=(8,))
    return train(G, D, toy.ring().batches(16), average=0.9, opt_d=make(D), seed=seed)


def without_average(seed: int):
    torch.manual_seed(seed)
    G, D = mlp.generator(hidden=(8,)), mlp.discriminator(hidden=(8,))
    return train(G, D, toy.ring().batches(16), seed=seed)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (
            lambda: tiny(1, hidden=9),
            r"G\.0\.weight is float32 \(8, 2\) in the save and float32 \(9, 2\) here, .*, and \d+ more; build the net",
        ),
        (lambda: images_with_spectral_norm(1), r"G\.0\.weight is only in the save"),
        (lambda: with_optimiser(two_groups), r"opt_d\.param_groups has 1 parts in the save and 2 here"),
        (lambda: with_optimiser(sgd), r"opt_d\.param_groups\.0\.betas is only in the save"),
        (lambda: without_average(1), r"averaged is a dict in the save and absent here; build"),
    ],
)
def test_a_save_of_another_game_is_refused_with_the_tensors_that_differ(tmp_path, other, difference):
    saved, game = tiny(), other()
    next(saved), next(game)
    store.save(tmp_path / "save", saved)
    before = frozen(game)
    with pytest.raises(ValueError, match=difference):
        store.load(tmp_path / "save", game)
    assert same(game.state_dict(), before)


class Choosy(Batches):
    """Data that know their own place when they see it: a load gets as far as this, and must undo what it did."""

    def state_dict(self):
        return {**super().state_dict(), "rows": len(self.x)}

    def load_state_dict(self, state):
        if state["rows"] != len(self.x):
            raise KeyError(f"these data have {len(self.x)} rows")
        super().load_state_dict(state)


def test_a_load_that_fails_half_way_is_undone(tmp_path):
    def make(seed, rows):
        torch.manual_seed(seed)
        data = Choosy(torch.randn(rows, 2), 4)
        return train(mlp.generator(), mlp.discriminator(), data, average=0.9, seed=seed)

    saved, game = make(0, rows=9), make(1, rows=10)
    for _ in range(3):
        next(saved)
    next(game)
    store.save(tmp_path / "save", saved)
    before = frozen(game)
    device.seed(3)
    with pytest.raises(ValueError, match="does not fit .*these data have 10 rows.*build the networks"):
        store.load(tmp_path / "save", game)
    assert same(game.state_dict(), before)
    numbers = draw()
    device.seed(3)
    assert draw() == numbers


def test_weights_travel_with_their_card(tmp_path):
    card = {"data": "digits", "seed": 0, "shape": (1, 8, 8), "licence": "CC BY 4.0"}
    G = conv.generator(8, width=4)
    store.save_weights(tmp_path / "G", G, card)
    twin = conv.generator(8, width=4)
    assert store.load_weights(tmp_path / "G", twin) == card
    assert same(dict(twin.state_dict()), dict(G.state_dict()))
    wider = conv.generator(8, width=8)
    before = copy.deepcopy(dict(wider.state_dict()))
    with pytest.raises(
        ValueError, match=r"/G does not fit: .* in the save and .* here.*build the network that was saved"
    ):
        store.load_weights(tmp_path / "G", wider)
    assert same(dict(wider.state_dict()), before)


def test_weights_and_games_are_not_taken_for_each_other(tmp_path):
    game = tiny()
    store.save(tmp_path / "game", game)
    store.save_weights(tmp_path / "G", game.G, {})
    with pytest.raises(ValueError, match="holds a network's weights, not a game: open it with store.load_weights"):
        store.load(tmp_path / "G", game)
    with pytest.raises(ValueError, match="holds a game, not a network's weights: open it with store.load"):
        store.load_weights(tmp_path / "game", game.G)


KILLS = 40


def test_killed_forty_times_and_resumed_the_run_ends_as_if_never_killed(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = [sys.executable, __file__, str(tmp_path / "save")]
    answer = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["kills"] == KILLS
    assert report["in the middle of a write"] > 0
    game = tiny()
    store.load(tmp_path / "save", game)
    straight = tiny()
    for _ in range(game.index):
        next(straight)
    assert same(game.state_dict(), straight.state_dict())
    store.save(tmp_path / "save", game)
    assert os.listdir(tmp_path) == ["save"]


def partials(path: Path) -> list[str]:
    return [name for name in os.listdir(path.parent) if name.endswith(".partial")]


def live_and_die(path: Path) -> None:
    """Be the parent of 40 processes that train, saving each turn, and kill each with SIGKILL.

    Half of them die at a random moment, half shortly after a write has begun. After each death the file must
    load, and hold the last turn that the child reported as saved, or the next.
    """
    torch.set_num_threads(1)
    next(tiny())  # what torch imports at first use, it imports once, here
    rng, torn = random.Random(0), 0
    for life in range(KILLS):
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                game = tiny()
                if path.exists():
                    store.load(path, game)
                for step in game:
                    store.save(path, game)
                    os.write(sender, struct.pack("q", step.index))
            finally:
                os._exit(1)
        os.close(sender)
        reports = os.read(receiver, 8)  # at least one save in each life
        while life % 2 and not partials(path):
            pass
        time.sleep(rng.uniform(0, 0.001 if life % 2 else 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        while more := os.read(receiver, 4096):
            reports += more
        os.close(receiver)
        (last,) = struct.unpack("q", reports[-8:])
        game = tiny()
        store.load(path, game)
        assert game.index in (last, last + 1)
        assert len(partials(path)) <= 1
        torn += len(partials(path))
    print(json.dumps({"kills": KILLS, "in the middle of a write": torn, "turns": last}))


if __name__ == "__main__":
    live_and_die(Path(sys.argv[1]))


@pytest.mark.parametrize("make", [None, lambda p: torch.optim.Adam(p, 1e-3, fused=True)], ids=["ours", "PyTorch's"])
def test_weights_of_another_memory_layout_resume_to_the_bit(tmp_path, make):
    """Colour images: D's first weights lie channels last, a file does not, and a fused Adam looks at neither."""

    def start():
        device.seed(0)
        G, D = conv.generator(8, 3, 8, 4), conv.discriminator(8, 3, 4)
        assert not next(D.parameters()).is_contiguous()
        x = torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
        opts = {"opt_g": make(G.parameters()), "opt_d": make(D.parameters())} if make else {}
        return train(G, D, Batches(x, 16), **opts)

    game, again = start(), start()
    for _ in range(5):
        next(game)
    store.save(tmp_path / "game.save", game)
    store.load(tmp_path / "game.save", again)
    for _ in range(5):
        a, b = next(game), next(again)
        assert a.d_loss == b.d_loss and a.g_loss == b.g_loss
    assert all(map(torch.equal, game.D.parameters(), again.D.parameters()))
