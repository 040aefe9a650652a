# %% [markdown]
# # 03 · What does the game compute?
#
# **You will work out what the two players of lesson 02 were computing: the discriminator a *ratio*, the game as a whole a
# *distance*; which distance, the generator's loss decides. Each formula is derived, and then measured.**
#
# You need: lesson 02 (you have written the loop by hand), derivatives, and an expectation as an integral.
#
# Time: about 90 minutes with the exercises. The notebook itself runs in 27 seconds on two processor cores.
#
# Afterwards you can
#
# - derive the optimal discriminator, $D^* = p/(p+q)$, and say where a trained one will not match it;
# - turn a discriminator's logits into an estimate of the Jensen-Shannon divergence, and say on which side it errs;
# - say what a Nash equilibrium is, test whether a small game has one, and tell a $D = \tfrac12$ that means something from
#   one that does not;
# - compute what the minimax and the non-saturating loss each pass on to the generator, and what each of them descends;
# - look at a log of logits and gradients, and name the loss and the illness.

# %%
import math
from itertools import pairwise

import torch
from torch import nn
from torch.autograd import grad
from torch.nn.functional import leaky_relu, logsigmoid

from gan_course import device, metrics, minimax, nets, non_saturating, plot, toy, train
from gan_course.checks import check, hint, predict, quiz, reveal, solution
from gan_course.checks.runs03 import show_runs
from gan_course.checks.say import say
from gan_course.widgets import divergence, show

_ = device.tune_threads()
device.seed(0)
# Networks of a thousand weights: they are done before a GPU has woken up, so this lesson stays on the processor.

# %% [markdown]
# ## The symbols
#
# | here | meaning | in the papers |
# |---|---|---|
# | $p(x)$ | density of the data | $p_\text{data}$, $\mathbb P_r$ |
# | $q(x)$, $q_\theta(x)$ | density of what the generator makes, with weights $\theta$ | $p_g$, $\mathbb P_{g_\theta}$ |
# | $D(x)$, between 0 and 1 | the discriminator's **probability** that $x$ is real | $D(x)$ |
# | $\ell(x)$ | its **logit**: $D(x) = \sigma(\ell(x)) = 1/(1 + e^{-\ell(x)})$ | |
# | $G(z)$ | the point that the generator makes from noise $z$ | $G(z)$, $g_\theta(z)$ |
#
# Mind the letter $D$. In lesson 02 $D(x)$ was the logit, and in the *code* it still is: `D(x)` gives $\ell(x)$. The
# theorems are written with probabilities, so in the *formulas* of this lesson $D(x)$ is a probability, as in the papers.
# All logarithms are natural.
#
# ## 1. One number for the whole game
#
# In lesson 02 the discriminator's loss was a mean over real points plus a mean over fakes. Turn its sign round, and it is
# the *value function* of Goodfellow et al. (2014), equation 1:
#
# $$V(D, G) = \mathbb E_{x\sim p}\,[\log D(x)] + \mathbb E_{z}\,[\log(1 - D(G(z)))]
#           = \mathbb E_{x\sim p}\,[\log D(x)] + \mathbb E_{x\sim q}\,[\log(1 - D(x))].$$
#
# The discriminator wants $V$ high, the generator wants it low: $\min_G \max_D V(D, G)$. What one gains, the other loses.
#
# Two densities on a line are enough to see everything. The data $p$ has two bumps. The generator stands still for
# now and makes a wide Gaussian $q$. We know both densities exactly, so we can check every claim against an integral.

# %%
p = toy.mixture([-1.0, 2.0], 0.5)  # the data
q = toy.gaussian(0.0, 1.2)  # what the generator makes
x, dx = p.mesh(2000, extent=(-8, 8))  # a fine grid: an integral is a sum times dx
x = x.ravel().double()


def value(real, fake):
    """V from logits of real points and of fakes."""
    # log D = logsigmoid(l) = -softplus(-l), and log(1 - D) = logsigmoid(-l) = -softplus(l)
    return logsigmoid(real).mean() + logsigmoid(-fake).mean()


def guess(x):
    """A discriminator made up on the spot: what lies far from 0 is real."""
    return x.abs() - 1


real, fake = p.sample(100_000, seed=1), q.sample(100_000, seed=2)  # points; guess(...) makes logits of them
on_grid = (p.pdf(x) * logsigmoid(guess(x)) + q.pdf(x) * logsigmoid(-guess(x))).sum() * dx
print(f"V of this discriminator, from samples     {value(guess(real), guess(fake)):.3f}")
print(f"the same as an integral                   {on_grid:.3f}")
print(f"minus the package's discriminator loss    {-minimax.d(guess(real), guess(fake)):.3f}")
print(f"V of one that always says 1/2             {value(0 * real, 0 * fake):.3f} = -log 4")

# %% [markdown]
# A made-up rule beats "one half, whatever it is" by a little. How well can *any* discriminator do?
#
# ## 2. The optimal discriminator, derived
#
# Write $V$ as one integral:
#
# $$V(D, G) = \int \big[\,p(x)\log D(x) + q(x)\log(1 - D(x))\,\big]\,dx .$$
#
# A discriminator that is free to be any function may choose $D(x)$ at each $x$ without a thought for the other places. So
# the maximum is found place by place. At one place, with $y = D(x)$:
#
# $$f(y) = p\log y + q\log(1-y), \qquad
#   f'(y) = \frac{p}{y} - \frac{q}{1-y} = 0 \;\Longrightarrow\; y = \frac{p}{p+q},$$
#
# and $f''(y) = -p/y^2 - q/(1-y)^2 < 0$: it is the maximum. That is Proposition 1 of Goodfellow et al. (2014):
#
# $$D^*(x) = \frac{p(x)}{p(x) + q(x)}, \qquad \ell^*(x) = \log\frac{p(x)}{q(x)} .$$
#
# Nothing but arithmetic on two numbers: how often real points fall here, against how often fakes do. Three places, each
# with its own $f$, and the highest point found by trying 999 values of $y$:

# %%
y = torch.linspace(0.001, 0.999, 999)
fig, axes = plot.figure(cols=3, height=2.8)
for ax, place in zip(axes, (-1.0, 0.5, 3.0), strict=True):
    a, b = p.pdf(torch.tensor([place])), q.pdf(torch.tensor([place]))
    f = a * torch.log(y) + b * torch.log(1 - y)
    found, formula = y[f.argmax()].item(), (a / (a + b)).item()
    plot.curves(ax, y, {"$f(y)$": f}, "$y = D(x)$", colours={"$f(y)$": plot.DIS})
    ax.axvline(formula, color=plot.THEORY, linestyle="--", label="$p/(p+q)$")
    ax.plot(found, f.max(), "o", color=plot.DIS, label="highest")
    ax.set_title(f"x = {place:g}: p = {a.item():.3f}, q = {b.item():.3f}", fontsize=10)
    ax.legend(fontsize=9)
    print(f"x = {place:4}: best y by trying {found:.3f}, by the formula {formula:.3f}")
plot.show(fig, "Three hills, one for each place; the top of each lies at p / (p + q).")

# %% [markdown]
# ### Exercise 03.1 · The optimal discriminator, in logs
# *medium · core · 5 minutes.* Densities far out on a tail are too
# small for a float: $e^{-1000}$ is stored as 0, and $0/(0+0)$ is not a number. Their logarithms are fine. Write $D^*$
# from $\log p$ and $\log q$ so that it is right on every tail.


# %%
# exercise 03.1
def optimal_discriminator(log_p, log_q):
    """D* = p / (p + q), from two tensors of log densities of the same shape; gives that shape."""
    #: solution
    # p / (p + q) = 1 / (1 + q / p) = sigmoid(log(p / q)): only the difference of the logs matters.
    return torch.sigmoid(log_p - log_q)
    #: stub
    # return ...
    #: end


# %%
check("03.1", optimal_discriminator)

# %%
# hint("03.1")
# solution("03.1")

