"""Batches in parts: the update of the whole batch, and a real lack of memory."""

import json
import resource
import subprocess
import sys

import psutil
import pytest
import torch

import gan_course as gc
from gan_course.nets import conditional, mlp, residual
from gan_course.parts import in_parts, out_of_memory


def weights(game) -> list[torch.Tensor]:
    return [p.detach().clone() for net in (game.G, game.D, game.averaged) for p in net.parameters()]


def game(parts: int | None, nets, x, *cond, batch: int = 12, **options):
    torch.manual_seed(0)
    G, D = nets()
    sgd = {f"opt_{name}": torch.optim.SGD(net.parameters(), 0.05) for name, net in (("g", G), ("d", D))}
    batches = gc.Batches(x.double(), batch, *cond)
    noise = lambda n: torch.randn(n, G.z_dim, dtype=torch.float64)  # noqa: E731
    game = gc.train(G.double(), D.double(), batches, noise=noise, average=0.9, **sgd, **options)
    return game if parts is None else in_parts(game, parts)


POINTS = torch.randn(40, 2, generator=torch.Generator().manual_seed(1))
PICTURES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
LABELS = torch.randint(10, (40,), generator=torch.Generator().manual_seed(2))


def points():
    return mlp.generator(hidden=(8,)), mlp.discriminator(hidden=(8,))


def pictures():
    return residual.generator(8, 1, 4, 4), residual.discriminator(8, 1, 4)


class Plain(torch.nn.Module):
    """A conditional G without batch normalisation."""

    def __init__(self):
        super().__init__()
        self.z_dim, self.net = 4, torch.nn.Linear(14, 64)

    def forward(self, z, y):
        told = torch.nn.functional.one_hot(y, 10).to(z.dtype)
        return self.net(torch.cat([z, told], 1)).tanh().view(-1, 1, 8, 8)


def labelled():
    return Plain(), conditional.discriminator(8, 1, 10, 4)


@pytest.mark.parametrize("parts", [2, 5, 12, 50])
@pytest.mark.parametrize(
    "make, data, options",
    [
        (points, (POINTS,), {"loss": gc.minimax, "d_steps": 2, "constrain": gc.clip_weights(0.3)}),
        (points, (POINTS,), {"loss": gc.hinge, "g_steps": 2}),
        (pictures, (PICTURES,), {"loss": gc.relativistic, "penalties": [gc.r1(1.0), gc.r2(0.5)]}),
        (labelled, (PICTURES, LABELS), {"loss": gc.least_squares, "penalties": [gc.r1(1.0)]}),
    ],
)
def test_parts_make_the_same_update_as_the_whole_batch(parts, make, data, options):
    whole, some = game(None, make, *data, **options), game(min(parts, 12), make, *data, **options)
    for _ in range(3):
        torch.manual_seed(3)
        a = next(whole)
        torch.manual_seed(3)
        b = next(some)
        torch.testing.assert_close([a.d_loss, a.g_loss], [b.d_loss, b.g_loss], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(weights(whole), weights(some), rtol=1e-9, atol=1e-12)


def test_one_part_is_the_game_itself_bit_for_bit_and_stays_so_after_a_change_there_and_back():
    whole, some = game(None, points, POINTS), game(1, points, POINTS)
    for play in (whole, some):
        torch.manual_seed(5)
        for _ in range(4):
            next(play)
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(some), strict=True))


def test_what_follows_an_update_follows_it_once():
    seen = []
    play = game(4, points, POINTS, constrain=lambda D: seen.append([p.detach().clone() for p in D.parameters()]))
    next(play)
    assert len(seen) == 1 and all(torch.equal(a, b) for a, b in zip(seen[0], play.D.parameters(), strict=True))
    assert int(play.state_dict()["averaged"]["n_averaged"]) == 1


