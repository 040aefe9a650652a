"""A look against closed forms and against torch's own backward; and that looking changes nothing at all."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from scipy.special import expit, ndtr
from torch import nn

from gan_course import toy
from gan_course.game import train
from gan_course.laboratory.catalogue import Catalogue, FromUniform
from gan_course.laboratory.frame import Frame, View, undecided
from gan_course.laboratory.setup import Setup
from gan_course.losses import Loss
from gan_course.nets import mlp

RING = toy.ring(8, 1.0, 0.08)
LOSSES = Catalogue().losses
BLIND = ("Wasserstein", "relativistic")


def affine(weight, bias, z_dim=None) -> nn.Sequential:
    """x -> weight x + bias, exactly; with z_dim, a generator."""
    weight, bias = torch.tensor(weight), torch.tensor(bias)
    layer = nn.Linear(weight.shape[1], len(bias))
    layer.weight.data, layer.bias.data = weight, bias
    net = nn.Sequential(layer)
    if z_dim:
        net.z_dim = z_dim
    return net


def make(G=None, D=None, data=RING, seed=0, **options):
    torch.manual_seed(seed)
    G, D = G or mlp.generator(2, 2, (16,)), D or mlp.discriminator(2, (16,))
    game = train(G, D, data.batches(64, seed=seed), seed=seed, **options)
    return game, View(game, data, Setup(seed=seed))


class Restless(nn.Module):
    """A generator with dropout and batch statistics, which draws from torch's stream in any mode."""

    z_dim = 2

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))

    def forward(self, z):
        return self.layers(z)


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def equal(a: Frame, b: Frame) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("z_dim, sheet", [(1, (81, 2)), (2, (21, 21, 2)), (5, None)])
def test_a_frame_has_its_shapes_and_packs_to_bytes_and_plain_numbers(z_dim, sheet):
    game, view = make(G=mlp.generator(2, z_dim, (8,)))
    seen = view.look(game)
    shapes = {"fakes": (200, 2), "pull": (200, 2), "verdict": (32, 32), "p_fake": (200,), "p_real": (400,)}
    assert {name: getattr(seen, name).shape for name in shapes} == shapes
    assert (seen.sheet is None) if sheet is None else (seen.sheet.shape == sheet)
    assert {seen.fakes.dtype, seen.pull.dtype} == {np.dtype(np.float32)}
    assert {seen.verdict.dtype, seen.p_fake.dtype, seen.p_real.dtype} == {np.dtype(np.uint8)}
    packed = seen.packed()
    assert np.array_equal(np.frombuffer(packed["fakes"], "<f4").reshape(200, 2), seen.fakes)
    assert np.array_equal(np.frombuffer(packed["verdict"], np.uint8).reshape(32, 32), seen.verdict)
    plain = {name: value for name, value in packed.items() if not isinstance(value, bytes)}
    kept = {"said", "right", "g_gradient", "d_gradient", "losses"} | ({"sheet"} if sheet is None else set())
    assert json.loads(json.dumps(plain)) == plain and set(plain) == kept


def test_looking_changes_neither_the_game_nor_any_random_state():
    normed = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16))
    D = nn.Sequential(normed, nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.Linear(16, 1))
    game, view = make(Restless(), D, average=0.9)
    for _ in range(3):
        next(game)
    before = copy.deepcopy(game.state_dict()), torch.get_rng_state(), np.random.get_state()[1].copy()
    grads = [p.grad.clone() for net in (game.G, game.D) for p in net.parameters()]
    first = view.look(game)
    assert equal(first, view.look(game)), "the same moment looks the same twice"
    assert same(before[0], game.state_dict())
    assert torch.equal(before[1], torch.get_rng_state()) and np.array_equal(before[2], np.random.get_state()[1])
    assert all(torch.equal(a, p.grad) for a, p in zip(grads, [*game.G.parameters(), *game.D.parameters()], strict=True))
    assert all(m.training for net in (game.G, game.D) for m in net.modules()), "they go on in training mode"