# %% [markdown]
# ## 3. The optimal discriminator, measured
#
# A network is not free to choose $D(x)$ place by place: it has weights, it sees samples, it takes small steps. Does it
# find $p/(p+q)$ all the same? We train five discriminators with different starting weights against the same standing
# generator, for 1500 steps.

# %%
predict(
    "03.a",
    "Five trained discriminators are compared with p/(p+q), place by place. Where are they furthest from it?",
    [
        "where real points are dense",
        "where the two densities cross",
        "where there are next to no points of either kind",
        "nowhere in particular",
    ],
)

# %% [markdown]
# **New: a crowd.** Five small networks one after another waste time; five in one stack of tensors take little more
# than one. The first index counts the networks. The sum of their losses has, for each network, exactly its own
# gradient, so they learn as if each were alone. (The class is the $D$ of lesson 02 with one index more. You may skip it.)


# %%
class Discriminators(nn.Module):
    """`crowd` separate networks 1-32-32-1: points (crowd, n, 1) in, logits (crowd, n, 1) out."""

    def __init__(self, crowd):
        super().__init__()

        def start(*shape, fan_in):  # PyTorch's own start for a linear layer, once for each network
            return nn.Parameter(torch.empty(shape).uniform_(-1, 1) / math.sqrt(fan_in))

        sizes = list(pairwise((1, 32, 32, 1)))
        self.w = nn.ParameterList([start(crowd, i, o, fan_in=i) for i, o in sizes])
        self.b = nn.ParameterList([start(crowd, 1, o, fan_in=i) for i, o in sizes])

    def forward(self, x):
        for layer, (w, b) in enumerate(zip(self.w, self.b, strict=True)):
            x = torch.baddbmm(b, leaky_relu(x, 0.2) if layer else x, w)  # b + x @ w, in each network
        return x


# %% [markdown]
# The discriminator's half of the loop of lesson 02, with the generator standing still:


# %%
def train_alone(D, real, fake, steps, before=None):
    """Train discriminators alone. `real()`, `fake()`: fresh points (crowd, n, 1). `before(step)` may look on."""
    opt = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.99))
    for step in range(steps):
        if before:
            before(step)
        each = logsigmoid(D(real())) + logsigmoid(-D(fake()))
        loss = -each.mean(dim=1).sum()  # minus V, summed over the crowd
        opt.zero_grad()
        loss.backward()
        opt.step()


def crowd_of(toy, crowd, n=256):
    """A function that draws fresh points of a toy for a crowd: (crowd, n, 1)."""
    return lambda: toy.sample(crowd * n).view(crowd, n, 1)


# %%
torch.manual_seed(0)
five = Discriminators(5)
train_alone(five, crowd_of(p, 5), crowd_of(q, 5), 1500)

best = torch.sigmoid(p.log_prob(x) - q.log_prob(x))  # D*, exercise 03.1
with torch.no_grad():
    learned = torch.sigmoid(five(x.float()[:, None].expand(5, -1, 1))).squeeze(2)  # (5, grid)
dense = (p.pdf(x) + q.pdf(x)) / 2
shown = x.abs() < 6

fig, axes = plot.figure(rows=2, height=5.2)
pair = {"p, real": plot.REAL, "q, fake": plot.FAKE}
plot.curves(axes[0], x[shown], {"p, real": p.pdf(x)[shown], "q, fake": q.pdf(x)[shown]}, "", "density", pair)
names = {"five learned D": plot.DIS, "$D^* = p/(p+q)$": plot.THEORY}
lines = dict(zip(names, (learned[:, shown], best[shown]), strict=True))
plot.curves(axes[1], x[shown], lines, "$x$", "probability of real", names, linewidth=2)
for ax in axes:
    ax.fill_between(x[shown], 0, 1, where=dense[shown] < 0.01, transform=ax.get_xaxis_transform(),
                    color=plot.MUTED, alpha=0.15, linewidth=0)  # fmt: skip
plot.show(fig, "Five learned discriminators lie on p/(p+q) where there are points; in the shaded tail on the right they "
          "stay high, all of them, while p/(p+q) falls to 0.")  # fmt: skip

# %% [markdown]
# The band is one standard deviation over the five discriminators. Shaded are the places with next to no points:
# there the average of both densities is below one hundredth. In numbers:

# %%
miss = (learned - best).abs()
regions = {
    "real points are dense (p > 0.2)": p.pdf(x) > 0.2,
    "the densities cross (p within 20 % of q, not in the tail)": ((p.pdf(x) / q.pdf(x)).log().abs() < 0.2)
    & (dense > 0.01),
    "next to no points, -6 < x < 6": (dense < 0.01) & shown,
}
far = {}
for name, where in regions.items():
    each = miss[:, where].mean(dim=1)
    far[name] = each.mean().item()
    print(f"|D - D*| where {name}: {each.mean():.3f} ± {each.std():.3f}")
at5 = (x - 5).abs().argmin()
print(f"at x = 5: D* = {best[at5]:.5f}; the five say", ", ".join(f"{v:.2f}" for v in learned[:, at5]))

# %%
worst = max(far.values())
reveal(
    "03.a",
    truth=3 if worst < 2 * min(far.values()) else list(far.values()).index(worst),
    because=f"On average they miss by {far[list(far)[0]]:.3f} where real points are dense, by {far[list(far)[1]]:.3f} "
    f"where the densities cross, and by {worst:.2f} where nobody is.",
)

# %% [markdown]
# Where there are points, theory and network agree to a few hundredths on average. Where there are none, $V$ does not
# care what $D$ says: the integrand is next to zero. There a network just goes on as it began. On the left the outermost points it saw
# were fakes, and *fake* is right. On the right they were real; it goes on saying *real*, while $p/(p+q)$ says *fake*,
# because the wide $q$ has the longer tail. And look at the band: five discriminators with different starts **agree, and
# are all wrong**. A narrow error bar is no proof.
#
# Keep this in mind. A generator whose fakes lie far from all real points walks, for the most part, over ground that
# the discriminator *made up*. Section 8 comes back to it.
#
# **By name.** The package's `train` does the same. **New:** `g_steps=0` keeps the generator still.


# %%
class Forger(nn.Module):
    """G(z) = mean + std z: two numbers to learn, and an exact density, Normal(mean, std)."""

    z_dim = 1

    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = (nn.Parameter(torch.tensor(v)) for v in (mean, std))

    def forward(self, z):
        return self.mean + self.std * z


torch.manual_seed(0)
D = nets.mlp.discriminator(x_dim=1, hidden=(32, 32))
for _ in train(Forger(0.0, 1.2), D, p.batches(256), g_steps=0, steps=800):
    pass
with torch.no_grad():
    by_name = (torch.sigmoid(D(x.float()[:, None])).ravel() - best).abs()[dense > 0.01].mean()
print(f"|D - D*| where there are points: by hand {miss[:, dense > 0.01].mean():.3f}, by name {by_name:.3f}")

# %% [markdown]
# **Live, in a plane.** The same question in two dimensions, in the laboratory of lesson 02. The two played for 400 turns; then
# $G$ was stopped, and $D$ learned alone for 300 more. The ground is $D$'s answer; the pink line runs where $p/(p+q)$ is one half.
# (Hide *what D says*, and the ground is $p/(p+q)$ itself.) Press *play* and watch $D$ bend to the line. Then give the generator
# one of its *steps per turn* back: now the line moves, too. How well does $D$ keep up?

# %%
from gan_course.laboratory.truth import optimal
from gan_course.widgets.laboratory import Laboratory

plane = Laboratory(data="two Gaussians", layers=["real", "fake", "verdict", "optimal"], panels=["controls"])


def off_the_best(run):
    """|D - D*|, averaged over the cells of a grid where there are points."""
    best_d, known = optimal(run.game, run.toy, run.view.extent)
    return abs(run.look().verdict - best_d.astype(float))[known].mean() / 255


in_the_game = off_the_best(plane.run)
plane.change(g_steps=0)
plane.play(300)
print(f"|D - D*| in the game {in_the_game:.2f}, after 300 steps of D alone {off_the_best(plane.run):.2f}")
plane

