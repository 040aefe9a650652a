# %% [markdown]
# # 08 · Losses and regularisers
#
# **There are many losses for GANs, and a few ways to hold a discriminator back. You will derive the ones that
# matter, catch each at what it promises and at what it does not, and then let eleven recipes play for the same budget,
# each at its own best learning rate.**
#
# You need: lessons 02 to 05 (logits, $D^* = p/(p+q)$, the factor that a loss passes on, R1 on the Dirac game, fair
# comparisons).
#
# Time: about two hours with the exercises. The notebook itself runs in about a minute on two processor cores.
#
# Afterwards you can
#
# - derive the best discriminator and the distance behind least squares, hinge and any f-divergence;
# - prove that a critic of slope at most 1 never overstates the Wasserstein distance, and say when it reaches it;
# - say what clipping, gradient penalty, spectral normalisation, R1 and R2 each hold down, where, and where not;
# - bound the slope of a network from its weights, and say how loose the bound is;
# - read a critic's curve and its weights, and name the illness;
# - compare recipes fairly, and say what the comparison does not show.

# %%
import math

import torch
from torch import nn
from torch.autograd import grad
from torch.nn.functional import linear, logsigmoid, relu

from gan_course import (
    clip_weights,
    device,
    ensemble,
    fgan,
    gradient_penalty,
    hinge,
    least_squares,
    metrics,
    minimax,
    nets,
)
from gan_course import non_saturating, plot, r1, r2, relativistic, spectral_norm, toy, wasserstein
from gan_course.checks import check, hint, predict, quiz, reveal, solution
from gan_course.checks.say import say
from gan_course.stack import Stack
from gan_course.widgets.laboratory import Laboratory

_ = device.tune_threads()
device.seed(0)
# Small networks, and many: they stay on the processor.

# %% [markdown]
# ## 1. What a loss can decide
#
# $G$ learns through three factors (lesson 03): the loss's slope at a fake's logit, times $D$'s slope at the fake, times
# what moves the fake. A **loss** decides the first. A **regulariser** bends the second. This lesson is about these two.
#
# Here is the first factor for five losses. $r$ and $f$ are $D$'s outputs at a real point and at a fake, and $L$ is what
# $G$ pays for one fake of output $\ell = f$:
#
# | loss | $D$ pays, real / fake | $G$ pays | $-dL/d\ell$ |
# |---|---|---|---|
# | minimax | $\mathrm{softplus}(-r)$ / $\mathrm{softplus}(f)$ | $-\mathrm{softplus}(f)$ | $\sigma(f)$ |
# | non-saturating | the same | $\mathrm{softplus}(-f)$ | $\sigma(-f)$ |
# | **least squares** (Mao et al. 2017) | $\tfrac12(r-1)^2$ / $\tfrac12 f^2$ | $\tfrac12(f-1)^2$ | $1 - f$ |
# | **hinge** (Lim & Ye 2017; Miyato et al. 2018) | $\max(0, 1-r)$ / $\max(0, 1+f)$ | $-f$ | $1$ |
# | **Wasserstein** (Arjovsky et al. 2017) | $-r$ / $f$ | $-f$ | $1$ |
#
# From least squares on, $D$'s output is no logit any more, only a score: no sigmoid is meant. We keep the letter.

# %%
predict(
    "08.a",
    "D is fooled entirely by one fake: its output is +6. What does G's least-squares loss do with this fake?",
    ["Nothing: it is good enough", "Pushes it further up", "Pulls it back down"],
)


# %%
def passed_on(loss, outputs):
    """-dL_G/dl for single fakes with these outputs of D, (n,): above 0, G pushes the output up."""
    fake = outputs[:, None].clone().requires_grad_()
    (slope,) = grad(len(fake) * loss.g(fake.detach(), fake), fake)  # a loss is a mean: times n, each one's own slope
    return -slope.squeeze(1)


four = (minimax, non_saturating, least_squares, hinge)  # G pays the same under hinge and Wasserstein
outputs = torch.linspace(-8, 8, 161)
fig, ax = plot.figure(width=7.5, height=3.2)
plot.curves(ax, outputs, {loss.name: passed_on(loss, outputs) for loss in four}, "D's output at a fake", "$-dL/d\\ell$")
ax.axhline(0, color=plot.MUTED, linewidth=0.8)
ax.set_ylim(-7.5, 9.5)
plot.show(
    fig,
    "Minimax is zero on the left, non-saturating zero on the right; hinge is one everywhere; least squares is a straight "
    "line that falls from nine to minus seven and crosses zero at one.",
)
at = torch.tensor([-10.0, 0.0, 6.0])
for loss in four:
    print(f"{loss.name:15}" + "".join(f"  at {x:g}: {s:9.2g}" for x, s in zip(at, passed_on(loss, at), strict=True)))

# %%
pull = passed_on(least_squares, torch.tensor([6.0])).item()
reveal(
    "08.a",
    truth=2 if pull < -0.01 else 1 if pull > 0.01 else 0,
    because=f"It is passed {pull:+.0f}: least squares wants exactly 1, and 6 is as wrong as -4. The non-saturating loss "
    f"passes on {passed_on(non_saturating, torch.tensor([6.0])).item():.4f}.",
)

# %% [markdown]
# That is the claim of Mao et al. (2017): a loss that saturates leaves alone whatever lies far out on the "right" side
# of $D$, though it may be far from the data. Least squares charges for every distance from 1, on either side, and so
# *no* fake is left alone. The price is seen on the left: a fake at −10 pulls eleven times as hard as one at 0. Hinge
# and Wasserstein pass on $D$'s slope as it is: how hard a fake is pushed is then $D$'s affair alone.
#
# ## 2. Each loss has its own best D
#
# The trick of lesson 03 works for every loss that is a mean over real points plus a mean over fakes: a free $D$ can be
# chosen place by place. At one place, with densities $p$ and $q$ and $y = D(x)$:
#
# **Least squares.** $\tfrac12 p(y-1)^2 + \tfrac12 q y^2$ has the slope $p(y-1) + qy$, which is zero at
# $y = \frac{p}{p+q}$. The old $D^*$ again, now without a sigmoid. What it costs there is
# $\tfrac12\frac{pq}{p+q}$, so that the best $D$'s loss is $\tfrac12\int\frac{pq}{p+q}\,dx$: between $\tfrac14$ for
# $p = q$ and 0 for no overlap.
#
# **Hinge.** $p\max(0, 1-y) + q\max(0, 1+y)$ consists of straight pieces. Between −1 and 1 its slope is $q - p$, left of
# −1 it is $-p$, right of 1 it is $q$. So the lowest point is the corner $y = +1$ where $p > q$, and $y = -1$ where
# $p < q$: $y = \mathrm{sign}(p - q)$. It costs $2\min(p, q)$ there, and since
# $\int\min(p,q) = 1 - \tfrac12\int|p-q|$, the best $D$ pays $2 - \int|p - q|\,dx$. (The integral is twice the **total variation** distance.)
#
# The hinge $D$ does not care *how much* likelier real is. Beyond the **margin** of 1 an answer is free, and no gradient
# comes from it: only the doubtful points teach this $D$.
#
# ### Exercise 08.1 · The hinge pair
# *easy · core · 5 minutes.* Write both losses. Inputs are $(n, 1)$, each loss gives one number.


# %%
# exercise 08.1
def hinge_d(real, fake):
    """What D pays: nothing for a real point above +1 or a fake below -1, else what is missing to there."""
    #: solution
    return relu(1 - real).mean() + relu(1 + fake).mean()  # relu(t) = max(0, t)
    #: stub
    # return ...
    #: end


def hinge_g(real, fake):
    """What G pays."""
    #: solution
    return -fake.mean()  # no margin for G: it would stop learning where D is fooled already
    #: stub
    # return ...
    #: end


# %%
check("08.1", (hinge_d, hinge_g))

# %%
# hint("08.1")
# solution("08.1")