def test_a_nan_in_one_part_moves_nothing():
    play = game(3, points, POINTS)
    next(play)
    before = weights(play)
    play.batches.x[:] = float("nan")
    with pytest.raises(gc.NonFinite, match="discriminator's loss is not finite at turn 2"):
        next(play)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(play), strict=True))


def test_a_game_in_parts_saves_and_resumes_exactly(tmp_path):
    def make():
        torch.manual_seed(0)
        return in_parts(gc.train(*points(), gc.Batches(POINTS, 12), penalties=[gc.gradient_penalty(1.0)]), 3)

    straight, broken = make(), make()
    for _ in range(6):
        next(straight)
    for _ in range(3):
        next(broken)
    gc.store.save(tmp_path / "save", broken)
    resumed = make()
    gc.store.load(tmp_path / "save", resumed)
    for _ in range(3):
        next(resumed)
    for a, b in zip(straight.D.parameters(), resumed.D.parameters(), strict=True):
        assert torch.equal(a, b)


class Hungry(torch.nn.Module):
    """A D that cannot take more than `most` images at a time, whichever player asks."""

    def __init__(self, most: int):
        super().__init__()
        self.most, self.net, self.asked = most, mlp.discriminator(hidden=(4,)), []

    def forward(self, x):
        self.asked.append(len(x))
        if self.training and len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return self.net(x)


@pytest.mark.parametrize("most, parts", [(6, 2), (5, 4), (1, 12)])
def test_parts_double_until_memory_is_enough_and_no_turn_is_lost(most, parts):
    said = []
    torch.manual_seed(0)
    game = gc.train(mlp.generator(hidden=(4,)), D := Hungry(most), gc.Batches(POINTS, 12))
    play = in_parts(game, tell=said.append)
    steps = [next(play) for _ in range(5)]
    assert [step.index for step in steps] == [1, 2, 3, 4, 5] and play.parts == parts
    assert len(said) == len(range((parts - 1).bit_length())) and f"in {parts} parts" in said[-1]
    assert all(n <= most for n in D.asked[-8:])


def test_no_memory_for_one_sample_ends_with_advice():
    play = in_parts(gc.train(mlp.generator(hidden=(4,)), Hungry(0), gc.Batches(POINTS, 12)), tell=lambda text: None)
    with pytest.raises(MemoryError, match="one sample at a time: make the networks narrower"):
        next(play)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not out_of_memory(ValueError("out of memory"))
    play = game(1, points, POINTS)
    play.batches = iter([torch.zeros(12, 3, dtype=torch.float64)])
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        next(play)
    assert play.parts == 1


def test_refusals():
    with pytest.raises(TypeError, match="in_parts needs a game"):
        in_parts(gc.toy.ring())
    for parts in (0, 1.5, True):
        with pytest.raises(ValueError, match="parts must be a whole number"):
            in_parts(game(None, points, POINTS), parts)


def test_a_real_lack_of_memory_is_survived():
    """In a process whose address space the kernel limits, so that malloc itself says no."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["turns"] == 3 and found["parts"] > 1 and found["finite"]
    assert "Memory ran out at turn" in found["said"][0] and "each batch of 4096" in found["said"][0]


def starve() -> None:
    """D's hidden layer is 4096 wide, so that a batch of 4096 takes hundreds of MB, which the limit does not leave."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    said = []

    def make(batch):
        nets = mlp.generator(hidden=(8,)), mlp.discriminator(hidden=(4096,))
        return in_parts(gc.train(*nets, gc.Batches(POINTS, 4096), average=0.9), parts=4096 // batch, tell=said.append)

    next(make(64))  # what torch sets up at first use, it sets up before the limit
    play = make(4096)
    limit = psutil.Process().memory_info().vms + 200 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    for _ in range(3):
        next(play)
    finite = all(bool(p.isfinite().all()) for p in play.G.parameters())
    print(json.dumps({"turns": play.index, "parts": play.parts, "said": said, "finite": finite}))


if __name__ == "__main__":
    starve()