# %% [markdown]
# ## 4. A ratio, not a density
#
# $D^*$ depends on $p/q$ alone. Make both densities ten times smaller and nothing changes. So $D(x)$ does not tell how
# likely a point is: it can be *higher* where real points are *rarer*.

# %%
common, rare = ((x - place).abs().argmin() for place in (-1.0, 3.0))
for name, i in (("x = -1, the top of a bump", common), ("x =  3, far down a slope ", rare)):
    mine = learned[:, i]
    print(f"{name}: p = {p.pdf(x)[i]:.3f}, D* = {best[i]:.3f}, learned {mine.mean():.3f} ± {mine.std():.3f}")
scaled = torch.sigmoid((p.log_prob(x) - math.log(10)) - (q.log_prob(x) - math.log(10)))
print(f"largest change of D* when both densities are divided by 10: {(scaled - best).abs().max():.0e}")

# %% [markdown]
# A ratio is worth having. $\ell^* = \log(p/q)$, so $e^{\ell(x)}$ tells how many real points there are for one fake at
# $x$: the *importance weight* that turns fakes into stand-ins for real points. For any function $h$,
#
# $$\mathbb E_{x\sim p}[h(x)] = \mathbb E_{x\sim q}\!\left[\frac{p(x)}{q(x)}\,h(x)\right] = \mathbb E_{x\sim q}\big[e^{\ell^*(x)}\,h(x)\big].$$
#
# Here are means of the *data*, computed from fakes alone and a discriminator's logits:

# %%
fakes = q.sample(20_000, seed=3)
with torch.no_grad():
    weights = torch.exp(five(fakes.expand(5, -1, 1))).squeeze(2)  # e^l, one row a discriminator
weights = weights / weights.sum(dim=1, keepdim=True)  # so that each row adds up to 1
truths = {"x": 0.5, "x^2": 0.5**2 + (1**2 + 2**2) / 2, "(x > 0)": 0.5}  # of p, in closed form
for (name, truth), h in zip(truths.items(), (fakes, fakes**2, (fakes > 0).float()), strict=True):
    each = weights @ h
    print(f"mean of {name:8} fakes {h.mean():5.2f}   fakes weighted by e^l {each.mean():5.2f} ± {each.std():.2f}   "
          f"data {truth:.2f}")  # fmt: skip

# %% [markdown]
# Much nearer to the data than the fakes are, but not exact: far out, where the discriminator guesses, its weights are
# largest. (The share of points above 0 was right from the start, by chance.) Any classifier trained on "from here or from
# there" gives such a ratio. It is used to correct one data set until it looks like another, simulations like
# measurements, say.
#
# ## 5. What the best value measures
#
# Put $D^*$ into $V$. What is left depends on the generator only; the paper calls it $C(G)$:
#
# $$C(G) = \max_D V(D, G) = \int p\log\frac{p}{p+q}\,dx + \int q\log\frac{q}{p+q}\,dx .$$
#
# Let $m = \tfrac12(p+q)$ be the even mixture of both. Then $\log\frac{p}{p+q} = \log\frac{p}{2m} = \log\frac pm - \log 2$, and
# the same with $q$. Since $\int p = \int q = 1$, the two $-\log 2$ add up to $-\log 4$:
#
# $$C(G) = -\log 4 + \underbrace{\int p\log\frac pm\,dx}_{\mathrm{KL}(p\,\Vert\,m)}
#                   + \underbrace{\int q\log\frac qm\,dx}_{\mathrm{KL}(q\,\Vert\,m)}
#        = -\log 4 + 2\,\mathrm{JS}(p, q) .$$
#
# Theorem 1 of Goodfellow et al. (2014) rests on this identity. The *Kullback-Leibler divergence*
# $\mathrm{KL}(p\,\Vert\,m)$ is the mean, over points of $p$, of $\log(p/m)$: how many times likelier a point is under $p$ than under $m$, on a log scale. It is
# never negative, and zero only if the two agree; with natural logarithms its unit is called *nats*. The
# *Jensen-Shannon divergence* is the average of those two. So
#
# - $\mathrm{JS} = 0$ and $C = -\log 4 \approx -1.386$ exactly when $q = p$: the generator's best;
# - $\mathrm{JS} = \log 2 \approx 0.693$ and $C = 0$ when $p$ and $q$ have no place in common: the discriminator is never wrong.
#
# ### Exercise 03.2 · Jensen-Shannon by hand
# *medium · core · 8 minutes.* Two densities come as values on a grid with
# cells of width `dx`. Mind the places where one of them, or both, are 0: $0\log 0$ counts as 0.


# %%
# exercise 03.2
def jensen_shannon(p, q, dx):
    """JS in nats, of densities p and q (tensors of shape (n,)) on a grid with cells of width dx."""
    #: solution
    m = (p + q) / 2
    # xlogy(a, b) = a log b, and 0 where a = 0; splitting log(a / m) keeps 0 / 0 out.
    to_m = [(torch.xlogy(a, a) - torch.xlogy(a, m)).sum() * dx for a in (p, q)]
    return (to_m[0] + to_m[1]) / 2
    #: stub
    # return ...
    #: end


# %%
check("03.2", jensen_shannon)

# %%
# hint("03.2")
# solution("03.2")

# %% [markdown]
# **By name:** `metrics.js`. Both sides of the identity, for our two densities:

# %%
log_p, log_q = p.log_prob(x), q.log_prob(x)
logit = log_p - log_q  # l*
best_value = ((log_p.exp() * logsigmoid(logit)) + (log_q.exp() * logsigmoid(-logit))).sum() * dx  # V(D*, G)
print(f"V(D*, G)         = {best_value:.6f}")
print(f"-log 4 + 2 JS    = {-math.log(4) + 2 * metrics.js(p, q, x):.6f}    with JS = {metrics.js(p, q, x):.6f}")

# %% [markdown]
# ### A trained discriminator as a measuring device
#
# Turn the identity round. Any discriminator's value gives an estimate of the distance,
#
# $$\widehat{\mathrm{JS}} = \tfrac12\big(V(D, G) + \log 4\big) \;\le\; \mathrm{JS}(p, q),$$
#
# and never too much, since $D^*$ is the maximum.
#
# ### Exercise 03.3 · JS from logits
# *easy · core · 5 minutes.* Write the estimate for one discriminator. Logits of 200
# must not turn it into infinity, and there may be more real points than fakes.


# %%
# exercise 03.3
def js_from_logits(real, fake):
    """The estimate of JS(p, q) in nats, from logits on real points (n, 1) and on fakes (k, 1)."""
    #: solution
    value = logsigmoid(real).mean() + logsigmoid(-fake).mean()  # V; log(1 - sigmoid(l)) = logsigmoid(-l)
    return (value + math.log(4)) / 2  # V = -log 4 + 2 JS, solved for JS
    #: stub
    # return ...
    #: end


# %%
check("03.3", js_from_logits)

# %%
# hint("03.3")
# solution("03.3")

# %% [markdown]
# That the estimate is never too large holds for the true integral. From samples there is a catch, and the catch depends on
# *which* samples.

# %%
predict(
    "03.b",
    "A discriminator trains on 25 real and 25 fake points, and its JS is then read off on those same 50 points. "
    "The reading is",
    ["too low: a lower bound is a lower bound", "about right", "too high"],
)

# %% [markdown]
# First with plenty of data: fakes from $\mathrm{Normal}(\mu, 1)$ for six $\mu$, three discriminators each, all eighteen in one crowd.

