# %% [markdown]
# # 07 · Why did it stop, and why will it not settle?
#
# **A game can die in two ways: nothing reaches the generator any more, or too much does. You will bring about both,
# measure them, draw the map on which they lie (one hundred games in one cell), and see which of the famous tricks
# helps against which of the two. Several do not help at all.**
#
# You need: lessons 02 to 05 (the two losses, $D^* = p/(p+q)$, JS, why games circle, R1, eigenvalues).
#
# Time: about 90 minutes to read, with the exercises. The notebook itself runs in about a minute on two processor cores.
#
# Afterwards you can
#
# - tell a vanished gradient from an unstable game by two measured numbers, and say why each happens;
# - read a map of outcomes over both learning rates, with the rule that names each outcome;
# - say what momentum, unequal rates, noise, softer labels, normalisation, R1 and averaging do, and for which illness;
# - find the rotation of lesson 04 in the eigenvalues of two real networks, and predict from them what a run will do;
# - find a forgotten gradient in somebody's loop.

# %%
import copy
import itertools
import math

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from gan_course import device, eigen, ensemble, metrics, minimax, nets, non_saturating, plot, r1, toy, train
from gan_course.checks import check, hint, predict, quiz, reveal, solution
from gan_course.checks.say import say
from gan_course.stack import Stack
from gan_course.table import Table
from gan_course.tricks import Blurred, InstanceNoise, blurred, smooth
from gan_course.widgets import show
from gan_course.widgets.outcomes import Outcomes, picture

_ = device.tune_threads()

# %% [markdown]
# **New in this lesson: many games in one program.** A claim about training needs several seeds, and a map needs a hundred
# games. `ensemble.train` takes functions that *make* a generator, a discriminator and batches, and a dictionary for each
# game. On networks as small as these a hundred games cost little more than a few, because what costs is the calls, not
# the sums. Each game is the game that `train` would play alone.
#
# The data is the ring of eight clouds. The score is that of lesson 05: JS by counting in the cells of a grid, from 0 to
# $\log 2$. Its **floor** is what real points score, its **baseline** what one fitted Gaussian scores.

# %%
ring, CELLS, EDGE = toy.ring(8, radius=1.0, std=0.08), 40, 2.0


def G():
    return nets.mlp.generator(2, 2, (24, 24))


def D():
    return nets.mlp.discriminator(2, (24, 24))


def batches(seed):
    return ring.batches(64, seed)


def counted(x):
    """Share of the points x (n, 2) in each cell; what lies outside counts at the rim."""
    edges = torch.linspace(-EDGE, EDGE, CELLS + 1)
    return torch.histogramdd(x.clamp(-EDGE + 1e-4, EDGE - 1e-4), [edges, edges]).hist / len(x)


P = counted(ring.sample(400_000, seed=99))


def js(x):
    """JS between the ring and the points x (n, 2), by counting; NaN if they are not finite."""
    q = counted(x)
    m = (P + q) / 2
    jensen = ((torch.xlogy(P, P) + torch.xlogy(q, q)) / 2 - torch.xlogy(m, m)).sum().item()
    return jensen if x.isfinite().all() else math.nan


# %%
real = ring.sample(2500, seed=1)
FLOOR = js(real)
BASELINE = js(real.mean(0) + real.std(0) * torch.randn(2500, 2, generator=torch.Generator().manual_seed(0)))
print(f"JS of 2500 points: real {FLOOR:.3f} (floor), one Gaussian {BASELINE:.3f}, all in one place {js(0 * real):.3f}")


def play(games, looks=(50, 25, 0)):
    """Play to the end. JS of each game, (K,): the mean of looks so many turns before the end, on 2500 points."""
    seen = []
    for step in games:
        if games.steps - step.index in looks:
            seen.append([js(x) for x in games.sample(2500)])
    return np.mean(seen, axis=0)


def spread(x):
    return f"{np.mean(x):.2f} ± {np.std(x):.2f}"


# %% [markdown]
# ## 1. A perfect detective
#
# The generator learns from nothing but $D$'s slope. So call **pull** the norm of the gradient of $G$'s loss with respect
# to all of $G$'s weights: it is what reaches the learner. Lesson 03 let a discriminator train alone and watched the pull
# on *one* dial. There it was left open what happens in a whole network.
#
# ### Exercise 07.1 · Measure the pull
# *easy · core · 6 minutes.* Write a function that gives the pull. It must leave no trace: no `.grad` that a later
# `backward` would add to.


# %%
# exercise 07.1
def pull(G, D, loss, z):
    """The norm of the gradient of loss.g(real logits, fake logits) by all of G's weights, as one number.

    The losses of this lesson do not look at the real logits: hand them the fake ones twice.
    """
    #: solution
    # torch.autograd.grad returns gradients and stores none; one norm over all of them, not a sum of norms.
    fake = D(G(z))
    slopes = torch.autograd.grad(loss.g(fake, fake), list(G.parameters()))
    return torch.cat([slope.flatten() for slope in slopes]).norm().item()
    #: stub
    # return ...
    #: end


# %%
check("07.1", pull)

# %%
# hint("07.1")
# solution("07.1")

# %% [markdown]
# **By name.** `eigen.field(G, D, loss, real, z)` is the arrow of lesson 04 for two real networks: minus both players'
# gradients, $G$'s weights first. Its first part is the pull.

# %%
Z = torch.randn(500, 2, generator=torch.Generator().manual_seed(5))


def pulled(G, D, loss, z=Z):
    v = eigen.field(G, D, loss, real[: len(z)], z)
    return v[: sum(p.numel() for p in G.parameters())].norm().item()


def right(G, D, z=Z):
    """On what share of real points and of fakes D is right."""
    with torch.no_grad():
        return ((D(real) > 0).float().mean() + (D(G(z)) < 0).float().mean()).item() / 2


# %% [markdown]
# Six fresh generators stand still (`g_steps=0`), and their discriminators train alone. The fakes of a fresh $G$ lie in
# a heap in the middle of the ring, where there is no data.

# %%
predict(
    "07.a",
    "300 steps of D alone. Under minimax the pull on G, compared with the most it has been on the way, is",
    ["still growing", "about the same", "down to less than half"],
)

# %%
SEEDS, HEAD_START = range(6), 300
alone = ensemble.train(G, D, batches, [{"seed": s} for s in SEEDS], steps=HEAD_START, g_steps=0, lr_d=3e-3)
stops, sure, felt = (1, 10, 25, 50, 100, 200, 300), [], {minimax: [], non_saturating: []}
for step in alone:
    if step.index in stops:
        pairs = [alone.players(k) for k in SEEDS]
        sure.append([right(*pair) for pair in pairs])
        for loss, sizes in felt.items():
            sizes.append([pulled(*pair, loss) for pair in pairs])
felt = {loss.name: np.array(sizes) for loss, sizes in felt.items()}  # (stops, seeds)
for i, turn in enumerate(stops):
    said = ", ".join(f"{name} {sizes[i].mean():8.3f} ± {sizes[i].std():.3f}" for name, sizes in felt.items())
    print(f"after {turn:3} steps D is right on {np.mean(sure[i]):6.1%}; pull: {said}")

# %%
fig, ax = plot.figure(width=7.5, height=3.4)
for (name, sizes), colour in zip(felt.items(), (plot.GEN, plot.DIS), strict=True):
    ax.plot(stops, sizes, "o-", color=colour, linewidth=1, markersize=3)
    ax.plot([], [], "o-", color=colour, label=f"{name}, six games")
ax.set(xscale="log", yscale="log", xlabel="steps that D trained alone", ylabel="pull on G", xticks=stops)
ax.set_xticklabels(stops)
ax.minorticks_off()
ax.legend()
plot.show(
    fig,
    "The pull by steps of D alone: under minimax it rises and falls again, under non-saturating it rises to the end.",
)
least = felt["minimax"][-1] / felt["minimax"].max(0)
reveal(
    "07.a",
    truth=2 if np.median(least) < 0.5 else 1 if np.median(least) < 1 else 0,
    because=f"The median game has {np.median(least):.0%} of its largest pull left. Under non-saturating the mean pull "
    f"has gone from {felt['non-saturating'][0].mean():.2f} to {felt['non-saturating'][-1].mean():.1f}.",
)
assert np.median(least) < 0.7 and felt["non-saturating"][-1].mean() > 10 * felt["minimax"][-1].mean()