# %% [markdown]
# **By name:** `hinge`, and `least_squares`.
#
# ## 3. Any f-divergence will do
#
# Lesson 03: the cross-entropy game measures JS. Nowozin et al. (2016) turned this round. *Choose* a divergence, and get
# the game.
#
# Take a convex function $f$ with $f(1) = 0$. The **f-divergence** of the data and the fakes is a mean over fakes,
#
# $$D_f(p\,\Vert\,q) = \int q\, f\!\Big(\frac pq\Big)\,dx \;\ge\; f\Big(\int q\,\frac pq\,dx\Big) = f(1) = 0 ,$$
#
# by Jensen's inequality. With $f(u) = u\log u$ it is $\mathrm{KL}(p\Vert q)$, with $-\log u$ it is
# $\mathrm{KL}(q\Vert p)$. But it needs $p/q$, and we have only samples. Here is the way out.
#
# **The bound.** A convex curve lies above its tangents. Ask for the highest line of slope $t$ below $f$: it is
# $ut - f^*(t)$, where
#
# $$f^*(t) = \max_u\,\big(ut - f(u)\big) \quad\text{is the \textbf{conjugate}, and so}\quad f(u) \ge ut - f^*(t)\ \text{ for every } t .$$
#
# Put $u = p/q$ and let $t = T(x)$ be any function of the place. Multiply by $q$ and integrate:
#
# $$D_f(p\,\Vert\,q) = \int q\,f\Big(\frac pq\Big) \;\ge\; \int q\,\Big(\frac pq\,T - f^*(T)\Big)
#   = \mathbb E_{p}[T] - \mathbb E_{q}[f^*(T)] .$$
#
# Two means over samples! The line touches the curve where its slope is the curve's: **equality at
# $T^* = f'(p/q)$**. So $D$ raises the right side until it is the divergence, and $G$ lowers it. One thing is left: $T$
# must stay where $f^*$ is finite, so a last function brings $D$'s raw output $v$ there, $T = g_f(v)$.

# %%
log_u = torch.linspace(-3, 1.6, 200, dtype=torch.float64)
u = log_u.exp()
fig, (left, right) = plot.figure(1, 2, height=3.2)
plot.curves(left, u, {"$f(u) = u \\log u$": fgan.kl.f(u)}, "$u = p/q$", "", {"$f(u) = u \\log u$": plot.THEORY})
for t in (0.0, 1.0, 2.0):
    left.plot(u, u * t - fgan.kl.conjugate(torch.tensor(t)), color=plot.DIS, linewidth=0.8)
    touch = math.exp(t - 1)  # f'(u) = 1 + log u = t
    left.plot(touch, touch * math.log(touch), "o", color=plot.DIS, label="slope $t$ = 0, 1, 2" if t == 0 else None)
left.set_ylim(-1.6, 6)
left.legend()
divergences = (fgan.kl, fgan.reverse_kl, fgan.pearson, fgan.squared_hellinger, fgan.jensen_shannon)
plot.curves(right, u, {loss.name: loss.f(u) for loss in divergences}, "$u = p/q$", "$f(u)$")
right.set_ylim(-1.6, 6)
right.legend(fontsize=8, loc="upper left", labelspacing=0.25)
plot.show(
    fig,
    "Left: u log u lies above three straight lines and touches each at one point. Right: five convex functions, all zero "
    "at u equal to one.",
)

# %% [markdown]
# | divergence | $f(u)$ | $g_f(v)$ | $f^*(t)$ | best raw output |
# |---|---|---|---|---|
# | KL$(p\Vert q)$ | $u\log u$ | $v$ | $e^{t-1}$ | $1 + \log u$ |
# | KL$(q\Vert p)$, "reverse" | $-\log u$ | $-e^{-v}$ | $-1-\log(-t)$ | $\log u$ |
# | Pearson $\chi^2$ | $(u-1)^2$ | $v$ | $\tfrac14 t^2 + t$ | $2(u-1)$ |
# | squared Hellinger | $(\sqrt u-1)^2$ | $1-e^{-v}$ | $t/(1-t)$ | $\tfrac12\log u$ |
# | $2\,\mathrm{JS}$ | $u\log u-(1+u)\log\frac{1+u}2$ | $\log 2-\mathrm{softplus}(-v)$ | $-\log(2-e^t)$ | $\log u$ |
#
# The last line is the old game: $-T$ and $f^*(T)$ are $\mathrm{softplus}(-v)$ and $\mathrm{softplus}(v)$, up to
# $\log 2$ each. As in lesson 03, $G$ does not lower the bound itself, which for most of these saturates (not for reverse
# KL): it raises $\mathbb E_q[g_f(v)]$ (the paper's section 3.2). **By name:** each of the five is a `Loss` in `gan_course.fgan`.
#
# ### Exercise 08.2 · A conjugate of your own
# *medium · core · 12 minutes.* Neyman's $\chi^2$ has $f(u) = \frac{(1-u)^2}{u} = \frac1u - 2 + u$. Derive $f^*$: find the
# $u$ at which $ut - f(u)$ is highest, and put it in. Which $t$ are allowed? Give the conjugate, and an increasing
# function from any raw output $v$ to the allowed $t$ that leaves none of them out (several will do).


# %%
# exercise 08.2
def neyman_conjugate(t):
    """f*(t) of f(u) = (1 - u)^2 / u, elementwise, for every t that is allowed."""
    #: solution
    # The slope of ut - f(u) is t - 1 + 1/u^2 = 0 at u = (1 - t)^(-1/2); put in: 2 - 2 sqrt(1 - t), for t < 1.
    return 2 - 2 * (1 - t).sqrt()
    #: stub
    # return ...
    #: end


def neyman_activation(v):
    """From any number v to a t that is allowed, increasing; elementwise."""
    #: solution
    return 1 - torch.exp(-v)  # anything increasing from (-inf, inf) onto (-inf, 1)
    #: stub
    # return ...
    #: end


# %%
check("08.2", (neyman_conjugate, neyman_activation))

# %%
# hint("08.2")
# solution("08.2")

# %% [markdown]
# ### Measured
#
# Lesson 03's two densities. Four discriminators for each loss learn against the standing fakes; the pink lines are what
# we derived. **New:** `Stack` (many networks as one: what `ensemble` is made of).

# %%
p, q = toy.mixture([-1.0, 2.0], 0.5), toy.gaussian(0.0, 1.2)  # the data, the fakes
x, dx = p.mesh(1200, extent=(-6, 6))
x = x.ravel().double()
log_ratio = p.log_prob(x) - q.log_prob(x)


# %%
def train_alone(make, count, draw, loss, steps, lr=1e-3, penalty=None, clip=None):
    """`count` discriminators, each learning alone against standing fakes. draw() gives (real, fake), (count, n, dim)."""
    torch.manual_seed(0)
    D = Stack([make() for _ in range(count)])
    opt = torch.optim.Adam(D.parameters(), lr=lr, betas=(0.0, 0.99), fused=True)
    for _ in range(steps):
        real, fake = draw()
        cost = torch.vmap(loss.d)(D(real), D(fake))  # one number for each network
        if penalty:
            cost = cost + penalty(D, real, fake)
        opt.zero_grad()
        cost.sum().backward()  # no network's cost depends on another: the sum gives each its own gradient
        opt.step()
        if clip:
            clip_weights(clip)(D)
    return D


def points_on_the_line():
    return p.sample(4 * 128).view(4, 128, 1), q.sample(4 * 128).view(4, 128, 1)


def learn(loss):
    """What four discriminators answer on the grid after 400 steps with this loss: (4, grid)."""
    D = train_alone(lambda: nets.mlp.discriminator(1, (32, 32)), 4, points_on_the_line, loss, steps=400, lr=3e-3)
    with torch.no_grad():
        return D(x.float()[:, None].expand(4, -1, 1)).squeeze(2).double()


# %%
best = {least_squares: torch.sigmoid(log_ratio), hinge: torch.sign(log_ratio)}
best |= {loss: loss.best(log_ratio) for loss in (fgan.kl, fgan.squared_hellinger)}
learned = {loss: learn(loss) for loss in best}

# %%
fig, axes = plot.figure(1, 4, width=12, height=3)
dense = (p.pdf(x) + q.pdf(x)) / 2 > 0.02
for ax, (loss, outputs) in zip(axes, learned.items(), strict=True):
    lines = {"learned": outputs[:, dense], "derived": best[loss][dense]}
    plot.curves(ax, x[dense], lines, "$x$", "D's output", {"learned": plot.DIS, "derived": plot.THEORY})
    ax.set_title(loss.name)
plot.show(
    fig,
    "Four panels, where there are points: what four discriminators learned follows the derived curve for least squares, "
    "Hellinger and, with too shallow a valley, KL; for hinge it rounds off the steps between minus one and one.",
)
off = {loss: (outputs - best[loss])[:, dense].abs().mean().item() for loss, outputs in learned.items()}
print("mean distance from the derived curve:", ", ".join(f"{loss.name} {d:.2f}" for loss, d in off.items()))
assert off[least_squares] < 0.15 and off[fgan.kl] < 0.6 and off[fgan.squared_hellinger] < 0.3

# %% [markdown]
# Same densities, four different answers: an output of 0.5 means "even" to least squares, "likely real" to hinge
# and Hellinger, "likely fake" to KL, for which even is 1. Never read one loss's $D$ with another loss's eyes. (Hinge: a
# step has no room in a continuous network, so it is rounded off. KL's valley is unfinished: its price $e^{v-1}$ is
# nearly flat that far down, so that little is left to gain.)
#
# And the bound: as an integral at $T^*$, and for the two that were learned. (Integrals on the grid, no luck of the
# samples.)