# %%
torch.manual_seed(0)
mu = torch.tensor([0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
shift = mu.repeat_interleave(3)[:, None, None]
eighteen = Discriminators(18)
train_alone(eighteen, crowd_of(p, 18, 128), lambda: shift + torch.randn(18, 128, 1), 800)

wide, cell = p.mesh(3000, extent=(-10, 12))
wide = wide.ravel().double()
log_q = torch.stack([toy.gaussian(m, 1.0).log_prob(wide) for m in shift.ravel().tolist()])  # (18, grid)
with torch.no_grad():
    logit = eighteen(wide.float()[:, None].expand(18, -1, 1)).squeeze(2)
values = (p.pdf(wide) * logsigmoid(logit) + log_q.exp() * logsigmoid(-logit)).sum(dim=1) * cell  # V as an integral
estimate = ((values + math.log(4)) / 2).view(6, 3)
exact = torch.tensor([metrics.js(p, toy.gaussian(m, 1.0), wide) for m in mu.tolist()])
print("     mu   exact JS   three learned estimates")
for m, e, three in zip(mu.tolist(), exact.tolist(), estimate.tolist(), strict=True):
    print(f"    {m:.1f}     {e:.4f}   {', '.join(f'{v:.4f}' for v in three)}")
short = exact[:, None] - estimate
print(f"above the exact value: {int((short < 0).sum())} of 18;  short of it by {short.min():.4f} to {short.max():.4f}")

# %% [markdown]
# A lower bound, and a tight one. Now with few points. The discriminators train on the same few points all the time, and
# are read off twice: on their own points, and on 10 000 fresh ones.


# %%
def estimate_js(D, real, fake):
    """JS as each discriminator of a crowd sees it: half of V + log 4, exercise 03.3. Shape (crowd,)."""
    with torch.no_grad():
        return ((logsigmoid(D(real)) + logsigmoid(-D(fake))).mean(dim=(1, 2)) + math.log(4)) / 2


torch.manual_seed(0)
counts, own, fresh = (25, 100, 400), [], []
for n in counts:
    D, few, fakes = Discriminators(5), crowd_of(p, 5, n)(), crowd_of(q, 5, n)()
    train_alone(D, lambda few=few: few, lambda fakes=fakes: fakes, 1500)
    own.append(estimate_js(D, few, fakes))
    fresh.append(estimate_js(D, crowd_of(p, 5, 10_000)(), crowd_of(q, 5, 10_000)()))
true_js = metrics.js(p, q, x)
fig, ax = plot.figure(width=6.5)
for found, name, colour in ((own, "read off on its own points", plot.GEN), (fresh, "on fresh points", plot.DIS)):
    mean, sd = torch.stack(found).mean(1), torch.stack(found).std(1)
    ax.errorbar(counts, mean, sd, fmt="o-", color=colour, capsize=4, label=name)
    print(f"{name:27}", "   ".join(f"n = {n}: {a:.3f} ± {b:.3f}" for n, a, b in zip(counts, mean, sd, strict=True)))
ax.set(xscale="log", xlabel="points of each kind", ylabel="estimated JS", xticks=counts, xticklabels=counts)
ax.minorticks_off()
plot.floor(ax, true_js, "exact JS")
plot.show(
    fig,
    "Read off on a discriminator's own 25 points the JS is too high, on fresh points too low; with 400 points both "
    "are near the truth.",
)

# %%
few = own[0].mean().item()
reveal(
    "03.b",
    truth=2 if few > 1.2 * true_js else 0 if few < 0.8 * true_js else 1,
    because=f"It reads {few:.2f} where the truth is {true_js:.2f}; on fresh points the same discriminators read "
    f"{fresh[0].mean():.2f}. They have learned their 50 points by heart.",
)

# %% [markdown]
# So a discriminator's loss is a measurement with two errors: too low because it is not optimal, too high if it has seen
# its test points before. In a real game both are at work, and both change from turn to turn. (A reading below 0 is no slip:
# JS is never negative, but a lower bound may be. It says that guessing would have done better.)

# %% [markdown]
# ### Play: two densities
#
# Move and widen $q$ with the sliders. One picture has both densities, the other the optimal discriminator. The arrows, and
# the table of pulls, are explained in section 7; for now watch the distances. One of them is new: *Wasserstein-1* is the
# work of carrying the mass of $q$ over to $p$, mass times way. Try this:
#
# 1. Choose *one bump* and put $q$ right on it. What does $D^*$ become? What does JS become?
# 2. From there, slide $q$ away to the far left. Which numbers stop telling you how far you went, and which go on?
# 3. Back with *two bumps*: find the mean and the width that make JS smallest. Does KL$(q\Vert p)$ agree?

# %%
explorer = divergence.divergence_explorer(mean=-2.0, std=1.0)
show(
    explorer,
    divergence.picture(explorer),
    alt="Left: the data density p with two bumps, and a generator density q to its left. Right: the optimal "
    "discriminator, p / (p + q).",
)
assert round(metrics.js(p, toy.gaussian(0.5, 1.55), wide), 3) == 0.128  # the two numbers of the text below
assert round(metrics.kl(toy.gaussian(2.0, 0.5), p, wide), 2) == 0.69

# %% [markdown]
# What you should have found: on the bump (width 0.5) $D^*$ is ½ everywhere and JS is 0. Far away JS stops at $\log 2$, while the
# others go on. With two bumps JS is smallest for a wide $q$ in the middle, 0.128 at mean 0.5 and width 1.55. KL$(q\Vert p)$
# does not agree: it is smallest, 0.69, with $q$ on *one* of the bumps. So it matters which distance a game has.
#
# ## 6. Equilibrium
#
# A *Nash equilibrium* is a pair $(D, G)$ from which neither player can gain by changing *alone*. The theorem gives one:
# $q = p$ and $D = \tfrac12$ everywhere. Check both players, with $q = p$:
#
# - The discriminator cannot gain: at each place $D^* = p/(p+p) = \tfrac12$ is already the top of the hill.
# - The generator cannot gain: against $D = \tfrac12$ everything scores $\log\tfrac12$, whatever it makes.

# %%
torch.manual_seed(0)
a, b, c = torch.randn(3, 1000, 1, dtype=torch.float64)
others = 2 * a * torch.sin(b * x + 6 * c)  # the logits of a thousand other discriminators, (1000, grid)
v = (p.pdf(x) * (logsigmoid(others) + logsigmoid(-others))).sum(dim=1) * dx  # q = p
print(f"D says 1/2: V = {-math.log(4):.4f}.  The best of 1000 others: {v.max():.4f}")
for made in (p, q, toy.gaussian(-4.0, 0.3)):
    v = (p.pdf(x) + made.pdf(x)).sum() * dx * math.log(0.5)
    print(f"D says 1/2 and G makes points around {made.sample(4000, seed=0).mean():5.2f}: V = {v:.4f}")

# %% [markdown]
# The last three lines hold a warning. Against $D = \tfrac12$ good fakes and garbage score alike. **A discriminator at one
# half proves something only if it is the best reply.** Here are three discriminators that say one half, or do not:


# %%
def report(name, D, made):
    with torch.no_grad():
        said = [torch.sigmoid(D(crowd_of(t, 5, 4000)())).mean() for t in (p, made)]
    print(f"{name:38} D(real) {said[0]:.2f}   D(fake) {said[1]:.2f}   exact JS {metrics.js(p, made, wide):.2f}")


torch.manual_seed(0)
garbage = toy.gaussian(-4.0, 0.3)
lazy, keen, honest = Discriminators(5), Discriminators(5), Discriminators(5)
with torch.no_grad():
    for weight in lazy.parameters():
        weight.zero_()
train_alone(keen, crowd_of(p, 5), crowd_of(garbage, 5), 300)
train_alone(honest, crowd_of(p, 5), crowd_of(p, 5), 300)
report("all weights zero, against garbage", lazy, garbage)
report("trained, against garbage", keen, garbage)
report("trained, against perfect fakes", honest, p)

# %% [markdown]
# ### Is there always an equilibrium?
#
# The theorem lets $G$ make *any* density. A real generator makes only those of its family. Ours makes Gaussians: 378 of
# them on a grid of means and widths. Leave the discriminator free. In an equilibrium it must be the best reply, so it is
# the $D^*$ of that very Gaussian. Then only one question is left: against this discriminator, would the generator rather be
# another Gaussian? Call what it would gain its *regret*. **An equilibrium is a Gaussian with regret 0.**

# %%
means, stds = torch.arange(-2.0, 3.01, 0.25), torch.arange(0.3, 2.01, 0.1)
who = torch.cartesian_prod(means, stds)


def regrets(p):
    """What each Gaussian gains by becoming the best other one, while D stays the best reply to the old one."""
    log_q = torch.stack([toy.gaussian(m, s).log_prob(x) for m, s in who.tolist()])  # (378, grid)
    log_fake = logsigmoid(log_q - p.log_prob(x))  # log(1 - D*), for the D* of each
    scores = log_q.exp() @ log_fake.T * dx  # [i, j]: G is number i and meets the discriminator of number j
    return (scores.diag() - scores.min(dim=0).values).view(len(means), len(stds))


cases = {"data: one Gaussian, N(0.5, 1)": toy.gaussian(0.5, 1.0), "data: two bumps": p}
fig, axes = plot.figure(cols=2, height=3.4)
for ax, (name, data) in zip(axes, cases.items(), strict=True):
    r = regrets(data)
    seen = ax.pcolormesh(means, stds, r.T.clamp(0, 2), cmap="cividis", vmin=0, vmax=2)
    best_m, best_s = (x.item() for x in who[r.argmin()])
    ax.plot(best_m, best_s, "o", color="white", markeredgecolor="black", markersize=8)
    ax.set(title=name, xlabel="mean of q", ylabel="width of q")
    fig.colorbar(seen, ax=ax, label="G's regret (yellow: 2 or more)")
    print(f"{name}: least regret {abs(r.min()):.3f}, at mean {best_m:.2f}, width {best_s:.1f};",
          f"without regret: {int((r < 1e-6).sum())} of {len(who)}")  # fmt: skip
plot.show(fig, "Regret of each Gaussian. Left: it is zero at one point, q = p. Right: it is nowhere below one half.")

# %% [markdown]
# The white dots mark the least regret. When the data are a Gaussian, exactly one generator has no regret, and it is
# $q = p$. When the data have two bumps, *none* has: whichever Gaussian you pick, its optimal discriminator leaves a place
# where some other Gaussian would do better, so somebody always wants to move. As long as $G$ must
# settle on one of these generators, the game has **no equilibrium** at all. (A forger who rolls dice and owns two printing presses, one Gaussian for each bump, would have
# one: it makes $p$.) Farnia & Ozdaglar (2020) show, in theory and in experiments, that the games of GANs may have none.
#
# And where an equilibrium exists, play need not reach it: against $D = \tfrac12$ nothing holds the generator in
# place. Whether play arrives, circles or leaves is the subject of lesson 04.
#
# ## 7. What the generator feels
#
# The generator wants $V$ low, and only the second half of $V$ depends on it: so it should go downhill on
# $\log(1-D)$, the *minimax* loss. In the same paper (section 3) Goodfellow et al. advise another: $-\log D$, called
# *non-saturating*. Both ask for the same, a discriminator that says *real* to fakes.

# %%
predict(
    "03.c",
    "Early in the game D is sure: a fake's logit is -10. How much larger is the non-saturating gradient?",
    ["the same", "about 10 times", "about 22 000 times", "it is smaller"],
)

# %% [markdown]
# For a fake $x = G(z)$ and either loss $L$, the chain rule has three factors:
#
# $$\frac{\partial L}{\partial\theta} = \mathbb E_z\Big[\;\frac{dL}{d\ell}\;\cdot\;\frac{\partial \ell}{\partial x}\;\cdot\;\frac{\partial x}{\partial\theta}\Big].$$
#
# The last two belong to the networks. The loss decides the first one only.
#
# ### Exercise 03.4 · The factor that the loss decides
# *easy · core · 5 minutes.* In logits, minimax is
# $\log(1-D) = -\log(1 + e^{\ell})$ and non-saturating is $-\log D = \log(1 + e^{-\ell})$. Write $dL/d\ell$ for both, by
# formula or by autograd.


# %%
# exercise 03.4
def factors(logit):
    """dL/dl of G's minimax and of its non-saturating loss, at each logit (n,): a pair of tensors (n,)."""
    #: solution
    # Minimax: -D, gone when D is sure of a fake. Non-saturating: -(1 - D), and 1 - sigmoid(l) = sigmoid(-l).
    return -torch.sigmoid(logit), -torch.sigmoid(-logit)
    #: stub
    # return ...
    #: end


# %%
check("03.4", factors)

# %%
# hint("03.4")
# solution("03.4")

# %% [markdown]
# | loss of $G$ | $L(\ell)$ | $dL/d\ell$ |
# |---|---|---|
# | minimax | $\log(1 - D)$ | $-\sigma(\ell) = -D$ |
# | non-saturating | $-\log D$ | $-(1-\sigma(\ell)) = -(1-D)$ |
#
# Both are negative: both losses fall when the logit rises, so at any *one* fake they push the same way. They differ in
# how loudly each fake speaks. Minimax listens to fakes that fool the discriminator already, non-saturating to those that
# do not. So the *mean* over many fakes may point elsewhere.

# %%
logits = torch.linspace(-12, 12, 97)
dots = torch.linspace(-12, 12, 13, requires_grad=True)
formula = {"minimax": torch.sigmoid(logits), "non-saturating": 1 - torch.sigmoid(logits)}
colours = {"minimax": plot.GEN, "non-saturating": plot.DIS}
fig, axes = plot.figure(cols=2)
for ax, scale in zip(axes, ("linear", "log"), strict=True):
    plot.curves(ax, logits, formula, "logit of a fake", r"size of $dL/d\ell$", colours)
    for loss in (minimax, non_saturating):
        loss_g = loss.g(dots, dots)  # g(real, fake): a mean; these two losses look at the fakes only
        (slope,) = grad(len(dots) * loss_g, dots)  # times n: each logit's own slope
        ax.plot(dots.detach(), -slope, "o", color=colours[loss.name], markersize=5)
    ax.axvspan(-12, -4, color=plot.MUTED, alpha=0.12, linewidth=0)
    ax.set_yscale(scale)
plot.show(
    fig,
    "Formulas as lines, autograd as dots. In the shaded region D is sure of a fake: minimax is near 0, non-saturating "
    "near 1.",
)

ten = torch.tensor([-10.0], requires_grad=True)
loud = {loss.name: abs(grad(loss.g(ten, ten), ten)[0].item()) for loss in (minimax, non_saturating)}
print("size of dL/dl at logit -10:", ", ".join(f"{name} {size:.3g}" for name, size in loud.items()))

# %%
times = loud["non-saturating"] / loud["minimax"]
reveal(
    "03.c",
    truth=0 if times == 1 else 3 if times < 1 else 1 if times < 100 else 2,
    because=f"{loud['minimax']:.1e} against {loud['non-saturating']:.4f}: {times:,.0f} times. The ratio is "
    r"$(1-\sigma(\ell))/\sigma(\ell) = e^{-\ell}$, and here $e^{10}$.",
)

# %% [markdown]
# A loss *saturates* where it goes flat. Minimax does so for fakes with $D(G(z))$ near **0**, the shaded side: early on, or
# against a strong $D$.
#
# ### What does each loss descend?
#
# Let the discriminator be optimal for the present weights $\theta_0$ and hold it still: $D^* = p/(p + q_{\theta_0})$.
#
# **Minimax.** $C(\theta) = \max_D V$. When $\theta$ moves, $C$ changes directly and through $D^*$; but $D^*$ is a
# maximum, where all slopes are zero, so the second part vanishes. What is left is the gradient with $D^*$ held still:
#
# $$\nabla_\theta\,\mathbb E_z[\log(1 - D^*(G(z)))] = \nabla_\theta C = \nabla_\theta\; 2\,\mathrm{JS}(p, q_\theta)\qquad\text{at }\theta_0 .$$
#
# **Non-saturating.** Insert $q_{\theta_0}$ above and below:
#
# $$-\log D^* = \log\frac{p + q_{\theta_0}}{p}
#   = \underbrace{\log\frac{q_{\theta_0}}{p}}_{\text{A}} \;-\; \underbrace{\log\frac{q_{\theta_0}}{p+q_{\theta_0}}}_{=\,\log(1-D^*)} .$$
#
# The second part is minimax with its sign turned round: $-2\nabla\mathrm{JS}$. For A, split
# $\mathrm{KL}(q_\theta\Vert p) = \mathbb E_{q_\theta}[\log\tfrac{q_{\theta_0}}{p}] + \mathrm{KL}(q_\theta\Vert q_{\theta_0})$. The last
# term is smallest at $\theta = \theta_0$, so its gradient there is zero, and the mean of A has the gradient
# $\nabla\mathrm{KL}(q_\theta\Vert p)$. Hence
#
# $$\nabla_\theta\,\mathbb E_z[-\log D^*(G(z))] = \nabla_\theta\big[\,\mathrm{KL}(q_\theta\,\Vert\,p) - 2\,\mathrm{JS}(p, q_\theta)\,\big]\qquad\text{at }\theta_0 ,$$
#
# which is Theorem 2.5 of Arjovsky & Bottou (2017). The JS enters with a **minus**. Let us see whether autograd agrees.
# The generator is a Gaussian with mean 0.5, in the middle between the bumps, and we look at its width $\theta = s$.

# %%
torch.manual_seed(0)
widths, batches = torch.linspace(1.0, 2.0, 6), 5
slopes = {minimax: [], non_saturating: []}
for s0 in widths.tolist():
    standing = toy.gaussian(0.5, s0)  # q at theta_0: D* is made from it and then held still
    s = torch.full((batches, 1), s0, requires_grad=True)
    made = 0.5 + s * torch.randn(batches, 4000)  # G(z)
    logit = (p.log_prob(made.ravel()) - standing.log_prob(made.ravel())).view(batches, 4000)  # l*(G(z))
    for loss, found in slopes.items():
        found.append(grad(batches * loss.g(logit, logit), s, retain_graph=True)[0].ravel())

fine, e = torch.linspace(1.0, 2.0, 41).tolist(), 1e-3


def slope(f):  # a derivative by the width, from exact values left and right of it
    return torch.tensor([(f(toy.gaussian(0.5, s + e)) - f(toy.gaussian(0.5, s - e))) / (2 * e) for s in fine])


d_js, d_kl = slope(lambda q: metrics.js(p, q, wide)), slope(lambda q: metrics.kl(q, p, wide))
closed = {minimax: 2 * d_js, non_saturating: d_kl - 2 * d_js}

# %%
fig, ax = plot.figure(width=7.5, height=3.6)
formulas = {minimax: r"$2\,\nabla\mathrm{JS}$", non_saturating: r"$\nabla[\mathrm{KL}(q\|p) - 2\,\mathrm{JS}]$"}
zero = {}
for loss, found in slopes.items():
    each, line, colour = torch.stack(found, 1), closed[loss], colours[loss.name]
    ax.plot(fine, line, color=colour, label=formulas[loss])
    ax.errorbar(widths, each.mean(0), each.std(0), fmt="o", color=colour, capsize=4, label=f"autograd, {loss.name}")
    i = int((line > 0).int().argmax())  # the line crosses zero between fine[i - 1] and fine[i]
    zero[loss.name] = fine[i] - (fine[i] - fine[i - 1]) * (line[i] / (line[i] - line[i - 1])).item()
    off = (each.mean(0) - line[::8]).abs()  # every eighth of the fine widths is one of the coarse
    print(f"{loss.name:15} wants width {zero[loss.name]:.2f}.", f"Autograd is off the formula by {off.mean():.3f};",
          f"one batch scatters by {each.std(0).mean():.3f}")  # fmt: skip
plot.floor(ax, 0, "at rest")
ax.axvspan(*sorted(zero.values()), color=plot.MUTED, alpha=0.15, linewidth=0)
ax.set(xlabel="width s of q", ylabel="gradient by s")
plot.show(fig, "Autograd's gradients lie on both formulas. The two lines cross zero at different widths; between them, "
          "shaded, they have opposite signs.")  # fmt: skip

# %% [markdown]
# The dots lie on the lines. And the lines cross zero at different places: the two losses want **different widths**.
# Between the crossings, shaded, they pull in opposite directions.

# %%
predict(
    "03.d",
    "Mean 0.5, width 1.5, and D optimal. G takes one small step downhill on the non-saturating loss. JS",
    ["falls: the game minimises JS", "stays", "rises"],
)

# %%
s0, step = 1.5, 0.05
before, after = metrics.js(p, toy.gaussian(0.5, s0), wide), {}
for loss, line in closed.items():
    gradient = line[fine.index(s0)].item()
    s1 = s0 - step * math.copysign(1, gradient)
    after[loss.name] = metrics.js(p, toy.gaussian(0.5, s1), wide)
    print(f"{loss.name:15} gradient {gradient:+.3f}, so width {s0} -> {s1:.2f}:",
          f"JS {before:.5f} -> {after[loss.name]:.5f}")  # fmt: skip

# %%
rise = after["non-saturating"] - before
reveal(
    "03.d",
    truth=2 if rise > 1e-5 else 0 if rise < -1e-5 else 1,
    because=f"From {before:.5f} to {after['non-saturating']:.5f}. It went down on KL(q‖p) - 2 JS, which is another thing.",
)

# %% [markdown]
# Go back to the widget (end of section 5). A *pull* there is minus the gradient: where downhill leads. The arrows are the
# pulls on the mean (with a double head: longer than drawn), and the table has those on the width, too. Set the mean to 0.5
# and the width to 1.5, and compare the signs in the last column.
#
# ## 8. When nothing overlaps
#
# Two blocks of width 1 on a line, with a gap between them. No point could be both: the optimal discriminator is always right.

# %%
predict(
    "03.e",
    "The fake block moves from a gap of 0.25 to a gap of 4. What does JS do?",
    ["it grows with the gap", "it stays the same", "it becomes infinite"],
)

# %%
print("   gap      JS    KL(p||q)    Wasserstein-1")
found = []
for gap in (0.25, 1.0, 4.0):
    near, away = toy.segments(gap)
    line, _ = near.mesh(4000, extent=(-1.0, 7.0))
    found.append(metrics.js(near, away, line))
    print(
        f"{gap:6.2f}  {found[-1]:.4f}    {metrics.kl(near, away, line):8}    {metrics.wasserstein1(near, away, line):.3f}"
    )
print(f"log 2 = {math.log(2):.4f}")

# %%
reveal(
    "03.e",
    truth=1 if max(found) - min(found) < 1e-6 else 0 if found[-1] < math.inf else 2,
    because=f"{found[0]:.4f} at every gap: log 2, its ceiling. The Wasserstein-1 distance, the work of carrying one block "
    "to the other (mass times way), grows by as much as the gap.",
)

# %% [markdown]
# JS says *different* and not *how far*. Its gradient is zero: a generator that descended JS would not move. So
# does the game stop here? Play it. The generator has one dial, where its block begins; the data begin at 0. Both
# losses, five games each, plain gradient descent for $G$.


# %%
def play(loss, real, noise, where, turns=400, head_start=0, opt_g=torch.optim.SGD, lr_g=0.02):
    """Five games with G(z) = where + z. Gives the dial after each turn, shape (turns + 1, 5)."""
    torch.manual_seed(0)
    D, dial = Discriminators(5), torch.full((5, 1, 1), where, requires_grad=True)

    def fake():
        return dial + noise()

    train_alone(D, real, lambda: fake().detach(), head_start)
    opt_d, opt_g = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.99)), opt_g([dial], lr=lr_g)
    path = [dial.detach().flatten().clone()]
    for _ in range(turns):
        d_loss = 5 * loss.d(D(real()), D(fake().detach()))  # a mean over five games: times 5, each has its own
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()
        logit = D(fake())
        dial.grad = grad(5 * loss.g(logit, logit), dial)[0]
        opt_g.step()
        path.append(dial.detach().flatten().clone())
    return torch.stack(path)