# %% [markdown]
# Lesson 03 found it on one dial, here it is in a whole network: a sure $D$ starves minimax, and *pushes* the
# non-saturating loss. Which of the two is the better fate? Let these games go on: with $D$'s head start, and without.
# Each $D$ has learned about its own $G$, so the functions that make the players look up who is wanted: a factory is
# called with torch's stream at the game's seed.

# %%
trained = {k: alone.players(k) for k in SEEDS}


def begin(player, first=0):
    """A factory: of each game, a copy of what `trained` holds for its seed; without a head start from seed `first` on."""
    return lambda: copy.deepcopy(trained[torch.initial_seed()][player])


outcome = {}
for loss in (minimax, non_saturating):
    for name, makers in {"head start": (begin(0), begin(1)), "none": (G, D)}.items():
        games = ensemble.train(*makers, batches, [{"seed": s} for s in SEEDS], steps=250, loss=loss)
        outcome[loss.name, name] = play(games)
for (name, start), scores in outcome.items():
    print(f"{name:15} {start:10}  JS after 250 turns {spread(scores)}")
assert all(outcome[name, "head start"].mean() > outcome[name, "none"].mean() for name in felt)

# %% [markdown]
# With a head start *neither* game has come far: JS is at its ceiling or near it, for the starved generators and for the
# pushed ones. (Without one they are only on their way after so few turns, but on their way.) And Adam, which in lesson 03
# made up for a faint gradient on one dial, does not save a network. So "use the non-saturating loss" is half an answer.
# What is wrong with this $D$ is not only how loud it speaks, but what it has to say.
#
# ## 2. Why can it be so sure?
#
# Arjovsky & Bottou (2017) give the reason. A generator turns noise of few dimensions into points of many, so its fakes
# lie on a thin sheet. Data often does, too. Two thin sheets hardly ever have more than single points or curves in
# common, and then a perfect detective *exists*: JS is $\log 2$, its gradient 0. (Our ring is no thin sheet: both sides
# fill the plane. But eight narrow clouds and a heap in the middle do as well: where one has mass, the other has next to
# none.)
#
# The thinnest case is Example 1 of Arjovsky, Chintala & Bottou (2017): real points on the line $\{0\}\times[0,1]$, fakes
# on the line $\{\theta\}\times[0,1]$, and $\theta$ is all that $G$ can learn.

# %%
predict(
    "07.b",
    "The two lines are only 0.1 apart. JS is",
    ["nearly 0: they nearly agree", "about a tenth of log 2", "log 2, as if they were miles apart"],
)

# %% [markdown]
# The cure that belongs to this illness: add normal noise of standard deviation $\sigma$ to every point that $D$ sees, real and fake
# (Sønderby et al. 2017; Arjovsky & Bottou 2017). The lines become bands that overlap, and what is left to compare are two
# normal distributions side by side, $\mathcal N(0,\sigma^2)$ and $\mathcal N(\theta,\sigma^2)$: JS is known
# exactly.
#
# A discriminator measures it, too: at its optimum $L_D = 2\log 2 - 2\,\mathrm{JS}$ (lesson 03). Here are eighteen
# discriminators at once, by hand: a `Stack` is K networks as one, on points of shape (K, n, 2).

# %%
gaps, sds = [0.1, 0.25, 0.5, 1.0, 1.5, 2.0], [0.0, 0.3, 0.6]
theta = torch.tensor(gaps * len(sds)).view(-1, 1)
sd = torch.tensor(sds).repeat_interleave(len(gaps)).view(-1, 1, 1)


def line(n, at):
    x = torch.stack([at.expand(-1, n), torch.rand(len(at), n)], dim=2)
    return x + sd * torch.randn_like(x)


torch.manual_seed(0)
detectives = Stack([nets.mlp.discriminator(2, (24, 24)) for _ in theta])
opt = torch.optim.Adam(detectives.parameters(), 3e-3, betas=(0.0, 0.99))
for _ in range(500):
    r, f = detectives(line(128, 0 * theta)), detectives(line(128, theta))
    loss_d = (softplus(-r) + softplus(f)).mean((1, 2)).sum()
    opt.zero_grad()
    loss_d.backward()
    opt.step()
moved = theta.clone().requires_grad_()
r, f = detectives(line(4000, 0 * theta)), detectives(line(4000, moved))
found = math.log(2) - (softplus(-r) + softplus(f)).mean((1, 2)).detach() / 2  # JS, as D sees it
(slopes,) = torch.autograd.grad(-softplus(f).mean((1, 2)).sum(), moved)  # the gradient of G's minimax loss by theta
found, slopes = found.view(len(sds), -1), slopes.view(len(sds), -1)

# %%
fine = [0.05 * k for k in range(1, 45)]
x, _ = toy.gaussian(0.0, 1.0).mesh(2001, (-6, 6))
between = {s: [metrics.js(toy.gaussian(0.0, s), toy.gaussian(g, s), x) for g in fine] for s in sds[1:]}
fig, (left, right_ax) = plot.figure(1, 2, width=10, height=3.5)
for i, (s, colour) in enumerate(zip(sds, (plot.GEN, plot.REAL, plot.DIS), strict=True)):
    exact = [math.log(2)] * len(fine) if s == 0 else between[s]
    left.plot(fine, exact, color=colour, label=f"noise {s:g}")
    left.plot(gaps, found[i], "o", color=colour)
    right_ax.plot(fine, 2 * np.gradient(exact, fine, edge_order=2), color=colour)
    right_ax.plot(gaps, slopes[i], "o", color=colour)
left.plot([], [], "ko", label="a trained D")
left.set(xlabel=r"distance of the lines $\theta$", ylabel="JS")
right_ax.set(xlabel=r"distance of the lines $\theta$", ylabel=r"gradient of minimax by $\theta$")
left.legend()
plot.show(
    fig,
    "Lines: exact; dots: trained discriminators. Without noise JS is log 2 at every distance and the gradient is near 0; "
    "with noise JS rises smoothly from 0 and the gradient is of order one where the bands overlap.",
)

# %%
off = (found[1:] - torch.tensor([[np.interp(g, fine, between[s]) for g in gaps] for s in sds[1:]])).abs().max()
reveal(
    "07.b",
    truth=0 if found[0, 0] < 0.03 else 1 if found[0, 0] < 0.2 else 2,
    because=f"The discriminator at distance {gaps[0]} finds JS {found[0, 0]:.3f}; log 2 is {math.log(2):.3f}. At distance "
    f"{gaps[2]} the gradient is {slopes[0, 2]:.4f} without noise, and {slopes[1, 2]:.2f} with noise {sds[1]}.",
)
print(f"with noise, measured and exact JS differ by at most {off:.3f}")
assert off < 0.06 and found[0].min() > 0.55 and abs(slopes[0, 2]) < 0.2 < slopes[1, 2]

# %% [markdown]
# Noise turns a cliff into a slope. Note the two prices. The gradient is of use where the bands overlap: for lines 2 apart a noise
# of 0.3 is too little, and one must know the distance to choose it. And what is finer than the noise, $D$ cannot
# see: so one lowers $\sigma$ as the game goes on.
#
# **By name:** `InstanceNoise(D, sd)` puts it before $D$; `sd` may be lowered between turns. In an ensemble the same game is
# `Blurred(G, sd)` with `blurred(batches, sd)`, where the noise comes from each game's own seed.

# %%
noisy = InstanceNoise(D(), sd=0.6)
for step in train(G(), noisy, batches(0), lr_g=2e-3, lr_d=2e-3, steps=60):
    noisy.sd = 0.6 * (1 - step.index / 60)  # down to 0 at the end
print(f"60 turns with noise that ended at {noisy.sd:g}; D's loss {step.d_loss:.2f}")