# %%
def bound(loss, v):
    """E_p[T] - E_q[f*(T)] as an integral, for raw outputs v (..., grid)."""
    return ((p.pdf(x) * loss.activation(v) - q.pdf(x) * loss.price(v)) * dx).sum(-1)


print(f"{'':20}  divergence   bound at T*   T* + 0.3    learned")
for loss in divergences:
    v = loss.best(log_ratio)
    found = bound(loss, learned[loss]) if loss in learned else None
    words = f"{found.mean():.3f} ± {found.std():.3f}" if loss in learned else ""
    exact, at_best, beside = loss.exact(p, q, x), bound(loss, v).item(), bound(loss, v + 0.3).item()
    print(f"{loss.name:20}  {exact:10.4f} {at_best:13.4f} {beside:10.4f}    {words}")
    assert abs(at_best - exact) < 1e-2 * exact + 1e-3 and beside < exact

# %% [markdown]
# Tight at $T^*$, below it elsewhere; and a trained network comes close, from below.
#
# So the divergence can be chosen like a tie. Does the choice matter? KL$(p\Vert q)$ punishes a $q$ that leaves out data,
# KL$(q\Vert p)$ one that makes what is not there. "So reverse KL collapses and KL does not, and GANs collapse because
# of JS", one reads. Keep this sentence in mind: section 10 lets these games play.
#
# ## 4. Wasserstein: another kind of distance
#
# No f-divergence knows *how far* apart two clouds are: without overlap they are stuck at their ceilings (lesson 03).
# **Wasserstein-1** does. Think of $q$ as earth and of $p$ as the place where it should lie. A **plan** $\gamma$ says
# how much goes from $y$ to $x$; its cost is mass times way, and the cheapest plan counts:
#
# $$W_1(p, q) = \min_\gamma\ \mathbb E_{(x, y)\sim\gamma}\,|x - y| \qquad\text{over all } \gamma \text{ that take } q \text{ to } p .$$
#
# How does a *critic* $f$ come in, a network that scores points? Say its slope is at most 1 everywhere:
# $f(x) - f(y) \le |x - y|$ (it is **1-Lipschitz**). Then for *any* such critic and *any* plan
#
# $$\mathbb E_p[f] - \mathbb E_q[f] = \mathbb E_{(x,y)\sim\gamma}\,[f(x) - f(y)] \;\le\; \mathbb E_{(x,y)\sim\gamma}\,|x-y| ,$$
#
# since $\gamma$ has $p$ on one side and $q$ on the other. Every critic lies below every plan. So if one critic and one
# plan *meet*, they have found the largest and the smallest value at once.
#
# **On a line they meet.** Integrate by parts, with the distribution functions $P$ and $Q$:
#
# $$\mathbb E_p[f] - \mathbb E_q[f] = \int f\,(p - q)\,dx = \int f'\,(Q - P)\,dx \;\le\; \int |Q - P|\,dx ,$$
#
# and $f' = \mathrm{sign}(Q - P)$ makes it equal. A plan with the same cost: carry the first grain to the first place, the
# second to the second, all in order. In more dimensions the two sides meet as well; that is the theorem of
# **Kantorovich and Rubinstein**, the duality of linear programs, which we do not prove:
#
# $$W_1(p, q) = \max_{|f'| \le 1}\ \mathbb E_p[f] - \mathbb E_q[f] .$$

# %%
P, Q = (t.pdf(x).cumsum(0) * dx for t in (p, q))


def score(slope):
    """E_p[f] - E_q[f] of a critic of this slope on the grid."""
    f = (slope * dx).cumsum(0)
    return ((p.pdf(x) - q.pdf(x)) * f).sum().item() * dx


grains, places = q.sample(4000, seed=1).ravel(), p.sample(4000, seed=2).ravel()
at_random = (grains - places).abs().mean().item()
in_order = (grains.sort().values - places.sort().values).abs().mean().item()
others = [score(torch.sin(a * x + b)) for a, b in torch.randn(200, 2, generator=torch.Generator().manual_seed(0))]
print(f"critics: the best of 200 made-up ones {max(others):.3f},   slope sign(Q - P)  {score(torch.sign(Q - P)):.3f}")
print(f"plans:   4000 grains at random        {at_random:.3f},   all in order       {in_order:.3f}")
print(f"Wasserstein-1, by name: {metrics.wasserstein1(p, q, x):.3f}")
assert max(others) < score(torch.sign(Q - P)) < at_random

# %% [markdown]
# The best critic and the plan in order meet, up to the luck of 4000 grains: the plan is one for samples, the other numbers
# are integrals. That is the **Wasserstein GAN** (Arjovsky et al. 2017): $D$, now called a critic, pays $\mathbb E_q[D] - \mathbb E_p[D]$,
# and $G$ pays $-\mathbb E_q[D]$. All that remains is a small condition: *slope at most 1, everywhere*. A network does not
# obey by itself. If it may be as steep as it likes, its loss falls for ever.
#
# ## 5. Keeping the slope down: three ways
#
# **Clipping** (Arjovsky et al. 2017): after each step, force every *weight* into $[-c, c]$. Bounded weights, so a bounded
# slope; which one, nobody says.
#
# **Gradient penalty** (Gulrajani et al. 2017): ask the slope itself to be 1, at random points on the lines between real
# points and fakes: add $\lambda\,(|\nabla D| - 1)^2$. On the lines of an *optimal* plan a best critic has slope 1, they
# show; lines between random pairs stand in for these.
#
# **Spectral normalisation** (Miyato et al. 2018): section 6.
#
# First to the claim on everybody's lips: *the critic's loss is the Wasserstein distance*. Two round clouds of width 0.3, 1, 2
# or 4 apart. One is the other one moved, so the true distance is exactly that. Fifteen critics of each kind, five for
# each distance, learn alone; then we read $\mathbb E_p[D] - \mathbb E_q[D]$ on fresh points.

# %%
predict(
    "08.b",
    "The clouds are 2 apart. What does a critic say whose weights are clipped to 0.01?",
    ["Close to 2", "Somewhere between 0.2 and 20, but wrong", "Less than 0.02", "More than 20"],
)

# %%
predict(
    "08.c",
    "And with the gradient penalty of the paper (weight 10), clouds 4 apart?",
    ["A little less than 4: it is a bound from below", "4.0, to a few per cent", "Clearly more than 4"],
)

# %%
far = torch.tensor([1.0, 2.0, 4.0]).repeat_interleave(5)
shift = torch.stack([far, 0 * far], dim=1)[:, None]  # (15, 1, 2)


def two_clouds(n):
    return 0.3 * torch.randn(15, n, 2), shift + 0.3 * torch.randn(15, n, 2)


kinds = {"clip 0.01": {"clip": 0.01}, "clip 1": {"clip": 1.0}, "penalty 10": {"penalty": gradient_penalty(10.0)}}
trained = {
    name: train_alone(lambda: nets.mlp.discriminator(2, (32, 32)), 15, lambda: two_clouds(64), wasserstein, 400, **kind)
    for name, kind in kinds.items()
}


# %%
def slopes(D, points):
    """|grad D| at points (..., n, d): (..., n)."""
    points = points.clone().requires_grad_()
    return grad(D(points).sum(), points)[0].norm(dim=-1)


square = plot.mesh((-2, 6), 41).expand(15, -1, 2)
readings, steepest = {}, {}
with torch.no_grad():
    real, fake = two_clouds(4000)
    for name, C in trained.items():
        readings[name] = (C(real) - C(fake)).mean(dim=(1, 2)).view(3, 5)
for name, C in trained.items():
    steepest[name] = slopes(C, square).amax(dim=1).view(3, 5)
print(f"{'true distance':26}" + "".join(f"{d:23g}" for d in (1, 2, 4)))
for name, r in readings.items():
    print(
        f"{name + ': reading':26}" + "".join(f"{a:12.4g} ± {b:<8.2g}" for a, b in zip(r.mean(1), r.std(1), strict=True))
    )
    s = r / steepest[name]
    print(
        f"{'   over its steepest slope':26}"
        + "".join(f"{a:12.3f} ± {b:<8.2g}" for a, b in zip(s.mean(1), s.std(1), strict=True))
    )

# %%
r = readings["clip 0.01"][1].mean().item()
reveal(
    "08.b",
    truth=2 if r < 0.02 else 3 if r > 20 else 0 if abs(r - 2) < 0.2 else 1,
    because=f"Clipped to 0.01 it says {r:.4f}; clipped to 1 it says {readings['clip 1'][1].mean():.0f}. Means of five.",
)
r = readings["penalty 10"][2].median().item()
reveal(
    "08.c",
    truth=1 if abs(r - 4) < 0.2 else 2 if r > 4 else 0,
    because=f"It says {r:.2f}, the median of five critics.",
)
assert readings["clip 0.01"].max() < 0.05 and readings["clip 1"].min() > 20 and r > 4.2