# %%
def block():
    return torch.rand(5, 128, 1)


paths = {loss.name: play(loss, block, block, where=4.0) for loss in (minimax, non_saturating)}
for name, path in paths.items():
    left, met = path[-1].abs(), (path.abs() < 1).any(0)
    turn = (path.abs() < 1).int().argmax(0).tolist()
    print(f"{name:15} Wasserstein-1 at the end {left.mean():.2f} ± {left.std():.2f}")
    print(f"{'':15} turn when JS first left log 2: {[t if ok else 'never' for t, ok in zip(turn, met, strict=True)]}")


# %%
def each_game(ax, paths, ylabel):
    """A thin line for each of the five games of each loss."""
    for (name, path), dash in zip(paths.items(), ("-", "--"), strict=True):
        lines = ax.plot(path, dash, color=colours[name], linewidth=1.2)
        lines[0].set_label(name)
    ax.set(xlabel="turn", ylabel=ylabel)


# Two unit blocks that start a < 1 apart share 1 - a of their mass, and JS = a log 2; from a = 1 on it is log 2.
js_paths = {name: math.log(2) * path.abs().clamp(max=1) for name, path in paths.items()}
fig, axes = plot.figure(cols=2)
each_game(axes[0], {name: path.abs() for name, path in paths.items()}, "Wasserstein-1")
each_game(axes[1], js_paths, "JS")
plot.floor(axes[0], 0, "home")
plot.floor(axes[1], math.log(2), "log 2")
plot.show(fig, "Left: under the non-saturating loss the distance falls to zero; under minimax it hardly moves. Right: JS "
          "stays at log 2 until the blocks touch.")  # fmt: skip