def test_a_game_that_is_watched_plays_as_one_that_is_not():
    ends = []
    for watched in (False, True):
        torch.manual_seed(0)
        game, view = make(Restless(), mlp.discriminator(2, (16,)))
        for _ in range(20):
            next(game)
            if watched:
                view.look(game)
        ends.append(game.state_dict())
    assert same(*ends)


def test_the_pull_on_each_fake_is_the_closed_form():
    w = torch.tensor([[0.8, -0.3]])
    for name, slope in {
        "non-saturating": lambda f: 1 - expit(f),  # of the wish, -dL/df, 200 times one fake's share
        "minimax": lambda f: expit(f),
        "least squares": lambda f: 1 - f,
        "Wasserstein": lambda f: np.ones_like(f),
    }.items():
        game, view = make(D=affine(w.tolist(), [0.4]), loss=LOSSES[name])
        seen = view.look(game)
        logits = seen.fakes @ w.numpy().T + 0.4
        np.testing.assert_allclose(seen.pull, slope(logits) * w.numpy(), rtol=2e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_those_of_backward(name):
    game, view = make(loss=LOSSES[name], seed=3)
    seen = view.look(game)
    G, D, loss = copy.deepcopy(game.G), copy.deepcopy(game.D), LOSSES[name]
    d_loss = loss.d(D(view.real[:200]), D(G(view.z).detach()))
    d_loss.backward()
    d_norm = math.sqrt(sum(p.grad.square().sum().item() for p in D.parameters()))
    g_loss = loss.g(D(view.real[:200]), D(G(view.z)))
    g_loss.backward()
    g_norm = math.sqrt(sum(p.grad.square().sum().item() for p in G.parameters()))
    assert seen.losses == pytest.approx((d_loss.item(), g_loss.item()), rel=1e-5, abs=1e-7)
    assert (seen.g_gradient, seen.d_gradient) == pytest.approx((g_norm, d_norm), rel=1e-4, abs=1e-7)


def test_the_averaged_generator_is_shown_and_the_player_is_measured():
    G = affine([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], z_dim=2)
    game, view = make(G, average=0.9)
    plain = view.look(game)
    with torch.no_grad():
        game.averaged[0].bias += 5.0
    shown = view.look(game)
    np.testing.assert_allclose(shown.fakes, plain.fakes + 5, atol=1e-5)
    np.testing.assert_allclose(shown.sheet, plain.sheet + 5, atol=1e-5)
    assert not np.array_equal(shown.pull, plain.pull), "the pull is on the fakes that are shown"
    assert (shown.losses, shown.g_gradient) == (plain.losses, plain.g_gradient), "these belong to the players"


def test_the_verdict_is_d_at_the_midpoints_from_low_to_high():
    game, view = make(D=affine([[0.7, 2.0]], [0.1]))
    lo, hi = view.extent
    assert hi - lo == pytest.approx(1.25 * (RING.extent[1] - RING.extent[0]))
    middles = lo + (np.arange(32) + 0.5) * (hi - lo) / 32
    expected = 255 * expit(0.7 * middles[None, :] + 2.0 * middles[:, None] + 0.1)
    assert np.abs(view.look(game).verdict - expected).max() < 0.51


def test_each_cell_of_the_sheet_catches_the_same_share_of_the_noise():
    game, view = make(G=affine([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], z_dim=2))
    sheet = view.look(game).sheet.astype(float)
    across, up = ndtr(sheet[0, :, 0]), ndtr(sheet[:, 0, 1])
    np.testing.assert_allclose(np.diff(across), 0.96 / 20, atol=1e-5)
    np.testing.assert_allclose(np.diff(up), 0.96 / 20, atol=1e-5)
    assert (across[0], across[-1]) == pytest.approx((0.02, 0.98), abs=1e-5)
    game, view = make(G=affine([[2.0], [0.0]], [0.0, 1.0], z_dim=1))
    np.testing.assert_allclose(np.diff(ndtr(view.look(game).sheet[:, 0] / 2.0)), 0.96 / 80, atol=1e-5)


def test_what_a_loss_says_where_it_cannot_know():
    found = {name: undecided(loss.d) for name, loss in LOSSES.items()}
    assert found == {**dict.fromkeys(LOSSES, 0.0), "least squares": 0.5, **dict.fromkeys(BLIND)}
    own = Loss(d=lambda r, f: ((r - 3) ** 2 + (f - 1) ** 2).mean(), g=lambda r, f: ((f - 3) ** 2).mean())
    assert undecided(own.d) == 2.0


@pytest.mark.parametrize("name", LOSSES)
def test_a_d_that_does_not_know_is_half_right_whatever_its_loss(name):
    level = undecided(LOSSES[name].d)
    game, view = make(D=affine([[0.0, 0.0]], [7.0 if level is None else level]), loss=LOSSES[name])
    seen = view.look(game)
    assert seen.right == 0.5 and seen.said == (0.5, 0.5)
    assert set(np.unique(seen.verdict)) <= {127, 128}


@pytest.mark.parametrize("name", BLIND)
def test_a_critic_may_stand_anywhere(name):
    looks = []
    for height in (0.0, 40.0):
        game, view = make(D=affine([[3.0, 1.0]], [height]), loss=LOSSES[name])
        looks.append(view.look(game))
    assert np.abs(looks[0].verdict.astype(int) - looks[1].verdict).max() <= 1
    assert looks[0].right == looks[1].right and looks[0].verdict.std() > 20


def test_right_is_the_mean_of_both_rates():
    G = affine([[0.01, 0.0], [0.0, 0.01]], [2.0, 0.0], z_dim=2)  # all fakes near (2, 0), all reals left of it
    knows, fooled, bold = affine([[-9.0, 0.0]], [14.0]), affine([[9.0, 0.0]], [-14.0]), affine([[0.0, 0.0]], [2.0])
    for D, right, said in ((knows, 1.0, (1.0, 0.018)), (fooled, 0.0, (0.0, 0.982)), (bold, 0.5, (0.88, 0.88))):
        game, view = make(copy.deepcopy(G), D)
        seen = view.look(game)
        assert seen.right == right and seen.said == pytest.approx(said, abs=0.02)
        assert seen.said == pytest.approx((seen.p_real.mean() / 255, seen.p_fake.mean() / 255), abs=1 / 255)


@pytest.mark.parametrize("spoilt", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("player", "GD")
def test_every_number_is_finite_whatever_became_of_the_players(player, spoilt):
    game, view = make()
    with torch.no_grad():
        getattr(game, player)[0].weight.fill_(spoilt)
    for value in view.look(game):
        assert np.isfinite(value).all() and np.abs(np.asarray(value, float)).max() <= 1e6


def test_a_view_is_the_same_for_the_same_data_and_seed_and_its_points_are_no_run_s_first_batch():
    (_, a), (_, b), (_, c) = make(), make(D=mlp.discriminator(2, (8, 8))), make(seed=1)
    assert torch.equal(a.z, b.z) and torch.equal(a.real, b.real) and a.extent == b.extent
    assert not torch.equal(a.real, c.real)
    first = next(RING.batches(400, seed=0))
    assert (torch.cdist(a.real, first) == 0).sum() == 0


def test_a_loss_of_ones_own_can_be_seen():
    loss = Loss(d=lambda r, f: (f - r).mean() + 0.1 * (r**2).mean(), g=lambda r, f: (r.mean() - f).mean())
    game, view = make(D=mlp.discriminator(2, (8,)), loss=loss)
    assert view.look(game).g_gradient > 0


def test_uniform_noise_has_a_sheet_of_equal_steps():
    game, view = make(G=FromUniform(affine([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], z_dim=2)))
    sheet = view.look(game).sheet
    np.testing.assert_allclose(np.diff(sheet[:, :, 0], axis=1), 1.92 / 20, atol=1e-5)
    np.testing.assert_allclose(np.diff(sheet[:, :, 1], axis=0), 1.92 / 20, atol=1e-5)