# %% [markdown]
# ## 3. Softer labels
#
# Another way to keep $D$ from being sure is to ask it for less: answer 0.9 to real points in place of 1, and still 0 to fakes.
# This is **one-sided label smoothing** (Salimans et al. 2016). With real label $\alpha$ and fake label $\beta$, the best
# $D$ minimises at each place $-p\,[\alpha\log D + (1-\alpha)\log(1-D)] - q\,[\beta\log D + (1-\beta)\log(1-D)]$, so
#
# $$D^* = \frac{\alpha p + \beta q}{p + q} .$$
#
# ### Exercise 07.2 · One side only
# *medium · core · 8 minutes.* $D$'s loss with real label `target` and fake label 0, from raw logits.


# %%
# exercise 07.2
def softer(real, fake, target):
    """D's cross-entropy on logits (n, 1): label `target` for real points, 0 for fakes. One number."""
    #: solution
    # -log D(x) is softplus(-logit), -log(1 - D(x)) is softplus(logit); a label between 0 and 1 takes its share of each.
    on_real = target * softplus(-real) + (1 - target) * softplus(real)
    return on_real.mean() + softplus(fake).mean()
    #: stub
    # return ...
    #: end


# %%
check("07.2", softer)

# %%
# hint("07.2")
# solution("07.2")

# %% [markdown]
# **By name:** `smooth(non_saturating, 0.9)`. Why one-sided? Goodfellow (2016) warns of $\beta > 0$. On the ring you would
# hardly notice, so look at $D^*$ itself, on a line: data around 2, fakes partly on the data and partly around $-2$, where
# no data is. The curves are the formula; descent on a free logit at each place checks it.

# %%
x, _ = toy.gaussian(0.0, 1.0).mesh(161, (-4, 4))
log_p = toy.gaussian(2.0, 0.5).log_prob(x).ravel()
log_q = toy.mixture([-2.0, 2.0], 0.5, [0.5, 0.5]).log_prob(x).ravel()
p, q, x = log_p.exp(), log_q.exp(), x.ravel()
labels = {"hard labels 1, 0": (1.0, 0.0), "one-sided 0.9, 0": (0.9, 0.0), "two-sided 0.9, 0.1": (0.9, 0.1)}


def added(a, b):
    """log(a p + b q), exact far out in the tails."""
    return torch.logaddexp(log_p + math.log(max(a, 1e-300)), log_q + math.log(max(b, 1e-300)))


def descended(a, b):
    """The best D by descent: a free logit at each place, where a share of p / (p + q) of the points is real."""
    logit = torch.zeros_like(x, requires_grad=True)
    opt = torch.optim.LBFGS([logit], max_iter=300)

    def closure():
        opt.zero_grad()
        cost = (((a * p + b * q) * softplus(-logit) + ((1 - a) * p + (1 - b) * q) * softplus(logit)) / (p + q)).sum()
        cost.backward()
        return cost

    opt.step(closure)
    return torch.sigmoid(logit.detach())


# %%
best = {name: added(a, b) - added(1 - a, 1 - b) for name, (a, b) in labels.items()}  # logit = log(D* / (1 - D*))
off_descent = {name: (torch.sigmoid(best[name]) - descended(*ab)).abs().max().item() for name, ab in labels.items()}
lone = (x + 2).abs() < 0.5  # where there are fakes and hardly any data
tilt = {name: (logit.diff() / x.diff())[lone[1:]].abs().mean().item() for name, logit in best.items()}
said = {name: torch.sigmoid(logit)[lone].mean().item() for name, logit in best.items()}

# %%
fig, (left, right_ax) = plot.figure(1, 2, width=10, height=3.4)
left.fill_between(x, p, color=plot.REAL, alpha=0.3, label="data p")
left.fill_between(x, q, color=plot.FAKE, alpha=0.4, label="fakes q")
left.legend()
left.set(xlabel="x", ylabel="density")
for (name, logit), colour in zip(best.items(), (plot.MUTED, plot.DIS, plot.GEN), strict=True):
    right_ax.plot(x, torch.sigmoid(logit), color=colour, label=name)
right_ax.set(xlabel="x", ylabel="the best D", ylim=(-0.02, 1.02))
right_ax.legend(fontsize=8)
plot.show(fig, "Left: data around 2, fakes around 2 and around -2. Right: around -2 the best D is 0 with hard and with "
          "one-sided labels, and flat at 0.1 with two-sided ones.")  # fmt: skip
for name in labels:
    print(f"{name:20} around -2: D* = {said[name]:.3f}, slope of its logit {tilt[name]:.2f};",
          f"by descent D* comes out within {off_descent[name]:.0e}")  # fmt: skip
assert tilt["two-sided 0.9, 0.1"] < 0.1 and tilt["one-sided 0.9, 0"] > 5

# %% [markdown]
# With two-sided labels, fakes that stand alone are answered a flat 0.1: the best $D$ has *no slope* there, so nothing
# tells them to leave. One-sided labels lower $D^*$ where the data is and leave that region alone. So much for the optimum.
# What a trained $D$ does in a game is another question, and we come to it.
#
# ## 4. Normalisation
#
# *Batch normalisation* (Ioffe & Szegedy 2015) shifts and scales each unit by the mean and deviation *of the batch*. It
# made deep generators trainable (Radford et al. 2016). In a discriminator it does something to the game: the verdict on
# one point depends on all others in the batch. Measure it: $\partial D(x_i)/\partial x_j$ for $j \neq i$.

# %%
CLOUDS = torch.tensor([[0.6, 0.0], [-0.6, 0.0]])  # a real and a fake cloud that do not overlap much


def judge(norm, width=24):
    """A discriminator with a normalisation after each hidden layer."""
    layers = [nn.Linear(2, width), norm(width), nn.LeakyReLU(0.2), nn.Linear(width, width), norm(width)]
    return nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Linear(width, 1))


def trained_on(judge, together, steps=100):
    """The share it gets right after `steps`, real and fake points in one batch together, or each in its own."""
    opt, hits = torch.optim.Adam(judge.parameters(), 3e-3, betas=(0.0, 0.99)), []
    for _ in range(steps):
        r, f = CLOUDS[:, None] + 0.2 * torch.randn(2, 64, 2)
        r, f = judge(torch.cat([r, f])).chunk(2) if together else (judge(r), judge(f))
        opt.zero_grad()
        (softplus(-r).mean() + softplus(f).mean()).backward()
        opt.step()
        hits.append(((r > 0).float().mean() + (f < 0).float().mean()).item() / 2)
    return np.mean(hits[-20:])


# %%
kinds = {"none": lambda width: nn.Identity(), "batch norm": nn.BatchNorm1d, "layer norm": nn.LayerNorm}
fig, axes = plot.figure(1, 3, width=9, height=2.9)
cross, seen = {}, {}
for ax, (name, norm) in zip(axes, kinds.items(), strict=True):
    torch.manual_seed(0)
    judges = [judge(norm) for _ in range(2)]
    seen[name] = {
        way: [trained_on(copy.deepcopy(j), way == "together") for j in judges] for way in ("together", "apart")
    }
    few = 0.5 * torch.randn(12, 2)
    how = torch.autograd.functional.jacobian(lambda x, one=judges[0]: one(x)[:, 0], few).norm(dim=2)  # (12, 12)
    cross[name] = ((how.sum() - how.diag().sum()) / 11 / how.diag().sum()).abs().item()
    ax.imshow(how, cmap="Greys", vmin=0)
    ax.set(title=f"D, norm: {name}", xlabel="point j", ylabel="point i", xticks=range(0, 12, 4), yticks=range(0, 12, 4))
    print(f"{name:10} |dD(x_i)/dx_j| / |dD(x_i)/dx_i| = {cross[name]:.3f}; right on",
          ", ".join(f"{spread(share)} ({way})" for way, share in seen[name].items()))  # fmt: skip
plot.show(fig, "How the verdict on point i depends on point j: only on the diagonal without normalisation and with layer "
          "normalisation; everywhere with batch normalisation.")  # fmt: skip

# %% [markdown]
# (In the pictures dark is a large slope; the number is a mean over $j$.) Two consequences. A penalty on $|\partial D(x)/\partial x|$ for each sample is no longer defined, since a sample has
# no slope of its own. And look at the last numbers: if real and fake points come in batches *of their own*, as in `train`,
# this $D$ cannot tell two clouds apart that lie side by side: each batch is shifted to the same mean before anybody looks.
# (Radford et al. 2016 leave it out of $D$'s first layer.) *Layer normalisation* (Ba et al. 2016) normalises within
# one point and couples nothing. *Spectral normalisation* (Miyato et al. 2018) bounds each layer's slope; lesson 08
# measures how tightly.
#
# ## 5. Which of them wakes a starved game?
#
# Back to the game of section 1: minimax, and $D$ has its head start under the same trick. Then 250 turns.