# %% [markdown]
# With JS at its ceiling and its gradient at zero, the non-saturating generator walked straight home. So a game is **not**
# descent on a divergence (Fedus et al. 2018). What did it follow? The ground of section 3. Between the blocks there are no
# points at all, so the optimal discriminator may say there what it likes. The trained one is a continuous function, low on
# the fakes and high on the data, and so it has made up a slope from here to there. The theorems speak of the optimal
# discriminator; the game is played with a trained one.
#
# And minimax? It has the same slopes, and passes on next to nothing of them: section 7.
#
# ## 9. Should the discriminator have a head start?
#
# Theorem 1 speaks of the optimal discriminator. So why not train it to perfection, and only then let the generator learn?
# Data $\mathrm{Normal}(2, 0.3)$, fakes $\mathrm{Normal}(-1, 0.3)$: ten widths apart. $G$ stands still, and every so often
# we ask how large its gradient *would* be under each loss.

# %%
predict(
    "03.f",
    "D trains alone for 2000 steps while G stands still. What becomes of the size of G's gradient?",
    [
        "both losses: it grows, a better teacher teaches more",
        "both losses: it dies",
        "minimax: it dies; non-saturating: it grows",
        "minimax: it grows; non-saturating: it dies",
    ],
)


# %%
def bell(mean):
    return lambda: mean + 0.3 * torch.randn(5, 128, 1)


