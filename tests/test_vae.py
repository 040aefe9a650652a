"""The VAE's likelihood against a sum over all grey levels and an integral over z; its bounds; its sampler."""

import pytest
import torch
from torch.nn.functional import one_hot

from gan_course.nets.vae import VAE


def net(seed=0, **sizes):
    torch.manual_seed(seed)
    return VAE(**{"x_dim": 3, "z_dim": 1, "hidden": 16, "levels": 5, **sizes})


GREYS = torch.linspace(-1, 1, 5)
EVERY_IMAGE = torch.cartesian_prod(GREYS, GREYS, GREYS)  # (125, 3)


@torch.no_grad()
def exact(vae, x, *cond):
    """log p(x) by quadrature over z, (n,): possible because z has one dimension here."""
    z = torch.linspace(-8, 8, 2001)[:, None, None].expand(-1, len(x), 1)
    pixels = vae.log_pixels(x, *vae.decode(z, *[c.expand(2001, *c.shape) for c in cond])).sum(-1)
    return (pixels + torch.distributions.Normal(0, 1).log_prob(z)[..., 0]).logsumexp(0) + torch.tensor(16 / 2000).log()


@pytest.mark.parametrize("levels", [2, 5, 16, 17])
def test_the_grey_levels_of_a_pixel_share_probability_one(levels):
    vae = net(levels=levels)
    greys = torch.linspace(-1, 1, levels)[:, None]
    centre, log_width = torch.tensor([-3.0, -0.4, 0.0, 1.0, 0.1]), torch.tensor([-4.0, -2.0, 0.0, 1.0, -4.0])
    assert torch.allclose(vae.log_pixels(greys, centre, log_width).exp().sum(0), torch.ones(5), atol=1e-5)


def test_all_images_together_have_probability_one():
    assert exact(net(), EVERY_IMAGE).exp().sum().item() == pytest.approx(1, abs=1e-3)


def test_the_training_bound_lies_below_and_importance_weights_close_the_gap():
    vae, x = net(), EVERY_IMAGE[::9]
    truth = exact(vae, x)
    torch.manual_seed(1)
    with torch.no_grad():
        elbo = vae.log_weights(x, samples=2000).mean(0)
    assert (elbo < truth + 0.02).all()
    few, many = vae.log_prob(x, samples=1), vae.log_prob(x, samples=5000)
    assert torch.allclose(many, truth, atol=0.1)
    assert (many - truth).abs().mean() < 0.3 * (truth - elbo).mean()
    assert few.mean() < many.mean()


def test_a_condition_changes_the_distribution_and_each_still_sums_to_one():
    vae = net(cond_dim=2)
    logs = [exact(vae, EVERY_IMAGE, one_hot(torch.full((125,), c), 2).float()) for c in (0, 1)]
    for log in logs:
        assert log.exp().sum().item() == pytest.approx(1, abs=1e-3)
    assert (logs[0] - logs[1]).abs().max() > 0.01


def test_training_raises_the_likelihood_of_images_that_it_has_not_seen():
    vae = net(hidden=32)
    torch.manual_seed(0)
    which = torch.tensor([[-1.0, -1.0, 1.0], [1.0, 0.5, -1.0]])
    x, fresh = which[torch.randint(2, (256,))], which[torch.randint(2, (50,))]
    before = vae.log_prob(fresh).mean()
    opt = torch.optim.Adam(vae.parameters(), 1e-2)
    for _ in range(300):
        opt.zero_grad()
        (-vae.log_weights(x).mean()).backward()
        opt.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in vae.parameters())
    after = vae.log_prob(fresh).mean()
    assert before < -3 and after > -1.2  # two images, equally often: log(1/2) = -0.69 is the best there is
    drawn = vae.sample(400, seed=1)
    share = (drawn == which[0]).all(1).float().mean()
    assert 0.35 < share < 0.65


def test_samples_lie_on_the_grey_levels_and_follow_the_density():
    vae = net(seed=2)
    x = vae.sample(20_000, seed=0)
    assert torch.isin((x * 2).round() / 2, GREYS).all() and torch.allclose(x, (x * 2).round() / 2)
    index = ((x + 1) * 2).round().long()
    counts = torch.bincount(index[:, 0] * 25 + index[:, 1] * 5 + index[:, 2], minlength=125)
    chances = exact(vae, EVERY_IMAGE).exp()
    assert (counts / 20_000 - chances).abs().max() < 0.01  # 4 standard errors of a chance of 0.15
    assert torch.equal(vae.sample(3, seed=5), vae.sample(3, seed=5))
    assert not torch.equal(vae.sample(3, seed=5), vae.sample(3, seed=6))


@pytest.mark.parametrize("bad", [{"x_dim": 0}, {"z_dim": 0}, {"cond_dim": -1}, {"levels": 1}])
def test_impossible_sizes_are_refused(bad):
    with pytest.raises(ValueError, match="needs"):
        VAE(**bad)