# %% [markdown]
# **Clipping** gives the distance in a unit of its own, and the unit depends on $c$, on the depth and on how long you
# trained. Within one row the reading does grow with the distance. You may compare a run with itself, not with 1, and not
# with another network. Divide by the steepest slope that the critic has anywhere on our grid, and you get what the duality promises: a
# lower bound. (Often a poor one: a single steep place, wherever it lies, spoils it.)
#
# **The penalty** comes near, but errs to the *other* side, and by a rule. A critic that rises steadily with slope $s$ over a
# distance $d$ earns $sd$ and pays $\lambda(s-1)^2$. Best is
#
# $$d - 2\lambda(s - 1) = 0 \;\Longrightarrow\; s = 1 + \frac{d}{2\lambda}, \qquad
#   \text{reading } \approx d\,\Big(1 + \frac{d}{2\lambda}\Big).$$
#
# It is a penalty, no law: whoever gains enough pays and goes steeper.

# %%
for d, row in zip((1, 2, 4), readings["penalty 10"], strict=True):
    rule = d * (1 + d / 20)
    print(f"distance {d}: d (1 + d / 20) = {rule:.2f}, read {row.median():.2f} ({row.min():.2f} to {row.max():.2f})")
    assert abs(row.median() / rule - 1) < 0.1

# %% [markdown]
# These are medians of five, for a reason. With other seeds you may meet a critic that reads far too little at distance 1,
# even less than 0: it began with its slope the wrong way round. The penalty asks for a *length* of 1 and is blind to the
# direction. To pass through a slope of 0 would be dear, and so such a critic turns slowly.
#
# Stanczuk et al. (2021) looked at this with images and larger networks, and say in their title what they found:
# *Wasserstein GANs work because they fail (to approximate the Wasserstein distance)*.
#
# ### What clipping does to the weights

# %%
predict(
    "08.d",
    "In the critics that were clipped to 0.01, how many of the weights lie exactly at one of the two limits?",
    ["next to none: the limit only catches outliers", "about a third", "most of them"],
)


# %%
def all_weights(C):
    return torch.cat([w.detach().ravel() for w in C.parameters()])


fig, axes = plot.figure(1, 3, width=10, height=2.8)
pinned = {}
for ax, (name, C) in zip(axes, trained.items(), strict=True):
    w = all_weights(C)
    limit = kinds[name].get("clip", w.abs().max().item())
    pinned[name] = (w.abs() >= 0.999 * limit).float().mean().item()
    ax.hist(w, bins=41, range=(-limit, limit), color=plot.DIS)
    at_limits = f"{pinned[name]:.0%} at the limits" if "clip" in kinds[name] else "no limit"
    ax.set(title=f"{name}: {at_limits}", xlabel="weight", ylabel="weights")
plot.show(
    fig,
    "Histograms of weights. Clipped to 0.01: two towers at the limits, little between. Clipped to 1: two humps half-way out, "
    "on their way to the limits. With the penalty: one hump around zero.",
)

# %%
share = pinned["clip 0.01"]
reveal(
    "08.d",
    truth=2 if share > 0.5 else 1 if share > 0.1 else 0,
    because=f"{share:.0%} lie at ±0.01. Clipped to 1: {pinned['clip 1']:.1%}, and the slope is in the hundreds.",
)
assert share > 0.6

# %% [markdown]
# To get any slope at all out of weights so small, the critic takes the largest that are allowed, nearly everywhere: a
# network of ±0.01 and little else. With the limit far out the weights are still on their way there. Gulrajani et al. (2017) show the same two towers. The inventors of clipping did not defend it: "a
# clearly terrible way to enforce a Lipschitz constraint" (Arjovsky et al. 2017).
#
# ### Where the penalty holds, and where not
#
# The penalty is paid at *sampled* points: on the lines between real points and fakes. What happens elsewhere? The data are
# the ring; all fakes lie at one mode, as after a collapse. Four critics, weight 10.

# %%
predict(
    "08.e",
    "A critic trained with the gradient penalty. Where is its slope 1, to within 20 %?",
    [
        "Nearly everywhere in the picture",
        "Nearly everywhere on the sampled lines, but not in the whole picture",
        "In neither",
    ],
)

# %%
ring = toy.ring(8, radius=1.0, std=0.08)


def ring_and_one_mode(n, crowd=4):
    """Real points of the ring, and fakes that all lie at its rightmost mode."""
    return ring.sample(crowd * n).view(crowd, n, 2), torch.tensor([1.0, 0.0]) + 0.08 * torch.randn(crowd, n, 2)


C = train_alone(
    lambda: nets.mlp.discriminator(2, (64, 64)), 4, lambda: ring_and_one_mode(128), wasserstein, 500, lr=1e-3,
    penalty=gradient_penalty(10.0),
)  # fmt: skip
real, fake = ring_and_one_mode(2000)
where = {
    "on the sampled lines": torch.lerp(real, fake, torch.rand(4, 2000, 1)),
    "at real points": real,
    "anywhere in the picture": plot.mesh((-2.5, 2.5), 61).expand(4, -1, 2),
}
steepness = {name: slopes(C, points) for name, points in where.items()}
for name, s in steepness.items():
    near = ((s - 1).abs() < 0.2).float().mean(1)
    print(f"{name:24} |grad D| from {s.min():.2f} to {s.max():.2f};  within 20 % of 1: {near.mean():.0%} ± {near.std():.0%};"
          f"  above 1: {(s > 1).float().mean():.0%}")  # fmt: skip

# %%
fig, (left, right) = plot.figure(1, 2, width=10, height=4)
seen = left.imshow(steepness["anywhere in the picture"][0].view(61, 61), origin="lower", extent=(-2.5, 2.5, -2.5, 2.5),
                   cmap="cividis", vmin=0)  # fmt: skip
fig.colorbar(seen, ax=left, label="$|\\nabla D|$, first critic", shrink=0.8)
plot.scatter(left, real[0, :200], fake[0, :60], (-2.5, 2.5))
for name, s in steepness.items():
    right.hist(s.ravel(), bins=60, range=(0, 2), density=True, histtype="step", label=name)
right.set(xlabel="$|\\nabla D|$", ylabel="density")
right.legend(fontsize=8)
plot.show(
    fig,
    "Left: a map of the slope, bright in a fan between the fakes on the right and the ring, patchy, with dark streaks. "
    "Right: histograms; on the sampled lines slopes gather near one, over the whole picture they spread.",
)

# %%
on_lines, anywhere = (steepness[name] for name in ("on the sampled lines", "anywhere in the picture"))
held, wide = (((s - 1).abs() < 0.2).float().mean().item() for s in (on_lines, anywhere))
above = (on_lines > 1).float().mean().item()
reveal(
    "08.e",
    truth=0 if wide > 0.9 else 1 if held > 0.85 else 2,
    because=f"On the sampled lines at {held:.0%} of the points, in the whole picture at {wide:.0%}. The flattest place has "
    f"{anywhere.min():.2f}, the steepest {anywhere.max():.2f}.",
)
assert held > wide + 0.1

# %% [markdown]
# Look behind the fakes, away from the ring: no line ever leads there, and the critic does what it likes. (In these
# pictures it is mostly flatter; nothing forbids it to be steeper.) Where fakes are *now*, the slope is about right; where they will be after $G$'s
# next steps, nobody has looked yet. And on the lines themselves the slope is mostly a little *above* 1, by the rule of $d/2\lambda$:
# even there it is no critic of slope at most 1.
#
# ### Exercise 08.3 · The penalty that flattens
# *medium · core · 8 minutes · find the planted bug.* A colleague wrote the penalty by hand. With it a critic between
# two clouds 2 apart comes out next to flat:


# %%
def colleagues_penalty(D, real, fake):
    """mean (|grad D| - 1)^2 at random points on the lines between pairs; real, fake: (n, d)."""
    t = torch.rand(len(real), 1)
    x = torch.lerp(real, fake, t).detach().requires_grad_()
    (slope,) = grad(D(x).sum(), x, create_graph=True)
    return (slope.norm(2) - 1).square().mean()


torch.manual_seed(0)
critic = nets.mlp.discriminator(2, (32, 32))
opt = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.99), fused=True)
for _ in range(300):
    real, fake = (points[5] for points in two_clouds(64))
    opt.zero_grad()
    (wasserstein.d(critic(real), critic(fake)) + 10 * colleagues_penalty(critic, real, fake)).backward()
    opt.step()