stops = [0, 10, 30, 100, 300, 1000, 2000]
felt = {loss.name: [] for loss in (minimax, non_saturating)}
torch.manual_seed(0)
D, z = Discriminators(5), 0.3 * torch.randn(5, 4000, 1)


def ask(step):
    if step in stops:
        dial = torch.full((5, 1, 1), -1.0, requires_grad=True)
        logit = D(dial + z)
        for loss in (minimax, non_saturating):
            felt[loss.name].append(grad(5 * loss.g(logit, logit), dial, retain_graph=True)[0].abs().ravel())


train_alone(D, bell(2.0), bell(-1.0), 2000, before=ask)
ask(2000)
felt = {name: torch.stack(sizes) for name, sizes in felt.items()}  # (7, 5)
for name, sizes in felt.items():
    middle = sizes.median(dim=1).values
    print(f"{name:14}", " ".join(f"{step}: {size:.1e}" for step, size in zip(stops, middle.tolist(), strict=True)))

# %% [markdown]
# **A critic of another kind.** The Wasserstein game (lesson 08) wants $\mathbb E_p[f] - \mathbb E_q[f]$ as large as it gets
# with a *critic* $f$: a discriminator that gives a bare score, no logit, and whose slope is at most 1. Its optimum *is*
# the Wasserstein-1 distance (Arjovsky, Chintala & Bottou 2017). Here the slope is held near 1 by a penalty between
# real and fake points (Gulrajani et al. 2017). Same training, and the same question.

# %%
torch.manual_seed(0)
f, critic = Discriminators(5), []
opt = torch.optim.Adam(f.parameters(), lr=1e-3, betas=(0.0, 0.99))
for step in range(1001):
    if step in stops:
        dial = torch.full((5, 1, 1), -1.0, requires_grad=True)
        critic.append(grad(-f(dial + z).mean(dim=1).sum(), dial)[0].abs().ravel())
    a, b = bell(2.0)(), bell(-1.0)()
    between = torch.lerp(a, b, torch.rand_like(a)).requires_grad_()
    (slope_there,) = grad(f(between).sum(), between, create_graph=True)
    loss = (f(b) - f(a) + 10 * (slope_there.abs() - 1).square()).mean(dim=1).sum()
    opt.zero_grad()
    loss.backward()
    opt.step()

# %%
fig, ax = plot.figure(width=7.5, height=3.8)
steps_seen = [max(s, 3) for s in stops]  # step 0 drawn at 3, for the sake of the logarithm
for name, colour in colours.items():
    ax.plot(steps_seen, felt[name], "o-", color=colour, linewidth=1, markersize=3, alpha=0.7)
    ax.plot([], [], "o-", color=colour, label=f"{name}, five discriminators")
ax.plot(steps_seen[: len(critic)], torch.stack(critic), "s-", color=plot.REAL, linewidth=1, markersize=3, alpha=0.7)
ax.plot([], [], "s-", color=plot.REAL, label="Wasserstein critic, five")
limit = 3 / 0.3**2  # the mean's gradient of KL(q||p) for two Gaussians of the same width: distance / width^2
plot.floor(ax, limit, "perfect D, non-saturating")
ax.set(xscale="log", yscale="log", xlabel="steps that D trained alone", ylabel="size of G's gradient", ylim=(1e-7, 200))
ax.set(xticks=steps_seen, xticklabels=stops)
ax.minorticks_off()
ax.legend(loc="lower left", fontsize=9)
plot.show(fig, "As the discriminator trains, the minimax gradient falls by orders of magnitude, the non-saturating one "
          "climbs towards its limit, and the Wasserstein critic's stays near 1.")  # fmt: skip
print(
    "after training alone:", {k: f"{v[-1].median():.1e}" for k, v in felt.items()}, f"critic {critic[-1].median():.2f}"
)
print(f"a perfect D: non-saturating {limit:.1f}, Wasserstein 1 exactly")

# %%
grew = {name: bool(sizes[-1].median() > sizes[0].median()) for name, sizes in felt.items()}
reveal(
    "03.f",
    truth={(True, True): 0, (False, False): 1, (False, True): 2, (True, False): 3}[
        grew["minimax"], grew["non-saturating"]
    ],
    because="; ".join(f"{name}: {s[0].median():.1e} → {s[-1].median():.1e}" for name, s in felt.items()) + ".",
)

# %% [markdown]
# It fits section 7. (In the first 30 steps all gradients grow: an untrained $D$ has next to no slope to pass on.) Minimax
# passes on $\nabla 2\mathrm{JS}$, and JS is at its ceiling. Non-saturating passes on
# $\nabla\mathrm{KL}(q\Vert p)$, which grows with the distance: for two Gaussians of one width, it is distance / width². The
# Wasserstein critic may be as good as it likes, since the slope of a *distance* is 1 wherever you are: there a
# near-optimal critic is what you want, and five of its steps to one of $G$'s are usual.
#
# A gradient is not yet a game. So play: 400 turns, with and without a head start of 1000 steps for $D$. $G$'s dial must
# go from −1 to 2; we count the turns until it has covered two thirds of the way.


# %%
def arrival(path):
    there = path > 1.0
    return [int(t) if ok else "never" for t, ok in zip(there.int().argmax(0), there.any(0), strict=True)]


