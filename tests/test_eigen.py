"""The field of two real networks: the Dirac closed forms, finite differences, and what a run really does."""

import math

import pytest
import torch
from torch import nn

from gan_course import minimax, nets, non_saturating, r1, r2, relativistic
from gan_course.dirac import Dirac, alternating, r1_eigenvalues, spectrum
from gan_course.eigen import eigenvalues, field, jacobian, turn


class Point(nn.Module):
    """The Dirac game's generator: one number, whatever the noise."""

    def __init__(self, theta=0.0):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([theta]))

    def forward(self, z):
        return self.theta.expand(len(z), 1)


def line(psi=0.0):
    D = nn.Linear(1, 1, bias=False)
    nn.init.constant_(D.weight, psi)
    return D


ORIGIN = torch.zeros(5, 1)


@pytest.mark.parametrize("loss", [minimax, non_saturating, relativistic])
@pytest.mark.parametrize("penalties", [(), (r1(0.5),), (r1(3.0), r2(0.2))])
def test_on_the_dirac_game_it_is_the_closed_form(loss, penalties):
    game = Dirac(loss, penalties)
    J = jacobian(Point(), line(), loss, ORIGIN, ORIGIN, penalties)
    assert torch.allclose(J, game.jacobian(), atol=1e-6)
    for theta, psi in ((1.0, 0.5), (-0.7, 2.0)):
        v = field(Point(theta), line(psi), loss, ORIGIN, ORIGIN, penalties)
        assert torch.allclose(v, game.field(torch.tensor([theta, psi], dtype=torch.float64)), atol=1e-6)


def test_eigenvalues_with_r1_are_those_of_the_paper():
    for weight in (0.0, 0.5, 3.0):
        found = eigenvalues(Point(), line(), minimax, ORIGIN, ORIGIN, (r1(weight),))
        wanted = r1_eigenvalues(weight)
        key = lambda x: (x.real.item(), x.imag.item())  # noqa: E731
        for a, b in zip(sorted(found, key=key), sorted(wanted, key=key), strict=True):
            assert abs(a - b) < 1e-6


def test_a_turn_is_the_alternating_step_of_lesson_04():
    game = Dirac(minimax, (r1(0.5),))
    J = jacobian(Point(), line(), minimax, ORIGIN, ORIGIN, (r1(0.5),))
    ours = torch.linalg.eigvals(turn(J, 1, 0.1, 0.4)).abs().max()
    assert ours == pytest.approx(spectrum(game, alternating, 0.1, 0.4).abs().max().item(), abs=1e-6)


def smooth_nets(seed=0):
    torch.manual_seed(seed)
    G = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 2))
    D = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
    return G, D


@pytest.mark.parametrize("loss", [non_saturating, relativistic])
@pytest.mark.parametrize("penalties", [(), (r1(0.7), r2(0.3))])
def test_on_real_networks_it_agrees_with_finite_differences(loss, penalties):
    G, D = smooth_nets()
    real, z = torch.randn(11, 2, dtype=torch.float64), torch.randn(11, 1, dtype=torch.float64)
    G, D = G.double(), D.double()
    J = jacobian(G, D, loss, real, z, penalties)
    weights = [*G.parameters(), *D.parameters()]
    assert J.shape == (sum(p.numel() for p in weights),) * 2
    column, e = 0, 1e-6
    for p in weights:
        for i in range(p.numel()):
            p.data.view(-1)[i] += e
            up = field(G, D, loss, real, z, penalties)
            p.data.view(-1)[i] -= 2 * e
            down = field(G, D, loss, real, z, penalties)
            p.data.view(-1)[i] += e
            assert torch.allclose(J[:, column], (up - down) / (2 * e), atol=1e-6)
            column += 1


def test_the_networks_are_left_alone():
    G, D = smooth_nets()
    before = [p.detach().clone() for net in (G, D) for p in net.parameters()]
    jacobian(G, D, non_saturating, torch.randn(4, 2), torch.randn(4, 1), (r1(1.0),))
    after = [p for net in (G, D) for p in net.parameters()]
    assert all(torch.equal(a, b) and b.dtype == torch.float32 and b.grad is None
               for a, b in zip(before, after, strict=True))  # fmt: skip


def test_kinked_networks_have_a_jacobian_too():
    J = jacobian(
        nets.mlp.generator(2, 2, (6,)), nets.mlp.discriminator(2, (6,)), minimax, torch.randn(8, 2), torch.randn(8, 2)
    )
    assert J.isfinite().all() and J.abs().sum() > 0


def test_too_many_weights_are_refused():
    with pytest.raises(ValueError, match="at most 3000"):
        jacobian(nets.mlp.generator(), nets.mlp.discriminator(), minimax, torch.randn(4, 2), torch.randn(4, 2))


def test_the_step_of_a_real_game_is_the_one_that_the_turn_predicts():
    """From a rest point of the Dirac game moved aside by a little: one turn of gradient descent, done by hand."""
    G, D, h = Point(1e-4), line(2e-4), (0.3, 0.2)
    J = jacobian(Point(), line(), minimax, ORIGIN, ORIGIN)
    wanted = turn(J, 1, *h) @ torch.tensor([1e-4, 2e-4], dtype=torch.float64)
    for net, at, rate in ((D, 1, h[1]), (G, 0, h[0])):
        v = field(G, D, minimax, ORIGIN, ORIGIN)
        next(net.parameters()).data += rate * v[at]
    now = torch.tensor([G.theta.item(), D.weight.item()], dtype=torch.float64)
    assert torch.allclose(now, wanted, rtol=1e-4)
    assert not math.isclose(now[0], 1e-4)