print(f"slope between the clouds: {slopes(critic, torch.tensor([[0.5, 0.0], [1.0, 0.0], [1.5, 0.0]])).mean():.2f}")

# %% [markdown]
# Find the bug, and write the penalty without it. The check also looks whether your penalty's gradient is still a number
# where $D$ is perfectly flat.


# %%
# exercise 08.3
def slope_penalty(D, real, fake):
    """mean (|grad D| - 1)^2 at random points on the lines between pairs; real, fake: (n, d). Gives one number."""
    t = torch.rand(len(real), 1)
    x = torch.lerp(real, fake, t).detach().requires_grad_()
    (slope,) = grad(D(x).sum(), x, create_graph=True)
    #: solution
    # One slope for each point: norm(2) without a dim is one for the whole batch. And a root is kept off zero.
    size = (slope.square().sum(dim=1) + 1e-12).sqrt()
    return (size - 1).square().mean()
    #: stub
    # return ...  # in place of (slope.norm(2) - 1).square().mean()
    #: end


# %%
check("08.3", slope_penalty)

# %%
# hint("08.3")
# solution("08.3")

# %% [markdown]
# **By name:** `gradient_penalty(10.0)`. (One more thing that breaks it: batch normalisation in $D$. There an output depends on
# the whole batch, and "the slope at this point" is no longer defined; Gulrajani et al. 2017 leave it out for this reason.)
#
# ## 6. Spectral normalisation
#
# Clipping bounds every weight. But what stretches is the whole *matrix*: $|Wx| \le s_1(W)\,|x|$, with $s_1$ its **largest
# singular value**, also called its spectral norm. Divide it away, $W / s_1(W)$, and the layer stretches nothing by more
# than 1. A leaky unit has slope at most 1, a bias changes no slope. Layers come one after another, so the slopes multiply:
#
# $$|D(x) - D(y)| \le \Big(\prod_{\text{layers}} s_1(W)\Big)\,|x - y| .$$
#
# With all $s_1 = 1$ the network is 1-Lipschitz: everywhere, not only where somebody looked. To find $s_1$ **by hand**,
# multiply any vector by $W^\top W$ again and again: each time its part along the strongest direction grows most (*power
# iteration*).


# %%
def largest(W):
    """The largest singular value of W: power iteration, here by squaring W'W five times (its 32nd power)."""
    with torch.no_grad():  # the directions are taken as given; the gradient flows through W alone
        power = W.T @ W
        for _ in range(5):
            power = power / power.diagonal().sum()  # or it would overflow
            power = power @ power
        v = power @ torch.linspace(0.5, 1, len(power))  # whatever we start from
        v = v / v.norm()
        u = W @ v / (W @ v).norm()
    return u @ W @ v


class Bounded(nn.Module):
    """A linear layer whose weight is divided by its largest singular value."""

    def __init__(self, layer):
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x):
        return linear(x, self.weight / largest(self.weight), self.bias)


def bounded(D):
    return nn.Sequential(*[Bounded(layer) if isinstance(layer, nn.Linear) else layer for layer in D])


# %%
torch.manual_seed(0)
W = torch.randn(32, 32)
layer = nn.Linear(32, 32)
layer.weight.data = W.clone()
by_name = spectral_norm(layer)
for _ in range(30):
    by_name(torch.zeros(1, 32))  # in training mode, each forward takes one more step of its power iteration
exact = torch.linalg.matrix_norm(W, 2)
print(f"largest singular value: by hand {largest(W):.3f}, exact {exact:.3f}")
print(
    f"largest difference of the normalised weights, by hand and by name: {(W / largest(W) - by_name.weight).abs().max():.4f}"
)

# %% [markdown]
# **By name:** `spectral_norm(D)`. It keeps its vector from step to step, so that one multiplication a step is enough. (We
# use ours below: it keeps nothing, and so it can be stacked.)
#
# ### Exercise 08.4 · A bound from the weights
# *medium · core · 8 minutes.* Give the bound of the formula above for any network of linear layers and leaky units with
# slopes of at most 1.


# %%
# exercise 08.4
def slope_bound(D):
    """A number that |grad D| exceeds nowhere. D: nn.Sequential of nn.Linear and nn.LeakyReLU."""
    #: solution
    # A layer stretches by at most its largest singular value, and the layers come one after the other.
    norms = [torch.linalg.matrix_norm(layer.weight, 2) for layer in D if isinstance(layer, nn.Linear)]
    return math.prod(norm.item() for norm in norms)
    #: stub
    # return ...
    #: end


# %%
check("08.4", slope_bound)

# %%
# hint("08.4")
# solution("08.4")

# %% [markdown]
# How near do real networks come to their bound? Five discriminators without and five with spectral normalisation learn the
# ring against one Gaussian, with the hinge loss. The steepest slope is measured at all 2601 points of a grid.

# %%
predict(
    "08.f",
    "With spectral normalisation no slope can exceed 1. How steep is the steepest place that we find?",
    ["0.9 to 1", "0.6 to 0.9", "less than 0.6"],
)


# %%
def ring_and_gaussian(n=128, crowd=5):
    return ring.sample(crowd * n).view(crowd, n, 2), 0.7 * torch.randn(crowd, n, 2)


def plain():
    return nets.mlp.discriminator(2, (32, 32))


def product_of_norms(D):
    """The bound of section 6, from the weights as they are used."""
    weights = [m.weight for m in D if hasattr(m, "weight")]
    return math.prod(torch.linalg.matrix_norm(w, 2).item() for w in weights)


grid = plot.mesh((-2, 2), 51).expand(5, -1, 2)
print(f"{'':10}  bound from the weights   steepest measured")
steep = {}
for name, make in {"plain": plain, "spectral": lambda: bounded(plain())}.items():
    D = train_alone(make, 5, ring_and_gaussian, hinge, 300, lr=3e-3)
    steep[name] = slopes(D, grid).amax(dim=1)
    bounds = torch.tensor([1.0 if name == "spectral" else product_of_norms(D.take(k)) for k in range(5)])
    print(
        f"{name:10}  {bounds.mean():14.1f} ± {bounds.std():4.1f} {steep[name].mean():14.2f} ± {steep[name].std():.2f}"
    )
    assert bool((steep[name] < 1.02 * bounds).all())

# %%
s = steep["spectral"].mean().item()
reveal(
    "08.f",
    truth=0 if s > 0.9 else 1 if s > 0.6 else 2,
    because=f"{s:.2f} ± {steep['spectral'].std():.2f} (five networks).",
)

# %% [markdown]
# So spectral normalisation gives **at most** 1, not 1. The bound would be reached only if the strongest direction of every
# layer fed exactly into the strongest of the next, with all units open. It is a bound layer by layer, and the loss of $D$
# has no reason to line the layers up. Without normalisation the bound is loose as well. (For a critic that should
# *measure* $W_1$ this is bad: a slope that falls short gives too low a reading. For a $D$ that should merely be tame, it
# is a cheap promise that holds everywhere.)
#
# ## 7. R1 and R2: flat where the game will end
#
# Mescheder et al. (2018) asked for something else:
#
# $$R_1 = \tfrac\gamma2\,\mathbb E_p|\nabla D|^2, \qquad R_2 = \tfrac\gamma2\,\mathbb E_q|\nabla D|^2 .$$
#
# R1 charges slope at real points, R2 at fakes. Neither wants 1; both want **0**. That is what should hold at the end: once
# $q = p$ there is nothing left to tell, and any slope that $D$ keeps pushes good fakes away. You saw in lesson 04 that
# this settles the Dirac game: R1 puts $-\gamma$ on the diagonal of its Jacobian, and the whirl becomes a valley. Near the
# end R2 does the same. A gradient penalty asks for slope 1 *even then*:

# %%
from gan_course.dirac import Dirac, alternating, play, radius

torch.manual_seed(0)
games = {
    "minimax, nothing": Dirac(minimax),
    "minimax + R1": Dirac(minimax, (r1(1.0),)),
    "minimax + R2": Dirac(minimax, (r2(1.0),)),
    "Wasserstein, nothing": Dirac(wasserstein),
    "Wasserstein + R1": Dirac(wasserstein, (r1(1.0),)),
    "Wasserstein + penalty": Dirac(wasserstein, (gradient_penalty(1.0),)),
}
rest = {}
for name, game in games.items():
    path = play(game, alternating, (1.0, 1.0), 250)
    rest[name] = path[-100:, 0].abs().mean().item()
    print(
        f"{name:22}  |fake - data| over the last 100 of 250 turns: {rest[name]:.4f},  |D's slope| {path[-100:, 1].abs().mean():.4f}"
    )
assert max(rest[name] for name in rest if "R" in name) < 1e-2 < rest["Wasserstein + penalty"]

