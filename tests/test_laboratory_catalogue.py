"""What the names mean: all on the list plays, the learner's own things do what they say, bad ones are refused."""

import copy

import pytest
import torch
from scipy import stats
from torch import nn

import gan_course as gc
from gan_course import toy
from gan_course.laboratory.catalogue import OWN, Catalogue, FromUniform
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup
from gan_course.nets import mlp

SMALL = Setup(g_width=8, d_width=8, batch=16)
NAMES = Catalogue().names()


def players(catalogue, setup, seed=0):
    torch.manual_seed(seed)
    return catalogue.players(setup)


def played(setup, catalogue=None, turns=3):
    run = Run(setup, catalogue or Catalogue())
    for _ in range(turns):
        run.play()
    return run


def finite(run):
    return all(p.isfinite().all() for net in (run.game.G, run.game.D) for p in net.parameters())


def flat(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def own_loss(name="custom"):
    return gc.Loss(d=lambda real, fake: gc.hinge.d(real, fake), g=lambda real, fake: gc.hinge.g(real, fake), name=name)


# ---- the lists ----


@pytest.mark.parametrize(
    ("setting", "name"),
    [(setting, name) for setting in ("data", "loss", "noise", "generator", "discriminator") for name in NAMES[setting]]
    + [(f"opt_{player}", name) for player in "gd" for name in NAMES["opt"]]
    + [(f"penalties.{name}", 0.5) for name in NAMES["penalties"]],
)
def test_everything_on_the_list_plays(setting, name):
    points = [(0.0, 0.0), (0.5, 0.2), (0.1, 0.9)]
    assert finite(played(SMALL.but(**{setting: name, "points": points})))


@pytest.mark.parametrize("name", NAMES["data"])
def test_data_lie_in_a_plane_about_the_origin(name):
    made = Catalogue().toy(Setup(data=name, points=[(0.0, 0.0), (0.5, 0.2), (0.1, 0.9)]))
    x = made.sample(500, seed=0)
    assert x.shape == (500, 2) and x.abs().max() < 4
    assert made.pdf(x).min() > 0


def test_gan_labs_data_are_there():
    assert {"line", "two Gaussians", "ring", "disjoint regions", "drawing"} <= set(NAMES["data"])


def test_layers_and_widths():
    G, D = players(Catalogue(), Setup(g_layers=3, g_width=7, d_layers=0, noise_dim=1))
    assert [tuple(p.shape) for p in G.parameters() if p.dim() == 2] == [(7, 1), (7, 7), (7, 7), (2, 7)]
    assert [tuple(p.shape) for p in D.parameters() if p.dim() == 2] == [(1, 2)]


def test_no_two_catalogues_share_their_lists():
    one, other = Catalogue(), Catalogue()
    one.add(loss={"mine": own_loss()}, data={"here": toy.ring()}, generator=mlp.generator())
    assert other.names() == NAMES


@pytest.mark.parametrize(
    "changes",
    [{"data": "rings"}, {"loss": "mine"}, {"opt_g": "Adan"}, {"opt_d": "Adan"}, {"penalties": {"R3": 1}},
     {"generator": "mine"}, {"discriminator": "mine"}],
)  # fmt: skip
def test_a_name_that_is_not_there(changes):
    with pytest.raises(ValueError, match=r"^There is no .* here\. There are: .*\.$"):
        Run(SMALL.but(**changes), Catalogue())


# ---- noise, cures ----


class Listening(nn.Module):
    """A generator that remembers the noise it was given."""

    z_dim = 3

    def __init__(self):
        super().__init__()
        self.last, self.heard = nn.Linear(3, 2), []

    def forward(self, z):
        self.heard.append(z.detach().clone())
        return self.last(z)


@pytest.mark.parametrize(
    ("noise", "right", "wrong"),
    [("uniform", stats.uniform(-1, 2), stats.norm()), ("Gaussian", stats.norm(), stats.uniform(-1, 2))],
)
def test_noise_is_what_it_says(noise, right, wrong):
    """Kolmogorov and Smirnov's test of all noise that a game draws; a fixed seed, so no false alarm one day."""
    catalogue = Catalogue()
    run = Run(SMALL.but(noise=noise, batch=512, **catalogue.add(generator=Listening())), catalogue)
    G = run.game.G.G if noise == "uniform" else run.game.G
    G.heard.clear()
    for _ in range(5):
        run.play()
    z = torch.cat([z for z in G.heard if len(z) == 512])
    assert z.shape == (10 * 512, 3)
    for axis in z.T.double().numpy():
        assert stats.kstest(axis, right.cdf).pvalue > 0.01
        assert stats.kstest(axis, wrong.cdf).pvalue < 1e-6
    assert torch.corrcoef(z.T).fill_diagonal_(0).abs().max() < 5 / len(z) ** 0.5
    assert z.unique(dim=0).shape == z.shape


def test_uniform_noise_ends_at_one():
    class Given(nn.Identity):
        z_dim = 1

    ends = FromUniform(Given())(torch.tensor([[-100.0], [-1.0], [0.0], [1.0], [100.0]])).flatten()
    assert ends.tolist() == pytest.approx([-1, 1 - 2 * stats.norm.cdf(1), 0, 2 * stats.norm.cdf(1) - 1, 1], abs=1e-6)


def test_spectral_norm_bounds_every_layer():
    run = played(SMALL.but(spectral=True, lr_d=0.1), turns=60)
    run.game.D.eval()
    largest = [torch.linalg.matrix_norm(m.weight, 2).item() for m in run.game.D.modules() if isinstance(m, nn.Linear)]
    assert largest == pytest.approx([1.0] * 3, abs=0.15)
    plain = played(SMALL.but(lr_d=0.1), turns=60)
    assert max(torch.linalg.matrix_norm(m.weight, 2) for m in plain.game.D.modules() if isinstance(m, nn.Linear)) > 1.5


def test_averaging_is_the_running_average_of_g():
    run = played(SMALL.but(average=0.8), turns=0)
    mean = None
    for _ in range(20):
        run.play()
        mean = flat(run.game.G) if mean is None else 0.8 * mean + 0.2 * flat(run.game.G)
    torch.testing.assert_close(flat(run.game.averaged), mean)
    assert not torch.equal(flat(run.game.averaged), flat(run.game.G))
    assert played(SMALL).game.averaged is None


def test_clipping_bounds_the_discriminators_weights():
    assert flat(played(SMALL.but(clip=0.02)).game.D).abs().max() <= 0.02
    assert flat(played(SMALL).game.D).abs().max() > 0.2


@pytest.mark.parametrize("name", NAMES["penalties"])
def test_a_penaltys_weight_multiplies_it(name):
    D, rng = mlp.discriminator(), torch.Generator().manual_seed(0)
    real, fake = torch.randn(8, 2, generator=rng), torch.randn(8, 2, generator=rng)
    values = []
    for weight in (1.0, 3.0):
        torch.manual_seed(0)
        (penalty,) = Catalogue().penalty_list(Setup(penalties={name: weight}))
        values.append(penalty(D, real, fake).item())
    assert values[1] == pytest.approx(3 * values[0], rel=1e-5) and values[0] > 0


def test_a_live_learning_rate_is_the_optimisers():
    catalogue, (_, D) = Catalogue(), players(Catalogue(), SMALL)
    for name in NAMES["opt"]:
        optimiser = catalogue.optimiser(SMALL.but(opt_d=name, lr_d=0.125), "d", D)
        assert [group["lr"] for group in optimiser.param_groups] == [0.125]


# ---- the learner's own ----


def test_an_own_loss_is_played():
    catalogue, mine = Catalogue(), own_loss()
    assert catalogue.add(loss=mine) == {"loss": OWN}
    assert catalogue.names()["loss"][0] == OWN
    run = played(SMALL.but(loss=OWN), catalogue, turns=20)
    assert run.game.loss is mine
    assert torch.equal(flat(run.game.G), flat(played(SMALL.but(loss="hinge"), turns=20).game.G))


def test_names_of_own_things():
    catalogue = Catalogue()
    assert catalogue.add(loss=own_loss("soft hinge")) == {"loss": "soft hinge"}
    assert catalogue.add(loss={"a": own_loss(), "b": own_loss("c")}) == {"loss": "b"}
    assert catalogue.names()["loss"][:3] == ["b", "a", "soft hinge"]
    assert catalogue.add() == {}


def test_a_cell_that_is_run_again_replaces_what_it_made():
    catalogue, first, second = Catalogue(), own_loss(), own_loss()
    catalogue.add(loss=first, penalty=lambda D, r, f: 1.0, data=toy.ring(3), generator=Listening())
    catalogue.add(loss={"other": own_loss()})
    penalty, data = (lambda D, r, f: 2.0), toy.ring(5)
    catalogue.add(loss=second, penalty=penalty, data=data, generator=mlp.generator(hidden=(3,)))
    setup = SMALL.but(loss=OWN, data=OWN, generator=OWN, penalties={OWN: 1.5})
    assert catalogue.loss(setup) is second and catalogue.toy(setup) is data
    assert catalogue.penalty_list(setup)[0](None, None, None) == 3.0
    assert isinstance(players(catalogue, setup)[0], mlp.Generator)
    names = catalogue.names()
    assert all(names[kind].count(OWN) == 1 and names[kind][0] == OWN for kind in ("loss", "penalties", "data"))


def test_an_own_penalty_holds_d_back():
    def flatness(D, real, fake):
        return sum(p.square().sum() for p in D.parameters())

    catalogue = Catalogue()
    chosen = catalogue.add(penalty={"flat": flatness})
    assert chosen == {"penalties.flat": 1.0}
    held, free = (played(SMALL.but(**changes), catalogue, turns=100) for changes in ({"penalties.flat": 10.0}, {}))
    assert flat(held.game.D).norm() < 0.3 * flat(free.game.D).norm()


def test_own_networks_are_copied_for_each_run():
    """Neither what one run learns nor what the learner's cells do with a network later reaches another run."""
    catalogue, G, D = Catalogue(), mlp.generator(hidden=(5,)), mlp.discriminator(hidden=(6,))
    was = flat(G).clone(), flat(D).clone()
    setup = SMALL.but(**catalogue.add(generator=G, discriminator=D))
    run = played(setup, catalogue)
    assert torch.equal(flat(G), was[0]) and torch.equal(flat(D), was[1])
    assert not torch.equal(flat(run.game.G), was[0]) and not torch.equal(flat(run.game.D), was[1])
    with torch.no_grad():
        for p in (*G.parameters(), *D.parameters()):
            p.zero_()
    again = Run(setup, catalogue)
    assert torch.equal(flat(again.game.G), was[0]) and torch.equal(flat(again.game.D), was[1])


def test_functions_that_make_networks():
    catalogue = Catalogue()
    setup = SMALL.but(**catalogue.add(generator=lambda: mlp.generator(hidden=(4,)), discriminator=mlp.discriminator))
    one, same, other = (Run(setup.but(seed=seed), catalogue).game for seed in (0, 0, 1))
    assert torch.equal(flat(one.G), flat(same.G)) and torch.equal(flat(one.D), flat(same.D))
    assert not torch.equal(flat(one.G), flat(other.G))


def test_a_function_that_always_gives_the_same_network():
    catalogue, G = Catalogue(), mlp.generator(hidden=(4,))
    setup = SMALL.but(**catalogue.add(generator=lambda: G))
    was = flat(G).clone()
    run = played(setup, catalogue)
    assert torch.equal(flat(G), was) and not torch.equal(flat(run.game.G), was)


@pytest.mark.parametrize("own", [{}, {"discriminator": mlp.discriminator}])
def test_spectral_norm_and_uniform_noise_go_with_own_networks(own):
    catalogue = Catalogue()
    chosen = catalogue.add(generator=mlp.generator, **own)
    run = played(SMALL.but(noise="uniform", spectral=True, **chosen), catalogue)
    assert isinstance(run.game.G, FromUniform) and "spectral" in str(run.game.D).lower()


def test_own_data():
    catalogue, points = Catalogue(), torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert catalogue.add(data=points) == {"data": OWN}
    x = catalogue.toy(Setup(data=OWN)).sample(100, seed=0)
    assert torch.cdist(x, points).min(1).values.max() < 3
    ring = toy.ring(5)
    catalogue.add(data={"five": ring})
    assert catalogue.toy(Setup(data="five")) is ring and catalogue.names()["data"][:2] == ["five", OWN]
    assert finite(played(SMALL.but(data="five"), catalogue))


@pytest.mark.parametrize(
    ("things", "error", "words"),
    [
        ({"loss": "hinge"}, TypeError, "loss must be a Loss"),
        ({"loss": gc.Loss(d=lambda r, f: f - r, g=lambda r, f: -f.mean())}, ValueError, "loss.d must give one number"),
        ({"loss": gc.Loss(d=gc.hinge.d, g=lambda r, f: -f.mean().detach())}, ValueError, "loss.g does not depend"),
        ({"penalty": 3}, TypeError, "penalty must be a function"),
        ({"generator": 3}, TypeError, "generator must be a torch.nn.Module"),
        ({"discriminator": "big"}, TypeError, "discriminator must be a torch.nn.Module"),
        ({"data": toy.gaussian(0.0)}, ValueError, "2 coordinates"),
        ({"data": torch.zeros(5)}, (ValueError, TypeError), "."),
        ({"data": "ring"}, TypeError, "numbers"),
        ({"data": torch.full((4, 2), float("nan"))}, ValueError, "finite"),
        ({"data": {"drawing": toy.ring()}}, ValueError, "name"),
        ({"generator": {"layers": mlp.generator()}}, ValueError, "name"),
        ({"loss": {"": own_loss()}}, ValueError, "name"),
        ({"loss": {1: own_loss()}}, ValueError, "name"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_added(things, error, words):
    catalogue = Catalogue()
    with pytest.raises(error, match=words):
        catalogue.add(**things)
    assert catalogue.names() == NAMES


class Sampler:
    """No module."""


@pytest.mark.parametrize(
    ("things", "error", "words"),
    [
        ({"generator": mlp.generator(x_dim=3)}, ValueError, "change G's last layer"),
        ({"generator": nn.Sequential(nn.Linear(2, 2))}, ValueError, "z_dim"),
        ({"generator": lambda: 3}, TypeError, "makes a torch.nn.Module; it made int"),
        ({"discriminator": Sampler}, TypeError, "makes a torch.nn.Module; it made Sampler"),
        ({"discriminator": nn.Linear(2, 2)}, ValueError, "one logit a sample"),
        ({"discriminator": nn.Linear(3, 1)}, ValueError, "D does not accept its input"),
        ({"discriminator": nn.Linear(2, 1).requires_grad_(False)}, ValueError, "D has no parameters that can learn"),
        ({"discriminator": nn.Flatten()}, ValueError, "D has no parameters that can learn"),
    ],
)
@pytest.mark.parametrize("noise", ["Gaussian", "uniform"])
def test_networks_that_do_not_fit_are_refused_where_a_run_begins(things, error, words, noise):
    catalogue = Catalogue()
    with pytest.raises(error, match=words):
        Run(SMALL.but(noise=noise, **catalogue.add(**things)), catalogue)


def test_a_penalty_that_is_no_number_gets_a_sentence():
    catalogue = Catalogue()
    run = Run(SMALL.but(**catalogue.add(penalty=lambda D, real, fake: D(real).square())), catalogue)
    before = copy.deepcopy(run.game.state_dict())
    with pytest.raises(ValueError, match=r"one number, but its shape is \(16, 1\)"):
        run.play()
    assert run.turn == 0 and torch.equal(before["rng"], run.game.rng.get_state())
    run.change(penalties={})
    run.play()