games = {}
for head_start in (0, 1000):
    for loss in (minimax, non_saturating):
        path = play(loss, bell(2.0), bell(0.0), -1.0, head_start=head_start, lr_g=0.05)
        games[loss.name, head_start] = path
        print(f"{loss.name:14} head start {head_start:4}: there at turn {arrival(path)},",
              f"ends at {path[-1].mean():.2f}")  # fmt: skip

# %%
fig, axes = plot.figure(cols=2)
for ax, head_start in zip(axes, (0, 1000), strict=True):
    each_game(ax, {loss.name: games[loss.name, head_start] for loss in (minimax, non_saturating)}, "dial of G")
    plot.floor(ax, 2.0, "data")
    ax.set(title=f"{head_start} steps of head start for D", ylim=(-1.5, 5))
plot.show(fig, "Without a head start both losses arrive. After 1000 steps of head start minimax does not move, and "
          "non-saturating jumps there at once and overshoots.")  # fmt: skip

# %% [markdown]
# So the head start hurts minimax badly. Under the non-saturating loss it does no such harm, but look at the overshoot: a
# gradient that has grown a hundredfold is no gentle guide either. Alternating small steps, as in Algorithm 1 of
# Goodfellow et al. (2014), is the middle way.
#
# **One honest remark.** All this was plain gradient descent. *Adam* divides each gradient by its own recent size, so a
# gradient of a millionth gives a full step again, as long as it points the right way:

# %%
for head_start in (0, 1000):
    path = play(minimax, bell(2.0), bell(0.0), -1.0, head_start=head_start, opt_g=torch.optim.Adam, lr_g=0.01)
    print(f"minimax with Adam, head start {head_start:4}: there at turn {arrival(path)}")

# %% [markdown]
# Adam rescues games that plain descent lost: count them above, and compare their turns with those of the first line. It
# enlarges whatever arrives, the faint signal and the noise of the minibatch alike, and one dial has little noise to
# drown in. How far the rescue carries in larger networks is a question for lesson 07.
#
# ### Exercise 03.5 · Diagnose these runs
# *medium · core · 8 minutes.* Four games were logged by somebody who forgot to
# write down the loss. Each line has the mean logit of the fakes, the size of the mean logit's gradient by $G$'s dial
# (*slope*), and the size of the gradient of $G$'s loss (*gradient*). Section 7 says how the last two are related:
# roughly, gradient ≈ |dL/dℓ| · slope (a mean of products is not quite the product of the means).

# %%
show_runs()

# %% [markdown]
# For each run name the loss: `"minimax"`, `"non-saturating"` or `"cannot tell"`; and the illness:
#
# - `"starved"`: D is sure, and next to nothing of its slope reaches G;
# - `"pushed"`: D is sure, and all of its steep slope reaches G;
# - `"asleep"`: D has learned nothing that could be passed on;
# - `"healthy"`: D is unsure, as it should be against good fakes, and it still has a slope.

# %%
# exercise 03.5
#: solution
# gradient / slope is |dL/dl|: D for minimax, 1 - D for non-saturating. At logit 0 both are 1/2: no telling.
diagnosis = {
    "A": ("non-saturating", "pushed"),
    "B": ("cannot tell", "asleep"),
    "C": ("minimax", "starved"),
    "D": ("cannot tell", "healthy"),
}
#: stub
# diagnosis = {"A": ..., "B": ..., "C": ..., "D": ...}  # each ("the loss", "the illness")
#: end

# %%
check("03.5", diagnosis)

# %%
# hint("03.5")
# solution("03.5")

# %% [markdown]
# ## 10. What is not true
#
# Each line with figures from this very notebook.

# %%
closest = toy.gaussian(0.5, zero["minimax"])  # among Gaussians in the middle, the one of least JS
best_there = torch.sigmoid(p.log_prob(x) - closest.log_prob(x))
said = [(t.pdf(x) * best_there).sum() * dx for t in (p, closest)]
first, last = ({name: sizes[i].median().item() for name, sizes in felt.items()} for i in (0, -1))
still = int((paths["non-saturating"].abs() < 1).int().argmax(0).min())
untrue = {
    "The non-saturating loss minimises JS": f"one step down on it took JS from {before:.5f} up to "
    f"{after['non-saturating']:.5f}; it wants width {zero['non-saturating']:.2f}, and JS wants {zero['minimax']:.2f}",
    "Every step of a GAN descends a divergence": f"for {still} turns and more JS stood still at {math.log(2):.3f}, "
    "while Wasserstein-1 fell from 4 to 1",
    "Minimax saturates where D(G(z)) is near 1": f"it does near 0: at logit −10 it passes on {loud['minimax']:.1e}",
    "Train D to perfection before G learns": f"minimax then felt {last['minimax']:.0e}, where it had felt "
    f"{first['minimax']:.0e} at the start",
    "A strong D is always bad": "after D had trained alone, non-saturating felt a gradient of "
    f"{last['non-saturating']:.0f}, and a Wasserstein critic gave {critic[-1].median():.2f}",
    "D must reach one half": f"with the Gaussian closest to the two bumps the optimal D averages {said[0]:.2f} on real and "
    f"{said[1]:.2f} on fake points, for ever",
    "D at one half means success": f"with all weights zero it says so to garbage, at JS {metrics.js(p, garbage, wide):.2f}",
    "Training ends in a Nash equilibrium": f"for two bumps {int((r < 1e-6).sum())} of {len(who)} Gaussians are "
    "without regret, so there was none to end in",
    "D(x) is a density": f"D* is {best[rare]:.2f} where p = {p.pdf(x)[rare]:.2f}, and {best[common]:.2f} where p = "
    f"{p.pdf(x)[common]:.2f}",
}
say("\n".join(f"- *{claim}.* Not so: {fact}." for claim, fact in untrue.items()))

# %% [markdown]
# ## Quiz

# %%
quiz("03")

# %% [markdown]
# ## Recap
#
# | question | answer | where it holds |
# |---|---|---|
# | What does the optimal discriminator say? | $D^* = p/(p+q)$, $\ell^* = \log(p/q)$ | where there are points |
# | What is its value worth? | $C(G) = -\log 4 + 2\,\mathrm{JS}(p, q)$ | a trained one gives less; on its own points, more |
# | What is an equilibrium? | neither gains by moving alone; $q = p$, $D = \tfrac12$ is one | if $G$ can make $p$; otherwise there may be none |
# | What does each loss pass on? | minimax $-D$, non-saturating $-(1-D)$, times D's slope | at every fake |
# | What does it descend, D perfect? | minimax $2\,\mathrm{JS}$; non-saturating $\mathrm{KL}(q\Vert p) - 2\,\mathrm{JS}$ | for one step |
# | No overlap? | JS is $\log 2$, flat; Wasserstein-1 knows the distance | the played game may move all the same |
# | D perfect first? | minimax starves; non-saturating is pushed; a Wasserstein critic is fine | plain gradient descent |
#
# **Next:** lesson 04 asks whether play gets anywhere: it leaves densities behind and looks at the steps.
#
# ## Sources
#
# - I. Goodfellow, J. Pouget-Abadie, M. Mirza, B. Xu, D. Warde-Farley, S. Ozair, A. Courville, Y. Bengio (2014),
#   "Generative Adversarial Nets": equation 1, Algorithm 1, Proposition 1, Theorem 1, section 3.
# - M. Arjovsky, L. Bottou (2017), "Towards Principled Methods for Training Generative Adversarial Networks": Theorem 2.5.
# - M. Arjovsky, S. Chintala, L. Bottou (2017), "Wasserstein GAN": what the critic estimates.
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville (2017), "Improved Training of Wasserstein GANs".
# - W. Fedus, M. Rosca, B. Lakshminarayanan, A. Dai, S. Mohamed, I. Goodfellow (2018), "Many Paths to Equilibrium: GANs
#   Do Not Need to Decrease a Divergence At Every Step".
# - F. Farnia, A. Ozdaglar (2020), "Do GANs always have Nash equilibria?".