# %% [markdown]
# With the penalty this game does not come to rest: the fake is at the data, $D$ is told to have slope 1 all the same, and
# so pushes it off again: it swings wider than without a penalty. (Mescheder et al. prove it for a fixed number of critic steps; in practice small rates and
# averaging hide much of it.)
#
# ## 8. Relativistic: a landscape of pairs
#
# The relativistic loss (lesson 05's pairs; Jolicoeur-Martineau 2018) charges for *differences* of outputs. Why should this help? Sun
# et al. (2020), in the title of their paper, speak of *a better global loss landscape*. Their smallest example fits on a
# slide. The data are two points, A and B. $G$ owns two fakes. It starts **collapsed**, both at A; it is **on its way** when
# one has left A and is somewhere else, C; it has **won** with one at A and one at B. Let $D$ be perfect each time, and free
# to give any output at any place. What does $G$ see: the value $\max_D$ that it wants *low*?
#
# With each point for itself (the game of lesson 02), and with pairs, real $i$ with fake $i$:

# %%
A, B, C = range(3)
fakes = {"collapsed": [A, A], "on its way": [A, C], "won": [A, B]}


def alone(d, y):
    return logsigmoid(d[[A, B]]).mean() + logsigmoid(-d[y]).mean()


def paired(d, y):
    return logsigmoid(d[[A, B]] - d[y]).mean()


def all_pairs(d, y):
    return logsigmoid(d[[A, B], None] - d[y]).mean()


def best_value(value, y):
    """max over D's three outputs, from a concave function: by gradient ascent."""
    d = torch.zeros(3, requires_grad=True)
    opt = torch.optim.Adam([d], lr=0.2)
    for _ in range(150):
        opt.zero_grad()
        (-value(d, y)).backward()
        opt.step()
    return value(d, y).item()


print(f"{'':30}" + "".join(f"{state:>12}" for state in fakes))
landscape = {}
for name, value in {"each alone": alone, "fixed pairs": paired, "every real with every fake": all_pairs}.items():
    landscape[name] = [best_value(value, y) for y in fakes.values()]
    print(f"{name:30}" + "".join(f"{v:12.3f}" for v in landscape[name]))
hill = {name: v[1] - v[0] for name, v in landscape.items()}
assert hill["each alone"] > 0.2 and abs(hill["fixed pairs"]) < 0.01 and hill["every real with every fake"] > 0.1

# %% [markdown]
# Read the lines from left to right. **Each alone:** to get from collapsed to won, $G$ must first get *worse*: the collapse lies in a basin of its
# own. A fake that leaves A is caught at once, for there is nothing else at C. **Fixed pairs:** no hill. The
# fake that leaves A was paired with B, and $D$ told the two apart before as well as after. Sun et al. show that for
# any number of points the separable losses have such bad basins, very many of them, and the paired one none.
#
# Mind the third line, which is our own calculation. In the example real $i$ stays paired with fake $i$; in training, minibatches
# are drawn afresh, and every real point meets every fake. Then the hill is back. So the theorem explains less of practice
# than its title promises: it is about a $D$ that is free everywhere, and pairs that last. What the loss is worth, games must tell.
#
# ## 9. Touch them
#
# Four recipes on the ring, in step: hinge; Wasserstein, clipped to 0.2; Wasserstein with a gradient penalty; relativistic
# with R1 and R2. Press *Play*. Then
#
# - change the first one's *loss* while it plays: to *least squares*, to *Wasserstein* (now without anything to hold it!),
#   and back. What happens to the curves, and what to the fakes?
# - *Steer* the second, and move *weight clipping* to 0.01 and to 1;
# - the list has KL and reverse KL, too: section 3's games.

# %%
laboratory = Laboratory(
    data="ring", loss={"KL": fgan.kl, "reverse KL": fgan.reverse_kl}, trained=False,
    panels=["controls", "charts", "timeline", "arena"],
)  # fmt: skip
slower = {"lr_g": 0.003, "lr_d": 0.01}
laboratory.arena([
    {"loss": "hinge", **slower},
    {"loss": "Wasserstein", "clip": 0.2, **slower},
    {"loss": "Wasserstein", "penalties.gradient penalty": 0.3, **slower},
    {"loss": "relativistic", "penalties.R1": 0.1, "penalties.R2": 0.1, **slower},
])  # fmt: skip
laboratory.play(60)
laboratory

# %% [markdown]
# ## 10. The arena
#
# Which is best? Lucic et al. (2018) put that question to seven kinds of GAN with the same large budget for each, and found
# that most reach similar scores if all are tuned equally long. Let us be as fair, on a smaller scale. Eleven recipes;
# the same networks, data, 250 turns of one step each, batches of 64, $D$'s rate 0.01, averaging 0.99. Each may **choose
# $G$'s learning rate** among three: 0.001, 0.003, 0.01. It chooses by the JS (lesson 05) of two seeds that are then
# thrown away. What counts are six other seeds.
#
# The weights of the penalties and the limit of the clipping are fixed: one value each, from a small trial on other seeds.
# (Gulrajani et al. use 10 for the gradient penalty throughout. But such weights have units: set it to 10 in the laboratory
# above, and see what becomes of this ring at these rates in 250 turns.)

# %%
weak = [gradient_penalty(0.3)], [r1(0.1)], [r1(0.1), r2(0.1)]
recipes = {
    "non-saturating (JS)": {"loss": non_saturating},
    "f-GAN: KL": {"loss": fgan.kl},
    "f-GAN: reverse KL": {"loss": fgan.reverse_kl},
    "least squares": {"loss": least_squares},
    "hinge": {"loss": hinge},
    "hinge + spectral norm": {"loss": hinge, "D": lambda: bounded(plain())},
    "Wasserstein + clip 0.2": {"loss": wasserstein, "constrain": clip_weights(0.2)},
    "Wasserstein + penalty 0.3": {"loss": wasserstein, "penalties": weak[0]},
    "non-saturating + R1": {"loss": non_saturating, "penalties": weak[1]},
    "relativistic": {"loss": relativistic},
    "relativistic + R1 + R2": {"loss": relativistic, "penalties": weak[2]},
}
rates, tuning, fresh = (0.001, 0.003, 0.01), (10, 11), range(12, 18)
variants = [
    {"name": name, **recipe, "lr_g": rate, "seed": seed}
    for name, recipe in recipes.items() for rate in rates for seed in (*tuning, *fresh)
]  # fmt: skip
print(f"{len(variants)} games")

# %%
predict(
    "08.g",
    "Call a recipe good if its mean JS is within 0.05 of the best one's. Let the recipes exchange the common rate 0.01 for "
    "their own best of three. How many of the eleven are good then?",
    ["About as many as before: a bad loss is a bad loss", "Clearly more, but not all", "All eleven"],
)

# %% [markdown]
# JS is counted in cells, as in lesson 05. On the way, every 25 turns, we note the losses of $D$ and the JS of some of
# the games: section 12 has a question to put to them.

# %%
CELLS, REACH = 32, 1.8
cells, _ = ring.mesh(4 * CELLS, (-REACH, REACH))
mass = ring.pdf(cells).view(CELLS, 4, CELLS, 4).sum(dim=(1, 3))
mass, edges = mass / mass.sum(), torch.linspace(-REACH, REACH, CELLS + 1)


def js(x):
    """JS between the ring and the points x (n, 2), over the cells of a grid, in nats."""
    inside = x.flip(1).clamp(-REACH + 1e-4, REACH - 1e-4)
    q = torch.histogramdd(inside, [edges, edges]).hist / len(x)
    m = (mass + q) / 2
    return ((torch.xlogy(mass, mass) + torch.xlogy(q, q)) / 2 - torch.xlogy(m, m)).sum().item()


# %%
games = ensemble.train(
    lambda: nets.mlp.generator(2, 2, (32, 32)),
    plain,
    lambda seed: ring.batches(64, seed),
    variants,
    steps=250,
    lr_d=0.01,
    average=0.99,
)
watched = [k for k, v in enumerate(variants) if v["lr_g"] == 0.003 and v["seed"] in fresh]
d_losses, distances, recent = [], [], []
for step in games:
    recent.append(step.d_loss[watched])
    if step.index % 25 == 0:
        d_losses.append(torch.stack(recent).mean(dim=0))
        x = games.sample(1500)[watched]
        distances.append(torch.tensor([js(one) if bool(one.isfinite().all()) else math.nan for one in x]))
        recent = []
table = games.table(
    2500,
    JS=js,
    modes=lambda x: metrics.modes_covered(x, ring),
    share=lambda x: metrics.high_quality_share(x, ring),
    reverse_kl=lambda x: metrics.reverse_kl(x, ring),
)