# %%
predict(
    "07.c",
    "Minimax after a head start of D, 250 turns. Which helps most?",
    ["Noise of 0.6 on what D sees", "One-sided labels", "Layer normalisation in D", "R1 on D"],
)


# %%
def normed():
    return judge(nn.LayerNorm)


tricks = {
    "noise 0.6": {"G": lambda: Blurred(G(), 0.6), "batches": lambda seed: blurred(batches(seed), 0.6, seed)},
    "one-sided": {"loss": smooth(minimax)},
    "layer norm": {"D": normed},
    "R1": {"penalties": [r1(0.2)]},
}
woken = {"nothing": outcome["minimax", "head start"][:4]}
for name, trick in tricks.items():
    rules = {"G": G, "D": D, "batches": batches, "loss": minimax, **trick}
    before = [{**rules, "seed": s, "lr_d": 3e-3, "g_steps": 0} for s in range(4)]
    alone = ensemble.train(G, D, batches, before, steps=HEAD_START)
    for _ in alone:
        pass
    trained = {k: alone.players(k) for k in range(4)}
    after = {**rules, "G": begin(0), "D": begin(1)}
    woken[name] = play(ensemble.train(G, D, batches, [{**after, "seed": s} for s in range(4)], steps=250))

# %%
starved = Table([{"trick": name, "JS": score} for name, scores in woken.items() for score in scores])
fig, ax = plot.figure(width=8, height=3.3)
starved.plot(ax, "JS", "trick", floor=FLOOR)
ax.axhline(BASELINE, color=plot.MUTED, linestyle="--", label="one Gaussian")
ax.legend(loc="upper right", ncols=4, fontsize=8)
plot.show(
    fig, "JS after a head start of D: at the ceiling with nothing, lowest with R1, with the others not far below it."
)
helps = [np.mean(woken[name]) for name in ("noise 0.6", "one-sided", "layer norm", "R1")]
reveal("07.c", truth=int(np.argmin(helps)), because="; ".join(f"{n} {spread(x)}" for n, x in woken.items()) + ".")
assert np.mean(woken["R1"]) < min(helps[:3]) and np.mean(woken["R1"]) < np.mean(woken["nothing"]) - 0.1

# %% [markdown]
# R1 wins, and it is the only one that says directly what we want: a $D$ that is not steep. Noise and layer
# normalisation help a little at best, and four seeds do not settle which of them helps more. The celebrated one-sided
# labels hardly help here: they make $D$ modest about *real* points,
# while the pull is felt at the *fakes*, where the wanted answer is still 0.
#
# ## 6. A bad beginning
#
# The pull has to pass through every layer. If all first weights are multiplied by $s$, a $D$ of three linear layers has a
# slope in proportion to $s^3$ (as long as $D$ is unsure), and even the last bias of $G$ gets no more than that. How
# far does Adam make up for it?

# %%
SCALES, EACH = [0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 10.0], 4