# %%
def of(name, rate, seeds, score):
    """A score of a recipe at a rate, over these seeds: (seeds,)."""
    rows = [row for row in table.where(name=name, lr_g=rate).rows if row["seed"] in seeds]
    return torch.tensor([row[score] for row in rows], dtype=torch.float64)


def chosen_rate(name):
    """The rate with the lowest mean JS on the tuning seeds; a rate at which one of them diverged is out."""
    return min(rates, key=lambda rate: of(name, rate, tuning, "JS").mean().nan_to_num(nan=math.inf).item())


chosen = {name: chosen_rate(name) for name in recipes}
points = ring.sample(2500, seed=1)
gaussian = points.mean(0) + points.std(0) * torch.randn(2500, 2, generator=torch.Generator().manual_seed(0))
scores = {"JS": js, "modes": lambda x: metrics.modes_covered(x, ring), "share": lambda x: metrics.high_quality_share(x, ring),
          "reverse_kl": lambda x: metrics.reverse_kl(x, ring)}  # fmt: skip
print(f"{'means of six fresh seeds':28} rate      JS            modes   share   reverse KL")
for name, rate in chosen.items():
    found = {score: of(name, rate, fresh, score) for score in scores}
    print(f"{name:28} {rate:<6g} {found['JS'].mean():.3f} ± {found['JS'].std():.3f} {found['modes'].mean():8.1f} "
          f"{found['share'].mean():8.2f} {found['reverse_kl'].mean():10.3f}")  # fmt: skip
for name, x in {"one Gaussian, no game": gaussian, "real points (floor)": points}.items():
    js_, modes, share, kl = (score(x) for score in scores.values())
    print(f"{name:28} {'':6} {js_:.3f} {modes:16.1f} {share:8.2f} {kl:10.3f}")

# %%
fig, axes = plot.figure(1, 2, width=11, height=4.6)
for ax, title, pick in zip(
    axes,
    ("G's rate 0.01 for all", "each at its own best of three"),
    (dict.fromkeys(recipes, 0.01), chosen),
    strict=True,
):
    for row, (name, rate) in enumerate(pick.items()):
        found = of(name, rate, fresh, "JS")
        kept = found[~found.isnan()]
        ax.plot(found, [row] * len(found), "^", color=plot.FAKE, markersize=5)
        if len(kept):
            ax.errorbar(kept.mean(), row, xerr=kept.std(), fmt="|", color="black", markersize=14, capsize=3)
        if len(kept) < len(found):
            ax.text(0.7, row, f"{len(found) - len(kept)} diverged", fontsize=8, ha="right", va="center")
    ax.axvline(js(gaussian), color=plot.MUTED, linestyle="--", label="one Gaussian")
    ax.axvline(js(points), color=plot.MUTED, linestyle=":", label="floor: real points")
    ax.set(title=title, xlabel="JS to the data, six fresh seeds", xlim=(0, 0.78), ylim=(len(recipes) - 0.5, -0.5))

# %%
axes[0].set_yticks(range(len(recipes)), list(recipes), fontsize=9)
axes[1].set_yticks(range(len(recipes)), [f"{rate:g}" for rate in chosen.values()], fontsize=9)
axes[0].legend(fontsize=8, loc="lower left")
plot.show(
    fig,
    "JS of eleven recipes, six seeds each. Left, with one common rate, the recipes lie far apart and some reach beyond the "
    "line of one Gaussian. Right, each at its own rate: most gather in a narrow range.",
)


# %%
def good(pick):
    """The recipes whose mean JS over the fresh seeds is within 0.05 of the best (a diverged game counts as JS log 2)."""
    means = {name: of(name, rate, fresh, "JS").nan_to_num(nan=math.log(2)).mean().item() for name, rate in pick.items()}
    return [name for name, mean in means.items() if mean < min(means.values()) + 0.05]


before = {rate: good(dict.fromkeys(recipes, rate)) for rate in rates}
tuned = good(chosen)
spread = torch.stack([of(name, rate, fresh, "JS") for name, rate in chosen.items()]).std(dim=1).nanmedian().item()
reveal(
    "08.g",
    truth=2 if len(tuned) == len(recipes) else 1 if len(tuned) > len(before[0.01]) + 1 else 0,
    because=f"{len(before[0.01])} at 0.01 for all, {len(tuned)} with a rate of their own (at 0.003 for all: {len(before[0.003])}). "
    f"The seeds of one recipe have a standard deviation of about {spread:.3f}.",
)
print("behind after tuning:", ", ".join(name for name in recipes if name not in tuned))
late, end = (torch.stack([distances[i][6 * k : 6 * k + 6] for k in range(len(recipes))]).mean(1) for i in (-3, -1))
print("mean JS at G's rate 0.003, after 200 and after 250 turns:")
for name, a, b in zip(recipes, late, end, strict=True):
    print(f"  {name:26} {a:.2f} {b:8.2f}")

# %% [markdown]
# How to read this, and how not to.
#
# - **Tuning is part of the recipe.** At one common rate you could have "shown" that some losses are hopeless. They wanted
#   another step. A comparison at the newcomer's favourite rate is worth nothing: give everybody the same search.
# - **Most are alike** when tuned: look at the bulk of the right picture beside the spread of its dots. Two kinds stay
#   behind. Those that are held back hardest, by clipping or by spectral norms, learn, but slowly: see above how their JS
#   still falls at the end. They are behind *after 250 turns*, which is all that this arena says. And the game on KL is
#   safe at none of the three rates (below).
# - **Two tuning seeds are few.** Where the seeds of a recipe scatter, its choice of a rate is a gamble. Compare the rate
#   that clipping chose, and its JS in the table, with what it reached at 0.003.
# - **Nobody is at the floor**, and most are still on the way. In this budget what they share (small networks, one piece of
#   noise, few turns) weighs more than the loss does.
# - This ring is kind: here a modest rate is all that stability needs. R1, R2 and pairs earn their keep in long games and hard ones
#   (lesson 06: collapse on 25 modes), which no 250 turns show.
#
# And the divergences of section 3? In theory KL$(p\Vert q)$ should mind a missing mode most. At all three rates:

# %%
for name in list(recipes)[:3]:
    modes = torch.stack([of(name, rate, fresh, "modes") for rate in rates])  # (rates, seeds)
    away = torch.stack([of(name, rate, fresh, "JS") for rate in rates])
    means, apart = (", ".join(f"{m:.{d}f}" for m in t.nanmean(dim=1)) for t, d in ((modes, 1), (away, 2)))
    lost, few = int(modes.isnan().sum()), int((modes < 8).sum())
    print(f"{name:20} modes {means};  JS {apart};  {lost} of {modes.numel()} games diverged, {few} below 8 modes")

# %% [markdown]
# KL$(p\Vert q)$, the "mode-covering" one, loses modes in many of its games, and the "mode-seeking" reverse KL in fewer.
# (Our guess, not measured here: the price $e^{v-1}$, steeper and steeper, makes for violent games.) What collapses is a
# *game*, not a divergence (Goodfellow 2016 makes this point against blaming JS).

# %% [markdown]
# ## 11. The clinic
#
# ### Exercise 08.5 · Four critics
# *medium · core · 8 minutes · diagnose these runs.* Four Wasserstein games on the ring. One is healthy; the others are
# held back wrongly: `"clip too tight"`, `"clip too loose"`, `"penalty without weight"`. You see the critic's reading
# $\mathbb E_p[D]-\mathbb E_q[D]$ and its slope at the fakes as they went, its weights (the largest, and how many lie exactly
# there), and what $G$ makes.

# %%
from gan_course.checks.patients08 import admit

fig, axes = plot.figure(3, 4, width=12, height=7.5)
print("patient   reading at the end   slope at fakes   largest |weight|   weights there   modes   high quality")
for (top, middle, bottom), name in zip(axes.T, "ABCD", strict=True):
    chart = admit(name)
    plot.curves(
        top,
        chart.turns,
        {"reading": chart.reading, "slope": chart.slope},
        colours={"reading": plot.DIS, "slope": plot.GEN},
    )
    top.set_title(f"patient {name}")
    middle.hist(chart.weights, bins=60, color=plot.DIS)
    middle.set(xlabel="weights of D")
    middle.locator_params(axis="x", nbins=4)
    plot.scatter(bottom, ring.sample(300, seed=0), chart.fakes[:300], (-1.8, 1.8))
    bottom.get_legend().remove()  # blue dots are real, orange triangles fake, as always
    modes, share = metrics.modes_covered(chart.fakes, ring), metrics.high_quality_share(chart.fakes, ring)
    print(
        f"{name:7} {chart.reading[-1]:20.2g} {chart.slope[-1]:16.2g} {chart.weights.abs().max():18.3g} "
        f"{chart.pinned * len(chart.weights):15.0f} {modes:7} {share:14.0%}"
    )