def scaled(make):
    """A factory that multiplies the weights: seeds 0 to 3 by the first scale, 4 to 7 by the second, and so on."""

    def made():
        net = make()
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.weight.data *= SCALES[torch.initial_seed() // EACH]
        return net

    return made


variants = [{"name": SCALES[k // EACH], "seed": k} for k in range(EACH * len(SCALES))]
games = ensemble.train(scaled(G), scaled(D), batches, variants, steps=250, lr_g=2e-3, lr_d=2e-3)
first = np.array([pulled(*games.players(k), non_saturating) for k in range(len(games))])
scores = play(games)
beginnings = Table(
    [{"scale": v["name"], "first pull": f, "JS": s} for v, f, s in zip(variants, first, scores, strict=True)]
)
beginnings.summary("scale", "first pull", "JS")

# %%
fig, (left, right_ax) = plot.figure(1, 2, width=10, height=3.2)
left.plot(beginnings["scale"], beginnings["first pull"].clip(1e-9), ".", color=plot.GEN)
left.set(xscale="log", yscale="log", xlabel="first weights times", ylabel="pull at turn 0")
beginnings.plot(right_ax, "JS", "scale", floor=FLOOR)
right_ax.set(xscale="log", xlabel="first weights times")
plot.show(fig, "Left: the first pull spans many powers of ten. Right: JS after 250 turns is lowest for weights one to a "
          "few times the usual ones, and near its ceiling for tiny and for huge ones.")  # fmt: skip
by_scale = {scale: group for scale, group in beginnings.groups("scale").items()}
power = math.log10(by_scale[0.3]["first pull"].mean() / by_scale[0.03]["first pull"].mean())
print(f"from scale 0.03 to 0.3 the pull grows by the power {power:.1f} of the scale")
print(f"{(first < 1e-9).sum()} games have a first pull below 1e-9, and are drawn there")
assert 2.3 < power < 4

# %% [markdown]
# Tiny weights: next to nothing gets through, and the first turns go into growing weights, not into learning. Huge
# weights: $D$ is sure before it has learned anything, and where it is sure that a fake is *real*, the pull is 0. He et al. (2015) choose the scale so that signals keep their size from
# layer to layer. Adam forgives a factor of a few; it does not forgive every factor.
#
# ## 7. The map of outcomes
#
# Now both learning rates, ten values each: one hundred games, in one cell. The loss is non-saturating, Adam without
# momentum. Each ending is named by a rule. The first line that fits decides; the *way* is how far a fake (of the same
# $z$) moves in 50 turns, the spread is the root mean square distance from the fakes' centre:
#
# | outcome | measured sign |
# |---|---|
# | diverged | not finite, or the fakes lie farther than 3 from the middle on average (the ring's radius is 1) |
# | vanished | $D$ is right on 98 % or more, and the pull is below 0.01 |
# | converged | 7 modes or more, JS below that of one Gaussian, way below 0.35 |
# | slow | way below 0.15, and not there |
# | collapsed | spread below half of the data's |
# | oscillating | all others: they move, they are spread out, and they are not there |

# %%
predict(
    "07.d",
    "Rates from 0.00003 to 1 for each player, 400 turns. How many of the 100 games will have converged?",
    ["fewer than 10", "10 to 30", "30 to 60", "more than 60"],
)

# %%
rates = [float(f"{rate:.2g}") for rate in np.logspace(-4.5, 0, 10)]
grid = ensemble.train(G, D, batches, ensemble.product(lr_g=rates, lr_d=rates), steps=400)
for step in grid:
    if step.index == 350:
        earlier = grid.sample(500)
made = grid.sample(2500)

# %%
OUTCOMES = ["diverged", "vanished", "collapsed", "oscillating", "slow", "converged"]


def named(x, before, players, loss):
    """The outcome of a game, from its fakes (2500, 2), those of 50 turns before (500, 2) and its two players."""
    if not x.isfinite().all() or x.norm(dim=1).mean() > 3:
        return "diverged"
    if right(*players) >= 0.98 and pulled(*players, loss) < 0.01:
        return "vanished"
    way = (x[:500] - before).norm(dim=1).mean()
    if metrics.modes_covered(x, ring) >= 7 and js(x) < BASELINE and way < 0.35:
        return "converged"
    if way < 0.15:
        return "slow"
    return "collapsed" if (x - x.mean(0)).norm(dim=1).square().mean().sqrt() < 0.5 else "oscillating"


def sort(games, made, earlier, loss):
    """A table row for each game: its rates, JS, and its outcome as a word and as a number."""
    rows = []
    for k, (x, before) in enumerate(zip(made, earlier, strict=True)):
        word = named(x, before, games.players(k), loss)
        rows.append({**games.variants[k], "JS": js(x), "outcome": word, "kind": OUTCOMES.index(word)})
    return Table(rows)


table = sort(grid, made, earlier, non_saturating)
tally = {word: int((table["outcome"] == word).sum()) for word in OUTCOMES}
print(tally)

# %%
from matplotlib.colors import ListedColormap

INKS = ListedColormap(["#000000", plot.THEORY, plot.GEN, plot.FAKE, "#D0D0D0", plot.REAL])


def chart(ax, table, title):
    """A square for each game: its outcome as a colour and as a letter."""
    xs, ys = (sorted(set(table[name].tolist())) for name in ("lr_d", "lr_g"))
    cells = np.array([[table.where(lr_g=y, lr_d=x)[0]["kind"] for x in xs] for y in ys])
    ax.imshow(cells, origin="lower", cmap=INKS, vmin=-0.5, vmax=5.5)
    for (i, j), kind in np.ndenumerate(cells):
        letter = "dvcosC"[kind]
        ax.text(j, i, letter, ha="center", va="center", fontsize=8, color="white" if kind in (0, 2, 5) else "black")
    ax.set_xticks(range(len(xs)), [f"{x:g}" for x in xs], rotation=60)
    ax.set_yticks(range(len(ys)), [f"{y:g}" for y in ys])
    ax.set(xlabel="learning rate of D", ylabel="learning rate of G", title=title)


fig, (left, right_ax) = plot.figure(1, 2, width=10.5, height=4.6)
chart(left, table, "d diverged, v vanished, c collapsed, o oscillating,\ns slow, C converged")
table.map(right_ax, "JS", "lr_d", "lr_g")
plot.show(
    fig,
    "Left: outcomes over both learning rates: a patch of converged games, most of them where D learns faster than G; "
    "collapsed, oscillating and diverged ones above and to the left, slow ones below. Right: the same as JS.",
)

# %%
reveal(
    "07.d",
    truth=int(np.digitize(tally["converged"], [10, 30, 61])),
    because="The count: " + ", ".join(f"{word} {n}" for word, n in tally.items()) + ".",
)

# %% [markdown]
# Choose a square and look at its fakes: the arrow keys or the pointer. Begin with the converged ones, and walk out of the
# patch on each side.

# %%
shown = Table([{name: row[name] for name in ("lr_g", "lr_d", "JS", "outcome")} for row in table])
outcomes = Outcomes(shown, "JS", "lr_d", "lr_g", made, ring)
nearest = shown[int(np.nanargmin(shown["JS"]))]
outcomes.cell = [rates.index(nearest["lr_d"]), rates.index(nearest["lr_g"])]  # where the look begins
show(outcomes, picture(outcomes), "The map of JS over both learning rates, and the fakes of the chosen game.")

# %% [markdown]
# What the map says:
#
# - **Only a patch is habitable**, and most of it lies where $D$ is the faster player. Below it $G$ is too slow to get
#   anywhere in 400 turns; above and left of it, where $G$ is fast or $D$ slow, games collapse, swing, or fly away.
# - **The edges differ.** Below the patch the fakes have hardly moved yet: a longer game may still arrive. Above it they
#   move a lot, and not to the data, or lie in one heap.
# - **Vanished gradients** are rare or absent (the tally says), since the loss is non-saturating. See the same map,
#   coarser, under minimax:

# %%
coarse = ensemble.train(G, D, batches, ensemble.product(lr_g=rates[::2], lr_d=rates[1::2]), steps=300, loss=minimax)
for step in coarse:
    if step.index == 250:
        earlier = coarse.sample(500)
starving = sort(coarse, coarse.sample(2500), earlier, minimax)
corner = [k for k in range(len(grid)) if grid.variants[k]["lr_d"] == rates[-1] and grid.variants[k]["lr_g"] <= rates[2]]
corner_pulls = [pulled(*grid.players(k), non_saturating) for k in corner]
corner_right = [right(*grid.players(k)) for k in corner]

# %%
fig, ax = plot.figure(width=5, height=3.9)
chart(ax, starving, "minimax")
plot.show(fig, "Outcomes under minimax on a coarser grid: vanished games where D learns fastest.")
lost = int((starving["outcome"] == "vanished").sum())
print(f"minimax: {lost} of {len(starving)} games vanished; non-saturating: {tally['vanished']} of {len(table)}")
print(
    f"the non-saturating corner with the fastest D and a slow G: D is right on {np.mean(corner_right):.0%},\n"
    f"the pull is {np.median(corner_pulls):.0f}, and JS {spread([table[k]['JS'] for k in corner])}"
)
quicker = [row["lr_d"] > row["lr_g"] for row in table.rows if row["outcome"] == "converged"]
assert np.mean(quicker) > 0.5 and lost / len(starving) > tally["vanished"] / len(table)

# %% [markdown]
# The same corner of the first map has an all but perfect detective, too, and a pull that is *huge*. It still gets no closer than the JS says.
# Two illnesses with the same sure $D$: only the pull tells them apart.
#
# ## 8. Pace: momentum and two time scales
#
# **Momentum.** DCGAN's recipe has Adam with $\beta_1 = 0.5$ (Radford et al. 2016); Adam's own default is 0.9. Lesson 04:
# momentum feeds a rotation. Six seeds each, both rates 0.002:

# %%
predict(
    "07.e",
    "Which momentum gives the lowest JS after 300 turns?",
    ["0: momentum feeds the rotation", "0.5: the recipe", "0.9: Adam's default", "no difference beyond the seeds"],
)


# %%
def adam(beta):
    return lambda parameters, lr: torch.optim.Adam(parameters, lr, betas=(beta, 0.99), fused=True)


BETAS = {beta: adam(beta) for beta in (0.0, 0.5, 0.9)}
variants = [{"name": beta, "opt": opt, "seed": s} for beta, opt in BETAS.items() for s in SEEDS]
scores = play(ensemble.train(G, D, batches, variants, steps=300, lr_g=2e-3, lr_d=2e-3))
pushed = Table([{"momentum": v["name"], "JS": s} for v, s in zip(variants, scores, strict=True)])

# %% [markdown]
# **Two time scales.** Now keep momentum at 0.5, where games swing, keep the *product* of the two rates as well, and change
# their ratio only. (Heusel et al. 2017 call unequal rates the two time-scale update rule, TTUR. Lesson 04: in the
# Dirac game the ratio matters as soon as there is something that damps.)

# %%
RATIOS = [1 / 16, 1 / 4, 1.0, 4.0, 16.0]
variants = [
    {"name": ratio, "seed": s, "lr_g": 2e-3 / math.sqrt(ratio), "lr_d": 2e-3 * math.sqrt(ratio)}
    for ratio in RATIOS
    for s in SEEDS
]
scores = play(ensemble.train(G, D, batches, variants, steps=300, opt=BETAS[0.5]))
paces = Table([{"lr_d / lr_g": v["name"], "JS": s} for v, s in zip(variants, scores, strict=True)])
fig, (left, right_ax) = plot.figure(1, 2, width=10, height=3.3)
for ax, found_here, by in ((left, pushed, "momentum"), (right_ax, paces, "lr_d / lr_g")):
    found_here.plot(ax, "JS", by, floor=FLOOR)
    ax.axhline(BASELINE, color=plot.MUTED, linestyle="--", label="one Gaussian")
    ax.legend(fontsize=8)
right_ax.set_xscale("log", base=4)
right_ax.set_xticks(RATIOS, ["1/16", "1/4", "1", "4", "16"])
right_ax.minorticks_off()
plot.show(fig, "Left: JS rises with momentum. Right: with the product of the rates kept, JS is lowest where D learns "
          "four times as fast as G, and near its ceiling where G is the faster one.")  # fmt: skip

# %%
by_beta = {beta: group["JS"] for beta, group in pushed.groups("momentum").items()}
by_ratio = {ratio: group["JS"] for ratio, group in paces.groups("lr_d / lr_g").items()}
means = [x.mean() for x in by_beta.values()]
reveal(
    "07.e",
    truth=3 if max(means) - min(means) < 0.05 else int(np.argmin(means)),
    because="; ".join(f"momentum {beta:g}: {spread(x)}" for beta, x in by_beta.items()) + ".",
)
print("D's rate over G's:", "; ".join(f"{ratio:g}: {spread(x)}" for ratio, x in by_ratio.items()))
assert by_beta[0.9].mean() > by_beta[0.0].mean() and by_ratio[4.0].mean() < by_ratio[0.25].mean() - 0.05

# %% [markdown]
# Compare with what the seeds differ by: from no momentum to 0.9, and from equal rates to a $D$ four times as fast, the
# step is larger. From 0 to 0.5 alone it is not so clear. A faster $D$ makes up for the momentum that we had put in.
#
# ### Exercise 07.3 · Momentum by accident
# *medium · core · 8 minutes · find the planted bug.* A colleague's loop swings, although the optimisers have no momentum.
# Each line looks right. Think of what each `.grad` holds at each moment, mend it, and keep the order of the two updates.


# %%
# exercise 07.3
def one_turn(G, D, opt_g, opt_d, real, z):
    """One turn of the non-saturating game: D's update, then G's against the new D. Called again and again."""
    #: solution
    # G's backward pass leaves gradients in D as well (it went through D). Cleared *after* it, or right before D's own
    # backward pass, they do no harm; cleared where the colleague did, they stay, and D's next step helps G.
    opt_d.zero_grad()
    #: stub
    # return ...  # take this line out when you have mended the rest (nothing is wrong with the losses)
    #: end
    d_loss = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()
    d_loss.backward()
    opt_d.step()
    opt_d.zero_grad()
    opt_g.zero_grad()
    g_loss = softplus(-D(G(z))).mean()
    g_loss.backward()
    opt_g.step()


# %%
check("07.3", one_turn)

# %%
# hint("07.3")
# solution("07.3")

# %% [markdown]
# ## 9. Which of them calms a swinging game?
#
# The game of section 8 with momentum 0.5 and equal rates swings. So, against this illness: what of the tricks that were meant
# for the other?

# %%
predict(
    "07.f",
    "A swinging game, 300 turns, one thing changed. Which helps least?",
    ["momentum 0", "D four times as fast as G", "three steps of D a turn", "noise of 0.3 on what D sees"],
)

# %%
calmed = {"nothing": by_beta[0.5], "momentum 0": by_beta[0.0], "D 4 times as fast": by_ratio[4.0]}
remedies = {
    "three steps of D": {"d_steps": 3},
    "R1, weight 1": {"penalties": [r1(1.0)]},
    "layer norm": {"D": normed},
    "noise 0.3": {"G": lambda: Blurred(G(), 0.3), "batches": lambda seed: blurred(batches(seed), 0.3, seed)},
    "one-sided": {"loss": smooth(non_saturating)},
}
for name, remedy in remedies.items():
    rules = {"opt": BETAS[0.5], "lr_g": 2e-3, "lr_d": 2e-3, **remedy}
    calmed[name] = play(ensemble.train(G, D, batches, [{**rules, "seed": s} for s in range(4)], steps=300))
swinging = Table([{"change": name, "JS": score} for name, scores in calmed.items() for score in scores])

# %%
fig, ax = plot.figure(width=9, height=3.4)
swinging.plot(ax, "JS", "change", floor=FLOOR)
ax.axhline(BASELINE, color=plot.MUTED, linestyle="--", label="one Gaussian")
ax.legend(loc="upper right", ncols=4, fontsize=8)
plot.show(fig, "JS of a swinging game: lower with no momentum, a faster D, three steps of D, R1 and layer normalisation; "
          "about as before with noise and with one-sided labels.")  # fmt: skip
asked = [np.mean(calmed[name]) for name in ("momentum 0", "D 4 times as fast", "three steps of D", "noise 0.3")]
reveal("07.f", truth=int(np.argmax(asked)), because="; ".join(f"{n} {spread(x)}" for n, x in calmed.items()) + ".")
assert np.mean(calmed["three steps of D"]) < np.mean(calmed["nothing"]) - 0.05

# %% [markdown]
# (Momentum 0 helps on average, but its seeds lie far apart.) A swinging game does not lack signal, so what restores signal does not calm it. And "do not let $D$ get too strong"
# would have been the wrong advice: three steps of $D$ help as much as anything.
#
# ### Averaging
#
# The average of $G$'s weights over the last turns plays no part in the game; one only samples from it (Yazıcı et al.
# 2019). The average of a swing is near its centre (lesson 04). Does it hold in a network? Take a game that stays at the
# data but jitters (R1, high rates), the quiet one with lower rates, and the swinging one above.

# %%
shaky = {"quiet": {"lr_g": 1e-3, "lr_d": 4e-3}, "jittering": {"lr_g": 5e-3, "lr_d": 2e-2}}
variants = [{"seed": s, **rule} for rule in shaky.values() for s in range(4)]
both = {}
for name, average in (("last", None), ("average", 0.99)):
    both[name] = play(ensemble.train(G, D, batches, variants, steps=500, penalties=[r1(0.2)], average=average)).reshape(
        2, 4
    )
swung = {"opt": BETAS[0.5], "lr_g": 2e-3, "lr_d": 2e-3, "average": 0.99}
averaged_swing = play(ensemble.train(G, D, batches, [{**swung, "seed": s} for s in range(4)], steps=300))
for i, name in enumerate(shaky):
    print(f"{name:10} last weights: JS {spread(both['last'][i])}   averaged: {spread(both['average'][i])}")
print(f"{'swinging':10} last weights: JS {spread(calmed['nothing'][:4])}   averaged: {spread(averaged_swing)}")
assert both["average"][1].mean() < both["last"][1].mean() - 0.02

# %% [markdown]
# Averaging gains where a game *jitters* around a good place. Elsewhere it gains little or nothing: where $G$ still learns, an average
# lags behind, and where the fakes run from mode to mode, the average of two collapsed generators is no good generator.
#
# ## 10. Dirac's picture in a real network
#
# Lesson 04 had two numbers, and eigenvalues of a $2\times2$ matrix. Here are two networks with smooth units, 50 weights in all, on data of
# width 0.1 around 0. To see nothing but the game, take away chance: every turn has the same 64 real points and the same
# 64 noises, and plain gradient descent.

# %%
EVEN = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(64) + 0.5).view(-1, 1) / 64)  # evenly spread
WIDTH, PENALTY = 0.1, r1(1.0)


def pair(seed):
    torch.manual_seed(seed)
    G = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    D = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    G.z_dim = 1
    return G, D


def centre_of(G):
    with torch.no_grad():
        return G(EVEN).mean().item() / WIDTH


def descend(players, turns, lr, penalties=(), push=0.0):
    """Play copies of the two on; push: first move G's fakes aside, in widths. The players, and the fakes' centre a turn."""
    G, D = copy.deepcopy(players)
    G[2].bias.data += push * WIDTH
    opts = {"opt_g": torch.optim.SGD(G.parameters(), lr), "opt_d": torch.optim.SGD(D.parameters(), lr)}
    same = itertools.repeat(WIDTH * EVEN)
    game = train(G, D, same, noise=lambda n: EVEN, penalties=penalties, steps=turns, **opts)
    return (G, D), np.array([centre_of(G) for _ in game])


settled = {seed: descend(pair(seed), 500, 0.3, [PENALTY])[0] for seed in range(3)}

# %% [markdown]
# With R1 the games have come close to rest. There we ask for $J$, the $50\times50$ matrix of how each weight's gradient
# changes with each weight: `eigen.jacobian`, by automatic differentiation. Once *without* the penalty and once with it,
# at the very same weights. Dirac's game had $\pm\tfrac i2$ without, and $-\tfrac\gamma2 \pm \dots$ with.

# %%
predict(
    "07.g",
    "Where are the eigenvalues of the game without R1?",
    [
        "all on the real line, as in the descent of one loss",
        "mostly near 0, and a pair close to the imaginary axis, far from the real line",
        "spread evenly over the plane",
    ],
)

# %%
J = {
    name: [eigen.jacobian(*settled[seed], non_saturating, WIDTH * EVEN, EVEN, weights) for seed in settled]
    for name, weights in {"no penalty": (), "R1": (PENALTY,)}.items()
}
spectra = {name: [torch.linalg.eigvals(matrix) for matrix in matrices] for name, matrices in J.items()}
fig, axes = plot.figure(1, 2, width=9, height=3.6)
for ax, (name, found_here) in zip(axes, spectra.items(), strict=True):
    for seed, marker, colour in zip(settled, "o^s", (plot.REAL, plot.GEN, plot.DIS), strict=True):
        values = found_here[seed]
        ax.plot(values.real, values.imag, marker, color=colour, markersize=6, fillstyle="none", label=f"game {seed}")
    ax.axvline(0, color=plot.MUTED, linewidth=1)
    ax.set(title=name, xlabel="real part", ylabel="imaginary part", xlim=(-2.6, 0.4), ylim=(-1.3, 1.3))
axes[0].legend(loc="lower left", fontsize=8)
plot.show(fig, "Eigenvalues of three games. Without penalty a pair lies close to the imaginary axis at height near one; "
          "with R1 the pair has moved far to the left. Most others are near 0.")  # fmt: skip
turning = [values[values.imag.argmax()].item() for values in spectra["no penalty"]]
held = [values[(values.imag >= 0) & (values.abs() > 0.4)].real.max().item() for values in spectra["R1"]]
print("the turning pair without penalty:", ", ".join(f"{v.real:+.2f} ± {v.imag:.2f} i" for v in turning))
print("with R1, the slowest of those that are not near 0 has real part:", ", ".join(f"{v:+.2f}" for v in held))

# %%
reveal(
    "07.g",
    truth=1
    if all(v.imag > 0.4 and abs(v.real) < 0.3 * v.imag for v in turning)
    else 2
    if min(v.imag for v in turning) > 0.05
    else 0,
    because="Three games, one pair each: " + ", ".join(f"{v.real:+.2f} ± {v.imag:.2f} i" for v in turning) + ".",
)

# %% [markdown]
# One pair out of fifty eigenvalues is Dirac's: hardly any damping, and a rotation. The many near 0 are directions in which the
# players can change their weights without changing what they do. The one far to the left, on the real line, is $D$'s alone: the
# level of all its answers, real and fake alike, which its own loss settles at once. (The plane has room for surprises: some seeds
# have a second, slow pair, or a small positive real part.)
#
# **What this predicts.** With rate $h$ a pair $a \pm ib$ turns by about $hb$ a turn, so the swing has the period
# $2\pi/(hb)$; and its size changes by the factor $e^{ha}$ a turn, so a small positive $a$ is a swing that grows. Push the fakes aside by a tenth of the data's width, and watch.

# %%
RATE, TURNS = 0.1, 260
runs = {
    name: [descend(settled[seed], TURNS, RATE, weights, push=0.1)[1] for seed in settled]
    for name, weights in {"no penalty": (), "R1": (PENALTY,)}.items()
}


def period(path):
    """Turns for one swing: from the times at which the path crosses its own middle, a straight line fitted away."""
    t = np.arange(len(path))
    path = path - np.polyval(np.polyfit(t, path, 1), t)
    crossings = t[1:][np.diff(np.sign(path)) != 0]
    return 2 * (crossings[-1] - crossings[0]) / (len(crossings) - 1)


expected = [2 * math.pi / (RATE * v.imag) for v in turning]
measured = [period(path) for path in runs["no penalty"]]
fig, axes = plot.figure(1, 3, width=10, height=2.8)
for seed, ax in enumerate(axes):
    ax.plot(runs["no penalty"][seed], color=plot.REAL, label="no penalty")
    ax.plot(runs["R1"][seed], color=plot.GEN, linestyle="--", label="R1")
    ax.set(xlabel="turn", ylabel="fakes' centre, in widths" if seed == 0 else "", title=f"game {seed}")
axes[0].legend(fontsize=8)
plot.show(fig, "After a push the fakes' centre swings on and on without penalty; with R1 it comes to "
          "rest within one swing.")  # fmt: skip
for seed in settled:
    print(f"game {seed}: a swing should take {expected[seed]:.0f} turns; measured {measured[seed]:.0f}")
assert np.allclose(measured, expected, rtol=0.2)

# %% [markdown]
# And the rate? Under *simultaneous* gradient descent each eigenvalue $\lambda$ of $J$ multiplies its direction by
# $1 + h\lambda$ a step.
#
# ### Exercise 07.4 · The largest stable rate
# *hard · useful · 12 minutes.* From the eigenvalues, the rate below which every $|1 + h\lambda| < 1$. If some
# eigenvalue does not shrink at any positive rate, the answer is 0. (Mescheder, Nowozin & Geiger 2017 discuss it.)


# %%
# exercise 07.4
def largest_rate(eigenvalues):
    """The supremum of all h with |1 + h lambda| < 1 for each of the complex eigenvalues (P,); 0 if there is none."""
    #: solution
    # |1 + h(a + ib)|^2 = 1 + 2ha + h^2 |lambda|^2 is below 1 exactly for 0 < h < -2a / |lambda|^2.
    if (eigenvalues.real >= 0).any():
        return 0.0
    return (-2 * eigenvalues.real / eigenvalues.abs().square()).min().item()
    #: stub
    # return ...
    #: end


# %%
check("07.4", largest_rate)

# %%
# hint("07.4")
# solution("07.4")

# %% [markdown]
# The formula says: with $|b| \gg |a|$ the rate must be below about $2|a|/b^2$. Rotation makes small steps necessary, even where
# the game is stable.
#
# `train` takes turns, so its step is $(I + hE_GJ)(I + hE_DJ)$, where $E$ keeps one player's rows: `eigen.turn`. The limit is here
# where the largest modulus passes 1.2: a small push is then tenfold in 13 turns or fewer. We look for this rate, and then play
# below and above it.


# %%
def growth(matrix, lr):
    """By how much a small push grows in one alternating turn, in the worst direction."""
    return torch.linalg.eigvals(eigen.turn(matrix, 25, lr, lr)).abs().max().item()


def limit(matrix):
    low, high = 0.2, 4.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if growth(matrix, middle) < 1.2 else (low, middle)
    return low


limits, reach = {}, {}
for name, weights in {"no penalty": (), "R1": (PENALTY,)}.items():
    limits[name] = [limit(matrix) for matrix in J[name]]
    for times in (0.85, 1.2):
        paths = [descend(settled[s], 25, times * limits[name][s], weights, push=0.02)[1] for s in settled]
        reach[name, times] = [
            abs(path - centre_of(settled[s][0])).max() for s, path in zip(settled, paths, strict=True)
        ]
print("how far a push of 0.02 widths grows in 25 turns, in widths, in each of the three games:")
for (name, times), found_here in reach.items():
    rates_here = ", ".join(f"{times * h:.2f}" for h in limits[name])
    print(f"{name:10} at {times:4} of the limit (rates {rates_here}): at most",
          ", ".join(f"{v:5.2f}" for v in found_here))  # fmt: skip
for name, found_here in limits.items():
    print(f"mean limit, {name}: {np.mean(found_here):.2f}")
assert all(max(reach[name, 0.85]) < 0.2 < min(reach[name, 1.2]) for name in limits)

# %% [markdown]
# The prediction holds on both sides. And look at the limits themselves: here **R1 lowers them** (see the means). It damps the rotation, and for this it puts
# eigenvalues far to the left, where a large step overshoots. A penalty that is right at one rate is too much at another;
# lesson 04's "too much friction", in a network. What eigenvalues cannot say is what happens far from rest: there is the map for that.
#
# ## 11. The consulting room
#
# Four games on the ring, 300 turns each. One is well.

# %%
from gan_course.checks.patients07 import admit, chart_of

charts = {name: admit(name) for name in "ABCD"}
fig, axes = plot.figure(3, 4, width=11, height=7)
for column, (name, chart_here) in enumerate(charts.items()):
    chart_of(axes[:, column], chart_here, ring)
    axes[0, column].set_title(f"patient {name}")
plot.show(
    fig,
    "For four patients: both losses over the turns; the pull on G over the turns, on a logarithmic scale; and the fakes "
    "beside the data at the end. The table below has the same in numbers.",
)
print("patient   D's loss   G's loss       pull   D is right   modes   way in 25 turns   distance from the middle")
for name, seen_here in charts.items():
    print(f"{name:7} {seen_here.d_loss[-50:].mean():10.2f} {seen_here.g_loss[-50:].mean():z10.2f} "
          f"{np.median(seen_here.pull[-3:]):10.4f} {seen_here.right:12.2f} {metrics.modes_covered(seen_here.fakes, ring):7} "
          f"{seen_here.way:17.3f} {seen_here.fakes.norm(dim=1).mean():26.2f}")  # fmt: skip

# %% [markdown]
# ### Exercise 07.5 · Four charts
# *medium · core · 8 minutes · diagnose these runs.* Name for each: `"vanishing gradient"`, `"diverged"`,
# `"oscillating"` or `"healthy"`. Use the pull, the way and the distance; the losses alone will not do.

# %%
# exercise 07.5
#: solution
# A moves far and stays around the data. B has a sure D and next to no pull. D's fakes have left for good. C is well.
diagnosis = {"A": "oscillating", "B": "vanishing gradient", "C": "healthy", "D": "diverged"}
#: stub
# diagnosis = {"A": ..., "B": ..., "C": ..., "D": ...}
#: end

# %%
check("07.5", diagnosis)

# %%
# hint("07.5")
# solution("07.5")

# %% [markdown]
# ### Exercise 07.6 · Cure the one that swings
# *medium · core · 8 minutes.* Its rules: the networks of this lesson, non-saturating loss, Adam with momentum 0.5, both
# rates 0.002. Change **one** setting, but not the optimiser: a dictionary such as `{"loss": hinge}`. The settings are those of
# `ensemble.train`: `loss`, `penalties`, `lr_g`, `lr_d`, `d_steps`, `g_steps`, `average`, `D`. The check plays four
# fresh seeds for 400 turns and asks each for a JS below 0.5 (the patient: above it on each).

# %%
# exercise 07.6
#: solution
# It does not lack signal: the detective is too slow for this generator. So a faster D (TTUR); three steps of D do as well.
cure = {"lr_d": 8e-3}
#: stub
# cure = ...
#: end

# %%
check("07.6", cure)

# %%
# hint("07.6")
# solution("07.6")

# %% [markdown]
# ### One more, live
#
# The laboratory's patient with a starved generator: minimax, a $D$ that is sure, and a $G$ with plain gradient descent, whose
# steps are as small as its pull. Press *Play*. Then try R1, the non-saturating loss, a slower $D$: one at a time, with
# *Fork here*. Which of them brings a pull, and which of these brings the fakes to the data?

# %%
from gan_course.widgets.laboratory import Laboratory

ward = Laboratory(trained=False, panels=["controls", "charts", "timeline"])
ward.ill("vanishing")
print(f"turn {ward.run.turn}: D is right on {ward.run.look().right:.0%} of the points")
ward

# %% [markdown]
# ## 12. What is not true
#
# Each line with this notebook's figures (JS: mean ± standard deviation over seeds; floor and baseline as printed at the
# top).

# %%
untrue = {
    "Train D to optimality first": f"after {HEAD_START} steps of head start both losses ended at JS "
    f"{spread(outcome['minimax', 'head start'])} and {spread(outcome['non-saturating', 'head start'])}; without one at "
    f"{spread(outcome['minimax', 'none'])} and {spread(outcome['non-saturating', 'none'])}",
    "A strong D is always bad": f"three steps of D a turn brought a swinging game from {spread(calmed['nothing'])} to "
    f"{spread(calmed['three steps of D'])}",
    "The non-saturating loss cures a perfect detective": f"its pull was {felt['non-saturating'][-1].mean():.0f} "
    f"where minimax had {felt['minimax'][-1].mean():.2g}, and after 250 turns its JS was still "
    f"{spread(outcome['non-saturating', 'head start'])}",
    "D and G need equal learning rates": f"with their product kept, equal rates gave {spread(by_ratio[1.0])}, D four times "
    f"as fast {spread(by_ratio[4.0])}, and G four times as fast {spread(by_ratio[0.25])}",
    "Batch normalisation prevents vanishing gradients, so put it in D": f"it tied the samples together (cross slope "
    f"{cross['batch norm']:.0%} of the own one), and this D was right on {spread(seen['batch norm']['apart'])} of two clouds "
    f"that one without it told apart ({spread(seen['none']['apart'])})",
    "Two-sided label smoothing is harmless": f"among lone fakes the best D says {said['two-sided 0.9, 0.1']:.2f}, with "
    f"slope {tilt['two-sided 0.9, 0.1']:.2f}; one-sided {said['one-sided 0.9, 0']:.3f}, with slope "
    f"{tilt['one-sided 0.9, 0']:.0f}",
    "The last iterate is best": f"jittering games: last {spread(both['last'][1])}, averaged {spread(both['average'][1])}",
    "Averaging cures instability": f"swinging games: last {spread(calmed['nothing'][:4])}, averaged {spread(averaged_swing)}",
    "A trick that works, works": f"layer normalisation took the swinging game from {spread(calmed['nothing'])} to "
    f"{spread(calmed['layer norm'])}, and the starved one only from {spread(woken['nothing'])} to {spread(woken['layer norm'])}",
}
say("\n".join(f"- *{claim}.* Here: {fact}." for claim, fact in untrue.items()))

# %% [markdown]
# ## Quiz

# %%
quiz("07")

# %% [markdown]
# ## Recap
#
# | illness | sign | cause | what helped here | what did not |
# |---|---|---|---|---|
# | starved | $D$ sure, pull near 0, fakes stand still | supports that do not meet; tiny first weights; minimax | R1; noise, layer norm a little | one-sided labels; the loss alone |
# | pushed | $D$ sure, pull huge, fakes go nowhere | the same, with the non-saturating loss | not to give $D$ a head start | Adam |
# | swinging | pull of ordinary size, fakes go far and come back | momentum; $G$ as fast as $D$ or faster | faster $D$, more steps of $D$, R1, layer norm; less surely no momentum | noise, softer labels, averaging |
# | jittering | near the data, never still | large rates | averaging | |
# | diverged | fakes leave, losses grow | $D$ far too slow, or nothing that bounds it | lower the rate of $G$, raise $D$'s | |
#
# - **Measure the pull.** $D$'s loss is near 0 in a starved game and in a pushed one alike.
# - **The map** of outcomes has one patch that is habitable. It lies where $D$ is the faster player.
# - **Eigenvalues**: one pair near the imaginary axis is Dirac's whirl. They foretell the period, and the rate at which it breaks.
#
# Next: lesson 08, losses and regularisers, each for what it claims.
#
# ## Sources
#
# The sections named are those of this lesson.
#
# - M. Arjovsky, L. Bottou (2017), *Towards Principled Methods for Training Generative Adversarial Networks*: thin
#   supports, perfect discriminators, noise (sections 2 and 5).
# - M. Arjovsky, S. Chintala, L. Bottou (2017), *Wasserstein GAN*: Example 1 (section 2).
# - J. L. Ba, J. R. Kiros, G. E. Hinton (2016), *Layer Normalization* (section 4).
# - I. Goodfellow (2016), *NIPS 2016 Tutorial: Generative Adversarial Networks*: one-sided labels (section 3).
# - K. He, X. Zhang, S. Ren, J. Sun (2015), *Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
#   Classification*: first weights (section 6).
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter (2017), *GANs Trained by a Two Time-Scale Update
#   Rule Converge to a Local Nash Equilibrium* (section 8).
# - S. Ioffe, C. Szegedy (2015), *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
#   Shift* (section 4).
# - L. Mescheder, S. Nowozin, A. Geiger (2017), *The Numerics of GANs*: eigenvalues of the game and the step size (section
#   10); L. Mescheder, A. Geiger, S. Nowozin (2018), *Which Training Methods for GANs do actually Converge?*: R1.
# - T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida (2018), *Spectral Normalization for Generative Adversarial Networks*
#   (section 4).
# - A. Radford, L. Metz, S. Chintala (2016), *Unsupervised Representation Learning with Deep Convolutional Generative
#   Adversarial Networks*: batch normalisation and momentum (sections 4 and 8).
# - T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen (2016), *Improved Techniques for Training
#   GANs*: one-sided label smoothing (section 3).
# - C. K. Sønderby, J. Caballero, L. Theis, W. Shi, F. Huszár (2017), *Amortised MAP Inference for Image
#   Super-resolution*: instance noise (section 2).
# - Y. Yazıcı, C.-S. Foo, S. Winkler, K.-H. Yap, G. Piliouras, V. Chandrasekhar (2019), *The Unusual Effectiveness of
#   Averaging in GAN Training* (section 9).