# %%
plot.show(
    fig,
    "For each of four patients: reading and slope over the turns, a histogram of the critic's weights, and the fakes "
    "beside the ring. A is calm around one; B and D are large and restless; C is at next to nothing, its weights in two towers at a thousandth.",
)

# %%
# exercise 08.5
#: solution
# C: no slope to speak of, no weight above 0.001. B: a steep critic, several weights at 0.6 exactly. D: steep, no limit.
diagnosis = {"A": "healthy", "B": "clip too loose", "C": "clip too tight", "D": "penalty without weight"}
#: stub
# diagnosis = {"A": ..., "B": ..., "C": ..., "D": ...}
#: end

# %%
check("08.5", diagnosis)

# %%
# hint("08.5")
# solution("08.5")

# %% [markdown]
# ### Exercise 08.6 · Cure them
# *medium · useful · 8 minutes.* Prescribe for each of the three that are ill, `("clip", limit)` or `("penalty", weight)`. Each is
# played anew from its start with your dose. Asked: at least 7 of 8 modes, and a share of high quality of at least
# 20 % (more than the one Gaussian of section 10 has).

# %%
# exercise 08.6
#: solution
# A weight that lets the slope come near 1 on a ring of radius 1.
cures = {"B": ("penalty", 0.2), "C": ("penalty", 0.3), "D": ("penalty", 0.3)}
#: stub
# cures = ...  # {"a patient": ("clip", 0.5), "another": ("penalty", 3.0), ...}
#: end

# %%
check("08.6", cures)

# %%
# hint("08.6")
# solution("08.6")

# %% [markdown]
# ## 12. What is not true
#
# First the question to the arena's log. *Does $D$'s loss tell how good the fakes are?* Within one run, and across recipes:


# %%
def spearman(a, b):
    """Rank correlation of two rows of numbers, (n,) each: 1 if they rise together, -1 if one falls as the other rises."""
    ranks = [x.argsort().argsort().double() for x in (a, b)]
    return torch.corrcoef(torch.stack(ranks))[0, 1].item()


losses, far_off = torch.stack(d_losses), torch.stack(distances)  # (10, games watched)
within = {}
for i, name in enumerate(recipes):
    runs = [k for k in range(6 * i, 6 * i + 6) if bool(far_off[:, k].isfinite().all())]
    if len(runs) > 2:
        within[name] = torch.tensor([spearman(-losses[:, k], far_off[:, k]) for k in runs])
print("rank correlation of (minus D's loss) with the JS to the data, over ten moments of one run; six runs each:")
for name, r in within.items():
    print(f"  {name:26} {r.mean():+.2f} ± {r.std():.2f}")
at_end = far_off[-1].isfinite()
across = spearman(-losses[-1, at_end], far_off[-1, at_end])
print(f"across all recipes, at the last moment: {across:+.2f}")

# %% [markdown]
# +1 would mean: whenever $D$'s loss rises, because it finds the fakes harder to tell, they *are* nearer. So within *one*
# run the loss of $D$ may well say something, for some recipes much, for others little, and not only for the Wasserstein ones.
# (Careful: both also change with time, as $G$ learns. And ten moments are few.) Across recipes it is another matter: their
# losses have different units.

# %%
inside = torch.stack([r.mean() for r in within.values()])  # of every recipe, not of the one that suits us
untrue = {
    "The WGAN loss is the Wasserstein distance": "at true distances 1, 2, 4 the readings were, clipped to 0.01: "
    + ", ".join(f"{x:.4f}" for x in readings["clip 0.01"].mean(1))
    + "; clipped to 1: "
    + ", ".join(f"{x:.0f}" for x in readings["clip 1"].mean(1))
    + "; with the gradient penalty: "
    + ", ".join(f"{x:.2f}" for x in readings["penalty 10"].median(1).values),
    "Clipping is a sound way to bound the slope": f"{pinned['clip 0.01']:.0%} of the weights lay at ±0.01, and the slope "
    f"was {steepest['clip 0.01'].mean():.4f}; with the limit at 1 it was {steepest['clip 1'].mean():.0f}",
    "The gradient penalty makes D 1-Lipschitz": f"the slope was above 1 at {above:.0%} of the points on the sampled lines "
    f"themselves; within 20 % of 1 it was at {held:.0%} of them, in the whole picture at {wide:.0%}, from "
    f"{anywhere.min():.2f} to {anywhere.max():.2f}",
    "Spectral normalisation gives slope 1": f"at most 1; the steepest place measured {steep['spectral'].mean():.2f}",
    "The loss says nothing": f"within one run minus D's loss and the JS had a mean rank correlation of {inside.min():+.2f} to "
    f"{inside.max():+.2f}, by the recipe",
    "Losses of different recipes can be compared": f"across recipes the rank correlation was {across:+.2f}",
    "One loss is best": f"after equal tuning {len(tuned)} of {len(recipes)} recipes were within 0.05 of the best, with "
    f"seeds that spread by {spread:.3f}; at a common rate of 0.01 there were {len(before[0.01])}",
    "GANs collapse because of JS": "games on KL, which punishes missing modes, lost them too: fewer than 8 in "
    f"{int(sum((of('f-GAN: KL', rate, fresh, 'modes') < 8).sum() for rate in rates))} of {3 * len(fresh)} games, against "
    f"{int(sum((of('non-saturating (JS)', rate, fresh, 'modes') < 8).sum() for rate in rates))} with JS",
}
say("\n".join(f"- *{claim}.* Not so, here: {fact}." for claim, fact in untrue.items()))

# %% [markdown]
# ## Quiz

# %%
quiz("08")

# %% [markdown]
# ## Recap
#
# | loss | best $D$ | what $G$ is told |
# |---|---|---|
# | cross-entropy | $\log(p/q)$ | $2\,\mathrm{JS}$ (minimax); see lesson 03 for the other |
# | least squares | $p/(p+q)$ | no fake is left alone: its factor is $1 - \ell$ |
# | hinge | $\mathrm{sign}(p - q)$ | $\int\lvert p-q\rvert$, twice the total variation; sure answers teach $D$ nothing |
# | f-GAN | $f'(p/q)$ | $D_f$, from below: $\mathbb E_p[T]-\mathbb E_q[f^*(T)]$ |
# | Wasserstein | slope 1 along the way | $W_1$, *if* the slope is bounded by 1 |
# | relativistic | a difference of outputs | who is *more* real |
#
# | holds back | by | holds | does not hold |
# |---|---|---|---|
# | clipping | each weight | some bound | which one; the critic becomes crude |
# | gradient penalty | slope near 1 on sampled lines | there, up to $d/2\lambda$ | elsewhere; at rest |
# | spectral normalisation | each layer's largest singular value | at most 1, everywhere | 1: a loose bound |
# | R1, R2 | slope near 0 at real points, at fakes | where the game should end | far away |
#
# Before you praise a loss: the same search for everyone, fresh seeds, a floor and a cheap baseline.
#
# **Next:** lesson 09 measures in earnest.
#
# ## Sources
#
# - M. Arjovsky, S. Chintala, L. Bottou (2017), *Wasserstein GAN*: the critic, clipping (sections 4 and 5).
# - I. Goodfellow (2016), *NIPS 2016 Tutorial: Generative Adversarial Networks*: that the choice of divergence does not
#   explain mode collapse (section 10).
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville (2017), *Improved Training of Wasserstein GANs*: the
#   gradient penalty, weights at the limits (section 5).
# - A. Jolicoeur-Martineau (2018), *The relativistic discriminator: a key element missing from standard GAN* (section 8).
# - J. H. Lim, J. C. Ye (2017), *Geometric GAN*: the hinge loss (section 1).
# - M. Lucic, K. Kurach, M. Michalski, S. Gelly, O. Bousquet (2018), *Are GANs Created Equal? A Large-Scale Study* (section 10).
# - X. Mao, Q. Li, H. Xie, R. Y. K. Lau, Z. Wang, S. P. Smolley (2017), *Least Squares Generative Adversarial Networks*
#   (section 1).
# - L. Mescheder, A. Geiger, S. Nowozin (2018), *Which Training Methods for GANs do actually Converge?* (section 7).
# - T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida (2018), *Spectral Normalization for Generative Adversarial Networks*
#   (sections 1 and 6).
# - S. Nowozin, B. Cseke, R. Tomioka (2016), *f-GAN: Training Generative Neural Samplers using Variational Divergence
#   Minimization* (section 3).
# - J. Stanczuk, C. Etmann, L. M. Kreusser, C.-B. Schönlieb (2021), *Wasserstein GANs Work Because They Fail (to
#   Approximate the Wasserstein Distance)* (section 5).
# - R. Sun, T. Fang, A. Schwing (2020), *Towards a Better Global Loss Landscape of GANs* (section 8).
