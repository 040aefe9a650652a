# %% [markdown]
# # 04 · Will it converge?
#
# **Two players, each going downhill, can circle for ever. This lesson shows when they do, why, and what stops it: on a game so small that
# every answer can be worked out on paper and then measured to eight digits.**
#
# *You need:* lessons 02 and 03 (logits, the minimax and the non-saturating loss, equilibrium); derivatives; the eigenvalues of a
# 2 × 2 matrix. *Time:* about 90 minutes to read and do, without the extra exercise 04.6; it runs in 23 seconds on two processor cores.
#
# When you are through, you will be able to
#
# - write the two players' gradients as one arrow field, and read from it where a game can rest;
# - find the eigenvalues of one training step, and say from them whether it spirals out, circles or converges, and how fast;
# - explain what simultaneous and alternating updates, extragradient, optimism, R1, instance noise and unequal learning rates change;
# - recognise the same rotation in a small real GAN, and stop it;
# - say which popular statements about convergence are not true, with your own numbers.

# %%
import math

import torch
from IPython.display import Markdown, display
from torch.nn.functional import softplus

from gan_course import minimax, nets, non_saturating, plot, r1, toy, train, wasserstein
from gan_course.checks import check, hint, predict, quiz, reveal, solution
from gan_course.device import tune_threads

_ = tune_threads()  # networks as small as these run fastest on one thread
h = 0.2  # the learning rate of both players, unless said otherwise
# %% [markdown]
# ## 1. The smallest GAN
#
# Take everything away that can be taken away.
#
# - **The data** is one point: 0. Each real sample is 0.
# - **The generator** makes one point, $\theta$. It needs no noise. Its best value is $\theta = 0$.
# - **The discriminator** is a straight line through the origin, $D(x) = \psi x$. As always in this course, $D(x)$ is a raw *logit*:
#   positive for "real", negative for "fake".
#
# Mescheder, Geiger and Nowozin (2018) call it the **Dirac-GAN**, after the Dirac distribution, all of whose mass is on one point.
# Two numbers learn: $\theta$ and $\psi$. At $(\theta, \psi) = (0, 0)$ the fake is perfect and D is flat. Nobody can gain by moving alone:
# it is the game's **Nash equilibrium**, the only one, since a tilted D makes G run, and an imperfect fake makes D tilt.
#
# The losses are those of lesson 03. The real logit is $D(0) = 0$ whatever $\psi$ is, and the fake logit is $D(\theta) = \psi\theta$.
# With $f(t) = \text{softplus}(t) = \log(1 + e^t)$ the **minimax game** reads
#
# $$L_D = \log 2 + f(\psi\theta), \qquad L_G = -f(\psi\theta).$$
#
# Each player takes the derivative of its own loss by its own number, and steps against it. Apart from the constant $\log 2$ the two losses add up to 0: what one player
# gains, the other loses. That is a **zero-sum** game.

# %%
predict(
    "04.a",
    "Both players start at $\\theta = \\psi = 1$ and step **at the same time**, with learning rate 0.2. What will happen?",
    ["They settle at the equilibrium", "They circle round it for ever", "They spiral away from it"],
)

# %% [markdown]
# ## 2. By hand
#
# Ten lines of PyTorch. Both gradients are taken before either player moves: these are **simultaneous** updates.

# %%
theta = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
psi = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
by_hand = [(1.0, 1.0)]
for _ in range(250):
    real, fake = psi * 0, psi * theta  # the two logits
    d_loss = softplus(-real) + softplus(fake)
    g_loss = -softplus(fake)
    (d_gradient,) = torch.autograd.grad(d_loss, psi, retain_graph=True)
    (g_gradient,) = torch.autograd.grad(g_loss, theta)
    with torch.no_grad():
        theta -= h * g_gradient
        psi -= h * d_gradient
    by_hand.append((theta.item(), psi.item()))
by_hand = torch.tensor(by_hand, dtype=torch.float64)

# %% [markdown]
# The **radius** is the distance from the equilibrium, $\sqrt{\theta^2 + \psi^2}$. It says how the game stands. Neither loss does.

# %%
fig, (left, right) = plot.figure(1, 2, height=3.4)
plot.curves(
    left,
    range(251),
    {"theta (generator)": by_hand[:, 0], "psi (discriminator)": by_hand[:, 1]},
    xlabel="step",
    colours={"theta (generator)": plot.GEN, "psi (discriminator)": plot.DIS},
)
plot.curves(right, range(251), {"radius": by_hand.norm(dim=1)}, xlabel="step")
right.set_ylim(0)
plot.show(fig, "Left: theta and psi swing, a quarter turn apart, wider and wider. Right: the radius only grows.")

# %%
first, last = by_hand[0].norm().item(), by_hand[-1].norm().item()
truth = 0 if last < 0.5 * first else 2 if last > 1.5 * first else 1
reveal("04.a", truth=truth, because=f"The radius went from {first:.2f} to {last:.2f} in 250 steps.")

# %% [markdown]
# What is going on, seen as a GAN? Watch the fake point and D's line at four moments of the first time round: the start, and then each time that
# one of the two numbers passes through 0.

# %%
passes = (by_hand[1:].sign() != by_hand[:-1].sign()).any(dim=1).nonzero().flatten() + 1  # psi, theta, psi, ...
titles = ("the start", "D is flat", "the fake is perfect", "D is flat again")
fig, axes = plot.figure(1, 4, height=2.7)
x = torch.linspace(-2.5, 2.5, 2, dtype=torch.float64)
for ax, title, step in zip(axes, titles, [0, *passes[:3].tolist()], strict=True):
    theta_t, psi_t = by_hand[step]
    ax.plot(x, psi_t * x, color=plot.DIS, label="D's line")
    ax.plot(0, 0, "o", color=plot.REAL, markersize=9, label="real")
    ax.plot(theta_t, psi_t * theta_t, "^", color=plot.FAKE, markersize=9, label="fake")
    ax.set(title=f"step {step}: {title}", xlim=(-2.5, 2.5), ylim=(-3, 3), xlabel="x")
    ax.title.set_fontsize(10)
axes[0].set_ylabel("logit")
axes[0].legend(loc="lower right", fontsize=8)
plot.show(fig, "Four moments of the game: the fake climbs D's line, D tilts the line against it, and both overshoot.")

# %% [markdown]
# G runs uphill on D's line, to where D says "real": at first to the right. D tilts its line down under the fake, so G turns round. It comes through 0
# at full speed: **at the very moment when the fake is perfect, D's line is at its steepest**, because until then all fakes came from the right. G runs on, out
# to the left, and D has to tilt its line back. Each player answers the other's last move correctly, and too late.

# %% [markdown]
# ## 3. By name
#
# The package has this game. **New:** `Dirac` is the game, for any `Loss`; a *method* says how a step is made; `play` plays.

# %%
from gan_course import dirac
from gan_course.dirac import Dirac, alternating, extragradient, optimistic, play, radius, simultaneous

by_name = play(Dirac(minimax), simultaneous, start=(1.0, 1.0), steps=250, lr_g=0.2)
print(f"largest difference between your loop and the package: {(by_hand - by_name).abs().max():.0e}")

# %% [markdown]
# The package's `simultaneous` is one line: `return now + h * v(now)`. To read it, you need to know what `v` is.

# %% [markdown]
# ## 4. The arrow field
#
# At each point $(\theta, \psi)$ draw an arrow: how fast each player wants to move its number. The derivative of softplus is the sigmoid
# $\sigma$, so by the chain rule
#
# $$v(\theta, \psi) = \left(-\frac{\partial L_G}{\partial\theta},\; -\frac{\partial L_D}{\partial\psi}\right)
#   = \big(\;\; \sigma(\psi\theta)\,\psi,\;\; -\sigma(\psi\theta)\,\theta \;\;\big).$$
#
# This is the **gradient vector field**. No single loss has these arrows. Who always walks downhill on one loss never comes back to where he started; these
# arrows lead round in a circle.

# %%
fig, (left, right) = plot.figure(1, 2, height=4.2)
dirac.portrait(left, Dirac(minimax))
left.set_title("the field")
dirac.portrait(right, Dirac(minimax), {"simultaneous": by_name}, extent=3)
right.set_title("and your path on it")
plot.show(
    fig, "Left: arrows that turn clockwise round the origin. Right: the simultaneous path spirals outwards on them."
)

# %% [markdown]
# The arrows turn. They never point inwards: an arrow's part along the radius is
# $\theta \cdot v_\theta + \psi \cdot v_\psi = \sigma\theta\psi - \sigma\psi\theta = 0$, at every point.
# A pair that followed the arrows exactly, in infinitely small steps, would stay on its circle for ever. Call this ideal motion the **flow**.
#
# A real step has a length. It leaves the circle along its tangent. By Pythagoras, with the step $h\,\sigma r$ at right angles to the radius $r$,
#
# $$r_{\text{new}} = r\,\sqrt{1 + h^2\sigma(\psi\theta)^2}.$$
#
# So each simultaneous step moves outwards, from every point but the centre, whatever the learning rate. Check it on all 250 steps:

# %%
pull = torch.sigmoid(by_name[:-1, 0] * by_name[:-1, 1])
formula = radius(by_name[:-1]) * torch.sqrt(1 + (h * pull) ** 2)
print(f"largest difference between the formula and the path: {(formula - radius(by_name[1:])).abs().max():.0e}")

# %% [markdown]
# ### Exercise 04.1 · The field of the non-saturating game
# *easy · core · 8 minutes*
#
# `train` uses the non-saturating loss unless told otherwise: $L_G = \text{softplus}(-\psi\theta)$, and $L_D$ as before. Return the two
# parts of its field, $(v_\theta, v_\psi)$.


# %%
# exercise 04.1
def field(theta, psi):
    """The arrow of the non-saturating game at (theta, psi), two tensors: G's part, D's part."""
    #: solution
    # Minus the derivatives of softplus(-psi * theta) by theta, and of softplus(psi * theta) by psi.
    return torch.sigmoid(-psi * theta) * psi, -torch.sigmoid(psi * theta) * theta
    #: stub
    # return ...
    #: end


# %%
check("04.1", field)

# %%
# hint("04.1")
# solution("04.1")

# %% [markdown]
# ## 5. A smaller learning rate?
#
# It is the first thing that one tries.

# %%
predict(
    "04.b",
    "Simultaneous updates again, with learning rate 0.04 in place of 0.4, and ten times as many steps. With 0.04 the path ...",
    ["converges: small steps are safe", "still spirals out, but less", "spirals out just as far"],
)

# %%
spiral = {}
for rate in (0.4, 0.2, 0.04):
    steps = round(50 / rate)  # the same h * steps: the players have the same time to move
    spiral[rate] = radius(play(Dirac(minimax), simultaneous, (1.0, 1.0), steps, rate)[-1]).item()
    print(f"learning rate {rate:<4}  {steps:4} steps: radius {math.sqrt(2):.2f} -> {spiral[rate]:.2f}")
small, large = spiral[0.04], spiral[0.4]
reveal(
    "04.b",
    truth=0 if small < 1.4 else 1 if small < 0.9 * large else 2,
    because=f"After the same time the radius is {small:.2f}, against {large:.2f}. Both began at {math.sqrt(2):.2f}.",
)

# %% [markdown]
# Count time as $h$ × steps. In one step the radius grows by about the share $h^2/8$ (with $\sigma \approx 1/2$), and there are $1/h$ steps to a unit of time: a share of $h/8$. A smaller $h$ makes the spiral slower,
# never inward. It approaches the circle of the exact flow; that is the best it can do.

# %% [markdown]
# ## 6. Eigenvalues: the whole story near the centre
#
# Close to the equilibrium any smooth field is nearly linear: $v(p) \approx J p$ with $p = (\theta, \psi)$ (a point now, no density) and $J$ the
# **Jacobian**, the table of the derivatives of $v$. At the centre each term with $\sigma'$ has a factor $\theta$ or $\psi$ and vanishes. What is left is
# $\sigma(0) = f'(0) = \tfrac12$. Call this slope $s$:
#
# $$J = \begin{pmatrix} \partial v_\theta/\partial\theta & \partial v_\theta/\partial\psi \\ \partial v_\psi/\partial\theta & \partial v_\psi/\partial\psi \end{pmatrix}
#     = \begin{pmatrix} 0 & s \\ -s & 0 \end{pmatrix}, \qquad s = f'(0) = \tfrac12.$$
#
# Its eigenvalues solve $\lambda^2 + s^2 = 0$, so $\lambda = \pm i s$. An eigenvalue $\lambda$ of the flow means a part that moves like $e^{\lambda t}$:
# the imaginary part turns, the real part grows or shrinks. Here the real part is 0: a pure rotation.
#
# One simultaneous step multiplies $p$ by the matrix $I + hJ$, whose eigenvalues are $z = 1 + h\lambda = 1 \pm ihs$.
# After $k$ steps an eigenvalue has done its work $k$ times, so what counts is its **modulus** $|z|$:
#
# | largest $\lvert z \rvert$ | near the equilibrium |
# |---|---|
# | below 1 | **converges**: in the long run the radius shrinks by this factor a step |
# | above 1 | **spirals out**: it grows by this factor a step |
# | exactly 1 | **circles**, as far as eigenvalues can tell |
#
# For simultaneous updates $|z| = \sqrt{1 + h^2s^2} > 1$, always.

# %%
game = Dirac(minimax)
print("J =", game.jacobian().tolist())
print("eigenvalues of the flow:    ", [f"{v:.2f}" for v in game.eigenvalues().tolist()])
z = dirac.spectrum(game, simultaneous, lr_g=0.2)
print("eigenvalues of one step:    ", [f"{v:.2f}" for v in z.tolist()])
print(f"largest |z|:                 {z.abs().max():.10f}")
close = play(game, simultaneous, (3e-9, 1e-9), steps=800, lr_g=0.2)  # so close that v(p) = J p to the last digits
print(f"measured growth of radius:   {dirac.rate(close):.10f}")
print(f"sqrt(1 + h^2 s^2):           {math.sqrt(1 + (0.2 * 0.5) ** 2):.10f}")

# %% [markdown]
# `dirac.rate` measures: it takes a path and gives the mean factor by which the radius grew a step. Nothing in it knows about eigenvalues.
#
# **The field decides what can happen, the step decides what does.** So there are two cures: another step (sections 7 to 9), or another
# field (sections 10 to 12).

# %% [markdown]
# ## 7. Another step: take turns
#
# In the loop of lesson 02, and in `train`, D steps first and G answers the *new* D. Those are **alternating** updates. It looks like a detail.

# %%
predict(
    "04.c",
    "The same game, start and learning rate, but now the players take turns. After 250 steps the radius, 1.41 at first, will be",
    ["close to 0", "about what it was", "as large as with simultaneous updates"],
)

# %% [markdown]
# ### Exercise 04.2 · Taking turns
# *easy · core · 8 minutes*
#
# A method is a function `(v, h, now, before)`: the field `v`, the two learning rates `h` (a tensor: G's, D's), the last point `now` and the one
# before it. It returns the next point. Here `v` takes a whole point and gives a whole arrow: `now`, `v(now)` and `h` are tensors of two numbers each. Write the alternating method: first `psi` alone moves, then `theta` alone, with the field taken where `psi` has gone to.


# %%
# exercise 04.2
def take_turns(v, h, now, before):
    """One turn: D moves, then G answers the new D. Points are float64 tensors (theta, psi)."""
    #: solution
    now = now + h * torch.tensor([0.0, 1.0]) * v(now)  # psi moves
    return now + h * torch.tensor([1.0, 0.0]) * v(now)  # theta answers: v is taken again, at the new point
    #: stub
    # return ...
    #: end


# %%
check("04.2", take_turns)

# %%
# hint("04.2")
# solution("04.2")

# %%
in_turns = play(Dirac(minimax), alternating, (1.0, 1.0), 250, 0.2)
fig, (left, right) = plot.figure(1, 2, height=4.2)
dirac.portrait(left, Dirac(minimax), {"simultaneous": by_name, "alternating": in_turns}, extent=3)
plot.curves(right, range(251), {"simultaneous": radius(by_name), "alternating": radius(in_turns)}, "step", "radius")
right.set_ylim(0)
plot.show(
    fig,
    "The alternating path stays on an oval; its radius ripples but does not grow. The simultaneous one spirals out.",
)

# %%
end = radius(in_turns[-1]).item()
reveal(
    "04.c",
    truth=0 if end < 0.7 else 1 if end < 2 else 2,
    because=f"Alternating: {end:.2f}. Simultaneous: {radius(by_name[-1]):.2f}. The order of two lines of code made the difference.",
)

# %% [markdown]
# Why exactly? Near the centre D's half-step is the matrix $\begin{pmatrix}1&0\\-a&1\end{pmatrix}$ and G's is $\begin{pmatrix}1&a\\0&1\end{pmatrix}$, with
# $a = hs$. One turn is their product:
#
# $$\begin{pmatrix}1&a\\0&1\end{pmatrix}\begin{pmatrix}1&0\\-a&1\end{pmatrix} = \begin{pmatrix}1-a^2&a\\-a&1\end{pmatrix}:
# \qquad \text{determinant } 1, \quad \text{trace } 2 - a^2.$$
#
# The product of the two eigenvalues is the determinant, 1. While $a < 2$ they are a complex pair $z, \bar z$, so $|z|^2 = z\bar z = 1$: **a circle, squeezed to an oval.** Each half-step
# only shears the plane, and shears keep areas. With $a > 2$ both are real and one lies below $-1$: then even taking turns flies out.
#
# Bounded is not convergent: the last iterate is no better than the first. (Eigenvalues vouch for the neighbourhood of the centre only. What happens further out, in thousands
# of turns, is told in section 13.)

# %% [markdown]
# And `train` itself? It plays this game too, if you give it two networks with one weight each.


# %%
class Point(torch.nn.Module):
    z_dim = 1  # `train` draws noise for it; it does not look

    def __init__(self):
        super().__init__()
        self.theta = torch.nn.Parameter(torch.ones(1, 1, dtype=torch.float64))

    def forward(self, z):
        return self.theta.expand(len(z), 1)


G, D = Point(), torch.nn.Linear(1, 1, bias=False).double()
torch.nn.init.ones_(D.weight)
zeros = iter(lambda: torch.zeros(8, 1, dtype=torch.float64), None)  # the data: always 0, without end
sgd = [torch.optim.SGD(net.parameters(), 0.2) for net in (G, D)]
for _ in train(G, D, zeros, loss=minimax, opt_g=sgd[0], opt_d=sgd[1], steps=250):
    pass
print(f"train ends at      theta = {G.theta.item():.10f}, psi = {D.weight.item():.10f}")
print(f"alternating ends at theta = {in_turns[-1, 0]:.10f}, psi = {in_turns[-1, 1]:.10f}")

# %% [markdown]
# ## 8. Play with it
#
# Choose a method; drag the start (or press the arrow keys); turn the learning rates. The words below the sliders come from the eigenvalues of one step.
# Things to try:
#
# 1. *Simultaneous*: is there any start, or any rate, with which it comes home?
# 2. *Alternating*: raise both rates to 1. Close to the centre the oval gets longer, but the path does not leave it. Why? (Compare $a = hs$ with 2.) Then start from the rim.
# 3. *Alternating with momentum +0.5*, then *-0.5*. Momentum keeps you moving the way you went: in a game that turns, that is outwards. (Gidel et
#    al. 2019b show that negative momentum helps alternating updates. This is also why `train`'s Adam has $\beta_1 = 0$, no momentum.)
# 4. Leave *R1* at 0 for now. Extragradient and optimism come next.

# %%
from gan_course.widgets import show
from gan_course.widgets.dirac_field import METHODS, dirac_field, picture

playground = dirac_field()
show(
    playground,
    picture(playground),
    "The arrow field of the minimax game with a simultaneous path that spirals outwards.",
)

# %% [markdown]
# ## 9. Another step: look ahead
#
# The trouble is that each player answers where the other *was*. So look first where a plain step would lead, and use the gradient found there:
#
# $$\text{ahead} = p + h\,v(p), \qquad p_{\text{new}} = p + h\,v(\text{ahead}).$$
#
# This is the **extragradient** method (Korpelevich 1976; brought to GANs by Gidel et al. 2019a). Near the centre
# $p_{\text{new}} = p + hJ(p + hJp)$, so $z = 1 + h\lambda + h^2\lambda^2$. With $\lambda = is$ and $a = hs$:
#
# $$z = (1 - a^2) + ia, \qquad |z|^2 = (1-a^2)^2 + a^2 = 1 - a^2 + a^4 < 1 \quad\text{for } 0 < a < 1.$$
#
# The look ahead turned the outward $+a^2$ into an inward $-a^2$. The price is a second gradient each step.

# %% [markdown]
# ### Exercise 04.3 · Look before you step
# *medium · core · 8 minutes*
#
# Write the extragradient method, with the same arguments as in 04.2.


# %%
# exercise 04.3
def look_ahead(v, h, now, before):
    """One extragradient step: from `now`, with the gradient found where a plain step would lead."""
    #: solution
    ahead = now + h * v(now)  # only a look
    return now + h * v(ahead)  # the step starts at `now` again
    #: stub
    # return ...
    #: end


# %%
check("04.3", look_ahead)

# %%
# hint("04.3")
# solution("04.3")

# %% [markdown]
# **Optimism** gets the look almost for free. It guesses that the gradient will change as it just did, $v(p_{k+1}) \approx 2v(p_k) - v(p_{k-1})$, and steps with the guess:
#
# $$p_{k+1} = p_k + 2h\,v(p_k) - h\,v(p_{k-1}).$$
#
# Daskalakis et al. (2018) proved that its *last* iterate converges on bilinear games: those whose loss is a product of the two players' numbers, like $\psi\theta$ itself, so
# that the field is linear everywhere. A step now depends on two points. Try $p_k = z^k$: then $z^2 = (1 + 2h\lambda)z - h\lambda$, and with $h\lambda = ia$ the larger root is
# $z = \tfrac12\big(1 + \sqrt{1 - 4a^2}\big) + ia$. While $a \le \tfrac12$ the square root is a real number, and
#
# $$|z|^2 = \tfrac14\big(1 + \sqrt{1 - 4a^2}\big)^2 + a^2 = \tfrac12\big(1 + \sqrt{1 - 4a^2}\big) \approx 1 - a^2:$$
#
# nearly extragradient's, with one gradient a step.

# %%
methods = {
    "simultaneous": simultaneous,
    "alternating": alternating,
    "extragradient": extragradient,
    "optimistic": optimistic,
}
paths = {name: play(Dirac(minimax), method, (1.0, 1.0), 250, 0.2) for name, method in methods.items()}
fig, (left, right) = plot.figure(1, 2, height=4.2)
dirac.portrait(left, Dirac(minimax), {name: paths[name] for name in ("extragradient", "optimistic")})
plot.curves(right, range(251), {name: radius(path) for name, path in paths.items()}, "step", "radius")
right.set_yscale("log")
plot.show(
    fig,
    "Extragradient and optimism wind inwards, nearly together; on a log scale their radius falls in a straight line.",
)

# %% [markdown]
# **Measured against closed form.** For each method: the factor a step that eigenvalues promise, and the one that a path shows. The last column is the difference.


# %%
def compare(game, method, formula, name, *rates):
    """One line of a table: the closed form, the rate measured on a path close to the centre, their difference."""
    start = 1e-6 if formula < 1 else 1e-30  # a path that grows must start closer
    measured = dirac.rate(play(game, method, (3 * start, start), 800, *rates))
    print(f"{name:<38}{formula:13.10f}{measured:13.10f}{abs(formula - measured):9.0e}")
    return abs(formula - measured)


print(f"{'method and learning rate':<38}{'closed form':>13}{'measured':>13}{'differ':>9}")
worst = max(
    compare(Dirac(minimax), method, dirac.CLOSED_FORM[method](0.5 * h), f"{name}, h = {h}", h)
    for name, method in methods.items()
    for h in (0.2, 0.8)
)
assert worst < 1e-7

# %% [markdown]
# ## 10. Another field: R1
#
# Instead of a cleverer step, change the game so that it pulls inwards. What kept the spiral going was that D's line stayed steep when the
# fake was already perfect. So charge D for its slope at the real data. **R1** adds to D's loss
#
# $$\frac{\gamma}{2}\,\mathbb{E}\big[\,|D'(x_{\text{real}})|^2\,\big] = \frac{\gamma}{2}\psi^2 ,
# \qquad\text{so}\qquad v_\psi = -\sigma(\psi\theta)\,\theta - \gamma\psi, \qquad J = \begin{pmatrix} 0 & s \\ -s & -\gamma \end{pmatrix}.$$
#
# The eigenvalues of the flow solve $\lambda^2 + \gamma\lambda + s^2 = 0$ (Mescheder et al. 2018):
#
# $$\lambda = -\frac{\gamma}{2} \pm \sqrt{\frac{\gamma^2}{4} - s^2}.$$
#
# For every $\gamma > 0$ both real parts are negative: the flow itself converges, and with small enough steps each of our methods does. It is a damped pendulum; $\gamma$ is the friction.

# %%
predict(
    "04.d",
    "If some friction is good, is more better? Which weight brings the minimax game home fastest?",
    ["γ = 0.25", "γ = 1", "γ = 4"],
)

# %%
weights = (0.25, 1.0, 4.0)
damped = {f"γ = {w:g}": play(Dirac(minimax, (r1(w),)), alternating, (1.0, 1.0), 250, 0.2) for w in weights}
fig, (left, right) = plot.figure(1, 2, height=4.2)
dirac.portrait(left, Dirac(minimax, (r1(0.25),)), damped)
left.set_title("arrows: the field of γ = 0.25", fontsize=10)
plot.curves(right, range(251), {name: radius(path) for name, path in damped.items()}, "step", "radius")
right.set_yscale("log")
plot.show(
    fig, "With R1 all three paths come home: a small weight spirals, a middle one goes straight, a large one creeps."
)

# %%
ends = [radius(path[-1]).item() for path in damped.values()]
said = ", ".join(f"{end:.0e} for {name}" for name, end in zip(damped, ends, strict=True))
reveal(
    "04.d",
    truth=ends.index(min(ends)),
    because=f"Radius after 250 steps: {said}. With too much friction D hardly moves, and G waits for it.",
)

# %% [markdown]
# ### Exercise 04.4 · How much damping?
# *medium · core · 10 minutes*
#
# The part that dies slowest decides. Look at the formula for $\lambda$: as $\gamma$ grows from 0, what happens to the real parts, before the root becomes real, and after? Return the
# weight for which the slowest part dies fastest, for a game with slope $s$. (`dirac.r1_eigenvalues(weight, slope)` computes the formula, should you wish to try numbers.)


# %%
# exercise 04.4
def best_weight(slope):
    """The R1 weight with which a Dirac game of this slope converges fastest (as a flow)."""
    #: solution
    return 2 * slope  # where the root vanishes: less spirals for longer, more creeps
    #: stub
    # return ...
    #: end


# %%
check("04.4", best_weight)

# %%
# hint("04.4")
# solution("04.4")

# %% [markdown]
# ### Exercise 04.5 · The penalty that did nothing
# *medium · core · 12 minutes · find the planted bug*
#
# A colleague wrote R1 into D's step of the minimax game, by hand. Here is the function, and its run with weight 1, the best there is. The penalty printed is
# right at each step: half of $\psi^2$. Yet the game circles, as if there were none.


# %%
def colleagues_step(theta, psi, h, weight):
    """D's step in the minimax game with R1(weight), from tensors theta and psi: the new psi, and the penalty."""
    psi = psi.detach().requires_grad_()
    x_real = torch.zeros(1, dtype=psi.dtype, requires_grad=True)
    d_loss = softplus(-psi * x_real).sum() + softplus(psi * theta)
    (slope,) = torch.autograd.grad((psi * x_real).sum(), x_real)
    penalty = weight / 2 * slope.square().sum()
    (gradient,) = torch.autograd.grad(d_loss + penalty, psi)
    return (psi - h * gradient).detach(), penalty


theta, psi = torch.tensor([1.0, 1.0], dtype=torch.float64)
for step in range(201):
    new_psi, penalty = colleagues_step(theta, psi, h=0.2, weight=1.0)
    if step % 50 == 0:
        print(f"step {step:3}: radius {torch.hypot(theta, psi):.3f}, psi {psi:6.3f}, penalty {penalty:.3f}")
    psi = new_psi
    theta = theta + 0.2 * torch.sigmoid(psi * theta) * psi

# %% [markdown]
# Find what is wrong, and mend it here.


# %%
# exercise 04.5
def d_step(theta, psi, h, weight):
    """D's step in the minimax game with R1(weight), from tensors theta and psi: the new psi."""
    psi = psi.detach().requires_grad_()
    x_real = torch.zeros(1, dtype=psi.dtype, requires_grad=True)
    d_loss = softplus(-psi * x_real).sum() + softplus(psi * theta)
    #: solution
    # Without create_graph the slope is a bare number: its value is right, but it has forgotten that it came from psi.
    (slope,) = torch.autograd.grad((psi * x_real).sum(), x_real, create_graph=True)
    #: stub
    # (slope,) = torch.autograd.grad((psi * x_real).sum(), x_real)
    #: end
    penalty = weight / 2 * slope.square().sum()
    (gradient,) = torch.autograd.grad(d_loss + penalty, psi)
    return (psi - h * gradient).detach()


# %%
check("04.5", d_step)

# %%
# hint("04.5")
# solution("04.5")

# %% [markdown]
# ## 11. Another field: instance noise
#
# An older cure adds noise of standard deviation $\sigma_n$ to every sample that D sees, real and fake (Sønderby et al. 2017; Arjovsky and Bottou 2017). A point becomes a small cloud. Near the equilibrium the two clouds overlap, and a steep
# D is confidently wrong about half of each. So noise, too, makes steepness expensive. How much? D's loss is now
# $\mathbb{E}f(-\psi x_{\text{real}}) + \mathbb{E}f(\psi x_{\text{fake}})$, with $x_{\text{real}} \sim \mathcal N(0, \sigma_n^2)$ and $x_{\text{fake}} \sim \mathcal N(\theta, \sigma_n^2)$. Its second derivative by $\psi$ at $(0, 0)$ is
# $f''(0)\,\mathbb{E}[x_{\text{real}}^2] + f''(0)\,\mathbb{E}[x_{\text{fake}}^2] = 2 f''(0)\sigma_n^2$. For softplus $f''(0) = \tfrac14$, so
#
# $$J = \begin{pmatrix} 0 & s \\ -s & -\sigma_n^2/2 \end{pmatrix}:\quad \textbf{near the centre, noise is R1 with } \gamma = \sigma_n^2/2.$$

# %%
noisy, penalised = Dirac(minimax, noise=0.8), Dirac(minimax, (r1(0.8**2 / 2),))
print("J with noise:", [[round(v, 4) + 0.0 for v in row] for row in noisy.jacobian().tolist()])
print("J with R1:   ", [[round(v, 4) + 0.0 for v in row] for row in penalised.jacobian().tolist()])
for start in ((0.1, 0.1), (1.5, 1.5)):
    ends = [radius(play(game, alternating, start, 60, 0.2)[-1]).item() for game in (noisy, penalised)]
    print(f"from {start}: after 60 steps the radius is {ends[0]:.4f} with noise, {ends[1]:.4f} with R1")
linear = Dirac(wasserstein, noise=0.8).eigenvalues().real.abs().max().item()
print(f"the Wasserstein game with the same noise: largest real part {linear:.1f}, no damping at all")

# %% [markdown]
# Far from the centre they differ, since the losses differ there. And noise works through the *curvature* $f''$: the Wasserstein loss, $f(t) = t$, has none, so noise does nothing for it here.
#
# This also tells you when to expect the trouble in real GANs: data that already have some width in every direction bring their own noise. The Dirac game is the opposite
# extreme, data with no width. Images are nearer to that than they look: they lie close to a thin sheet in the space of all pixel values (Arjovsky and Bottou 2017).

# %% [markdown]
# ## 12. Unequal learning rates
#
# Must both players learn at the same rate? With rates $h_\theta$ and $h_\psi$ one step is $I + HJ$, where $H$ is the diagonal matrix of the two.
# Without damping, $HJ$ has the eigenvalues $\pm is\sqrt{h_\theta h_\psi}$: **only the product of the rates counts.** Their ratio squeezes the circle, and changes nothing else.
#
# With damping it is another story. Then $HJ$ has trace $-\gamma h_\psi$ and determinant $s^2 h_\theta h_\psi$: with the product kept, a faster D is damped more, up to where the friction becomes too much (section 10).

# %%
ratios = [2.0**k for k in range(-6, 7)]
fig, ax = plot.figure(width=7.5, height=3.4)
curves = {}
for weight in (0.0, 0.25):
    game = Dirac(minimax, (r1(weight),))
    each = [(0.2 / math.sqrt(q), 0.2 * math.sqrt(q)) for q in ratios]  # the product is 0.04 throughout
    curves[f"R1 weight {weight:g}"] = [dirac.spectrum(game, alternating, *pair).abs().max().item() for pair in each]
plot.curves(
    ax, ratios, curves, "D's learning rate / G's (their product is kept)", "factor a step", marker="o", markersize=4
)
ax.set_xscale("log", base=2)
plot.floor(ax, 1.0, "neither grows nor shrinks")
plot.show(
    fig,
    "Without R1 the factor stays at 1 for every ratio. With R1 it is below 1 and lowest where D learns several times faster.",
)
flat, bent = curves.values()
best = ratios[bent.index(min(bent))]
print(
    f"without R1: {min(flat):.6f} to {max(flat):.6f}.  with R1: {bent[6]:.4f} at equal rates, {min(bent):.4f} at ratio {best:g}"
)

# %% [markdown]
# Heusel et al. (2017) proposed two rates, typically with D the faster player, as the **two time-scale update rule** (TTUR), and proved convergence to a local equilibrium. One of their
# assumptions is that D, with G held fixed, converges by itself. Our D does not without R1 ($v_\psi = -\sigma\theta$ never rests while $\theta \ne 0$), so nothing is contradicted:
# unequal rates help where there is something to damp.
#
# Here is the second half of the table, now for changed fields. The closed forms are $|1 + h\lambda|$ for the simultaneous step, and, for the alternating one, the roots of
# $z^2 - (2 - \gamma h_\psi - s^2h_\theta h_\psi)z + (1 - \gamma h_\psi)$: trace and determinant of the product in section 7, with R1 in D's half-step.


# %%
def turn_roots(weight, h_theta, h_psi, s=0.5):
    """The larger root's modulus, from trace and determinant of one alternating turn with R1."""
    trace, determinant = 2 - weight * h_psi - s**2 * h_theta * h_psi, 1 - weight * h_psi
    root = torch.sqrt(torch.tensor(trace**2 / 4 - determinant, dtype=torch.complex128))
    return max(abs(trace / 2 + root).item(), abs(trace / 2 - root).item())


print(f"{'field and method':<38}{'closed form':>13}{'measured':>13}{'differ':>9}")
rows = [
    ("R1 0.25, simultaneous", (r1(0.25),), 0.0, 0.25),
    ("R1 2.5, simultaneous", (r1(2.5),), 0.0, 2.5),
    ("noise 0.8 (= R1 0.32), simultaneous", (), 0.8, 0.32),
]
for name, penalties, noise, weight in rows:
    formula = (1 + 0.2 * dirac.r1_eigenvalues(weight)).abs().max().item()
    worst = max(worst, compare(Dirac(minimax, penalties, noise), simultaneous, formula, name, 0.2))
for lr_g, lr_d in ((0.2, 0.2), (0.1, 0.4)):
    formula, name = turn_roots(0.25, lr_g, lr_d), f"R1 0.25, alternating {lr_g}/{lr_d}"
    worst = max(worst, compare(Dirac(minimax, (r1(0.25),)), alternating, formula, name, lr_g, lr_d))
display(Markdown(f"**Over both tables, measured and closed form differ by at most {worst:.0e}.**"))

# %% [markdown]
# ## 13. What eigenvalues cannot say
#
# They speak of the neighbourhood of the equilibrium only. Take the *non-saturating* loss with simultaneous updates. Its $J$ is the same as the minimax game's, so it spirals out from
# the centre. But far out, your field of exercise 04.1 points a little inwards:
# $\theta v_\theta + \psi v_\psi = \psi\theta\,[\sigma(-\psi\theta) - \sigma(\psi\theta)] \le 0$. Where the two balance, the game settles, on a ring. A short calculation puts it at
# $r = \sqrt{2h}$: outwards go $h r/8$ a unit of time (section 5); inwards $r^3/16$, since for small $u = \psi\theta$ the bracket is $-u/2$, and $u^2$ averages $r^4/8$ round a circle.

# %%
ring = play(Dirac(non_saturating), simultaneous, [[0.1, 0.0], [1.5, 0.0]], 4000, 0.1)
fig, ax = plot.figure(width=7.5, height=3.2)
plot.curves(ax, range(4001), {"from 0.1": radius(ring[:, 0]), "from 1.5": radius(ring[:, 1])}, "step", "radius")
plot.floor(ax, math.sqrt(0.2), "the calculation")
plot.show(fig, "Two paths, from inside and from outside, end on the same ring.")
inner, outer = radius(ring[-200:]).mean(0).tolist()
print(f"the rings: {inner:.3f} from inside, {outer:.3f} from outside; calculated {math.sqrt(0.2):.3f}")
d_losses = math.log(2) + softplus(ring[-200:, 1].prod(dim=1))
print(
    f"D's loss on the ring: {d_losses.min():.3f} to {d_losses.max():.3f}; at the equilibrium it is {2 * math.log(2):.3f}"
)

# %% [markdown]
# A stable ring is called a **limit cycle**. It does not fly out, the losses hardly move, and it never arrives. In a plot of the losses you could take it for success.
#
# And when the players take turns? In three games with a pure rotation at the centre every $|z|$ is 1, so eigenvalues say "circles" of each. Play them for long, with a large rate:

# %%
for loss in (wasserstein, minimax, non_saturating):
    path = radius(play(Dirac(loss), alternating, (1.0, 1.0), 1000, 1.0))
    first_turns, last_turns = path[1:61].mean(), path[-60:].mean()
    print(f"{loss.name:<15} mean radius {first_turns:.3f} in the first 60 turns, {last_turns:.3f} in the last")
print(f"the calculation for the last one: {math.sqrt(8 / 1000):.3f}")

# %% [markdown]
# Three fates. The Wasserstein game is linear everywhere, so that what holds at the centre holds everywhere: it circles for ever. The minimax game creeps outwards (at $h = 0.2$ so slowly
# that 250 turns do not show it). In the non-saturating game nothing balances the inward pull any more: $dr/dt = -r^3/16$ leads to $r \approx \sqrt{8/t}$. So the game that `train` plays unless
# told otherwise does come home here, but ever more slowly: for half the radius it needs four times the time. R1 needs as many turns for each halving as for the one before.

# %% [markdown]
# ## 14. Does it happen in a real GAN?
#
# Now two networks, 16 hidden units each; noise; minibatches of 64; data from a narrow Gaussian around 0. `train` alternates. Plain SGD for both, so that Adam's
# own dynamics stay out of it. After every second turn we note two numbers, the counterparts of $\theta$ and $\psi$: how far the fakes' mean is
# from the data's, and the slope of D at the data.

# %%
predict(
    "04.e",
    "No penalty, data of width (standard deviation) 0.1. In the last 200 of 600 turns, how far does the fakes' mean stray from the data's, typically?",
    ["less than 0.2 widths: it has settled", "0.3 to 2 widths: it swings", "more than 3 widths: it has left"],
)

# %%
Z = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(128) + 0.5).view(-1, 1) / 128)  # evenly spread noise


def watch(centre, width, penalties, seed, turns=600, lr=0.1, batch=64):
    """Train a small GAN on a Gaussian of this width; the fakes' mean in widths, and D's slope: (turns / 2, 2)."""
    torch.manual_seed(seed)
    G = nets.mlp.generator(x_dim=1, z_dim=1, hidden=(16,))
    D = nets.mlp.discriminator(x_dim=1, hidden=(16,))
    sgd = [torch.optim.SGD(net.parameters(), lr) for net in (G, D)]
    batches, seen = toy.gaussian(centre, width).batches(batch, seed=seed), []
    left_right = centre + torch.tensor([[-width / 2], [width / 2]])
    for step in train(
        G, D, batches, loss=minimax, penalties=penalties, opt_g=sgd[0], opt_d=sgd[1], steps=turns, seed=seed
    ):
        if step.index % 2 == 0:
            with torch.no_grad():
                seen.append(torch.stack([(G(Z).mean() - centre) / width, D(left_right).diff(dim=0).squeeze() / width]))
    return torch.stack(seen)


cases = {
    "no penalty": (0.0, 0.1, []),
    "R1, weight 1": (0.0, 0.1, [r1(1.0)]),
    "wide data": (0.0, 0.5, []),
    "data around 1": (1.0, 0.1, []),
}
runs = {name: torch.stack([watch(*case, seed) for seed in range(4)]) for name, case in cases.items()}

# %%
fig, axes = plot.figure(1, 3, height=3.3)
for ax, name in zip(axes, cases, strict=False):
    run = runs[name]
    ax.plot(run[0, :, 0], run[0, :, 1], color=plot.REAL, linewidth=0.8)
    ax.plot(*run[0, 0], "o", color=plot.GEN, label="start")
    ax.plot(0, 0, "+", color="black", markersize=12)
    ax.set(title=name, xlabel="fakes' mean - data's, in widths")
axes[0].set_ylabel("slope of D at the data")
axes[1].legend(loc="lower right")
plot.show(
    fig,
    "Seed 0. Without penalty the pair winds in wide rings; with R1 it stays by the centre; with wide data it drifts in.",
)

# %%
swing = {name: run[:, -100:, 0].square().mean(1).sqrt() for name, run in runs.items()}  # RMS over the last 200 turns
means, errors = ({n: f(s).item() for n, s in swing.items()} for f in (torch.mean, torch.std))
fig, (left, right) = plot.figure(1, 2, height=3.2)
turns = range(2, 601, 2)
plot.curves(
    left, turns, {name: runs[name][0, :, 0] for name in ("no penalty", "R1, weight 1")}, "turn", "mean, in widths"
)
yardstick = {"a real batch": 1 / math.sqrt(64)}  # how far the mean of 64 real samples strays
heights, bars = (
    {name.replace(" ", "\n", 1): v for name, v in d.items()}
    for d in (means | yardstick, errors | {"a real batch": 0.0})
)
plot.bars(right, heights, bars, "swing, in widths")
plot.show(
    fig,
    "Left: the fakes' mean swings without penalty and is quiet with R1. Right: the swing of four seeds, with its spread.",
)

# %%
free = means["no penalty"]
reveal(
    "04.e",
    truth=0 if free < 0.25 else 1 if free < 2.5 else 2,
    because=f"Four seeds: {', '.join(f'{s:.2f}' for s in swing['no penalty'])} widths. "
    f"With R1: {', '.join(f'{s:.2f}' for s in swing['R1, weight 1'])}.",
)

# %% [markdown]
# The same two coordinates, the same rotation, the same cure. (Mind the scales of the three pictures: the one with R1 is magnified three to five times.) The *swing*
# is the root mean square of the first coordinate over the last 200 turns. The last bar is a yardstick: the mean of a batch of 64 real samples is itself wrong by $1/\sqrt{64}$ widths. Once the game is at rest the swing is smaller,
# because at a small learning rate the players average over many batches. Wide data damp themselves, as section 11 foretold.
#
# Do not take the pendulum for the whole clock. The seeds differ much, as the first error bar says: not each of them swings. And the same GAN without penalty comes to rest by itself once its narrow data
# lie around 1 (fourth bar). A likely reason: a real D has a bias. Give the Dirac game one, $D(x) = \psi x + b$, and put the data at $c$. The same derivation, now with three numbers
# $(\theta, \psi, b)$ and $\theta$ counted from $c$, gives

# %%
for c in (0.0, 1.0):
    J = torch.tensor([[0, 1 / 2, 0], [-1 / 2, -(c**2) / 2, -c / 2], [0, -c / 2, -1 / 2]], dtype=torch.float64)
    parts = sorted(torch.linalg.eigvals(J).real.tolist(), reverse=True)
    print(f"data at {c:g}: real parts of the eigenvalues", ", ".join(f"{v + 0:.3f}" for v in parts))

# %% [markdown]
# At $c = 0$ the bias decays by itself and leaves the turning pair undamped. At $c = 1$ it is tied to the slope and brakes it: all real parts are negative. What carries over from the
# Dirac game to a real one is the mechanism, the way of looking at it, and the cure; not the numbers.
#
# **Live, in a plane.** The laboratory of lesson 02 keeps a few games that fail. In this one the data lie along a line, and both
# players carry momentum, which feeds the rotation (section 8). It was played until it swung; then it was forked, and one branch got R1. Press *Play*:
# the two had the same weights a while ago. Then take R1 away from the second (weight 0), and give it to the first.

# %%
from gan_course.laboratory.zoo import symptoms
from gan_course.widgets.laboratory import Laboratory

swinging = Laboratory(trained=False, panels=["controls"])
swinging.ill("oscillation")
swinging.fork(swinging.run.turn, **{"penalties.R1": 1.0})
swinging.play(300)
for run, name in zip(swinging.runs, ("no penalty", "R1, weight 1"), strict=True):
    print(f"{name:13} the fakes' centre strays by {symptoms(run).swing:.2f} of the data's width (last 100 turns)")
swinging

# %% [markdown]
# ### Exercise 04.6 · Beat extragradient
# *hard · extra · 20 minutes*
#
# Write a method of your own that brings the Dirac games home clearly faster than extragradient at $h = 0.2$. You may ask for the field at most twice a step. The check moves the
# equilibrium elsewhere, so aiming at 0 does not help.


# %%
# exercise 04.6
def mine(v, h, now, before):
    """A step of your own, from the field v, the rates h and the last two points."""
    #: solution
    # Look far, step short: z = 1 + hλ + k(hλ)² has the inward part k times as large. On a linear field that is all gain.
    ahead = now + 10 * h * v(now)
    return now + h * v(ahead)
    #: stub
    # return ...
    #: end


# %%
check("04.6", mine)

# %%
# hint("04.6")
# solution("04.6")

# %% [markdown]
# Your method joins the others: choose *mine* in the list. (While it is unsolved, the widget says so.)

# %%
with_mine = dirac_field({**METHODS, "mine": mine}, method="extragradient")
show(with_mine, picture(with_mine), "The arrow field with an extragradient path that winds inwards.")

# %% [markdown]
# ## 15. What is not true
#
# Each of these is often said. The numbers are this notebook's.

# %%
averages = in_turns.cumsum(0) / torch.arange(1, 252).view(-1, 1)
rms = in_turns.square().sum(1).mean().sqrt().item()
with_r1 = radius(damped["γ = 1"][-1]).item()
display(
    Markdown(f"""
1. *"Training reaches a Nash equilibrium."* The minimax game has one, and alternating training circles it: radius {first:.2f} at the start, {radius(in_turns[-1]):.2f}
   after 250 steps. With R1: {with_r1:.0e}. (Mescheder et al. 2018.)
2. *"Simultaneous and alternating updates are the same."* {radius(by_name[-1]):.2f} against {radius(in_turns[-1]):.2f} after 250 steps of the same game; extragradient {radius(paths["extragradient"][-1]):.2f}.
3. *"A small enough learning rate converges."* At a tenth of the largest rate the simultaneous path still ended at {small:.2f}, from {first:.2f}.
4. *"D and G need equal learning rates."* With R1 the factor a step was {bent[6]:.4f} at equal rates and {min(bent):.4f} with D {best:g} times faster. Without damping the ratio did nothing.
5. *"The last iterate is best."* On the alternating path the radius is {rms:.2f} all along (root mean square); the **average** of all points so far is at {radius(averages[-1]):.3f}. Averaging
   does not stop the rotation; it looks at its centre. (Gidel et al. 2019a review what averaging guarantees. In a GAN one averages G's weights, Yazici et al. 2019: `train(..., average=0.999)`.)
""")
)

# %% [markdown]
# 6. *"There is always an equilibrium to be found."* There need not be one (Farnia and Ozdaglar 2020). The smallest example we know of: the data is the centre of a circle, and G can make any point *on* the
#    circle. D is linear with slope at most 1, and its payoff is $V = D(\text{real}) - D(\text{fake}) = -\,w \cdot g$. At an equilibrium neither player could gain by changing alone. Add up what both
#    could gain, for every pair of moves:

# %%
angles = torch.linspace(0, 2 * math.pi, 73)[:-1]
g = torch.stack([angles.cos(), angles.sin()], 1)  # G's moves: points on the circle
w = torch.cat([scale * g for scale in torch.linspace(0, 1, 11)])  # D's moves: slopes of length at most 1
V = -(g @ w.T)  # D's payoff, (G's moves, D's moves)
d_gain = V.max(dim=1, keepdim=True).values - V  # what D could gain by changing alone
g_gain = V - V.min(dim=0, keepdim=True).values  # what G could
print(
    f"the smallest total gain over {V.numel()} pairs of moves: {(d_gain + g_gain).min():.2f}. At an equilibrium it would be 0."
)

# %% [markdown]
# D tilts its line against wherever the fake is; G walks to the other side; there is no pair of moves at which both are content. A penalty on D's slope slows the chase, but makes no equilibrium. Noise for G to roll does: a G that
# spreads its points evenly round the circle leaves this D nothing to go by.

# %% [markdown]
# ## Quiz

# %%
quiz("04")

# %% [markdown]
# ## Recap
#
# - Two players' gradients make one **arrow field**. Where a single loss has a valley, a game can have a **whirl**.
# - Near the equilibrium everything is in the eigenvalues $z$ of one step: the largest $|z|$ is the factor by which the radius changes. ($a = s\sqrt{h_\theta h_\psi}$, $s = f'(0)$)
#
# | step or field | largest $\lvert z\rvert$, or the flow's $\lambda$ | verdict |
# |---|---|---|
# | simultaneous | $\sqrt{1 + a^2}$ | spirals out at every rate |
# | alternating | $1$ (for $a < 2$) | circles, as far as eigenvalues can tell |
# | extragradient | $\sqrt{1 - a^2 + a^4}$ | converges for $a < 1$ |
# | optimism | $\sqrt{(1 + \sqrt{1 - 4a^2})/2}$ (for $a \le \tfrac12$) | converges |
# | R1, weight $\gamma$ | $\lambda = -\gamma/2 \pm \sqrt{\gamma^2/4 - s^2}$ | converges; fastest at $\gamma = 2s$ |
# | instance noise $\sigma_n$ | as R1 with $\gamma = 2f''(0)\,\sigma_n^2$ | converges if $f$ is curved |
# | unequal rates | only the product counts undamped | help only with damping |
#
# - Eigenvalues are local, and $|z| = 1$ leaves all open. Far out there may be a **limit cycle**; and there may be no equilibrium at all.
# - In a real GAN look for the rotation in *what G makes*, not in the losses. Damp D (R1), or average.
#
# Next: lesson 05, the laboratory. It brings these pieces together on one screen.

# %% [markdown]
# ## Sources
#
# - M. Arjovsky, L. Bottou (2017). *Towards Principled Methods for Training Generative Adversarial Networks.* ICLR.
# - C. Daskalakis, A. Ilyas, V. Syrgkanis, H. Zeng (2018). *Training GANs with Optimism.* ICLR.
# - F. Farnia, A. Ozdaglar (2020). *Do GANs always have Nash equilibria?* ICML.
# - G. Gidel, H. Berard, G. Vignoud, P. Vincent, S. Lacoste-Julien (2019a). *A Variational Inequality Perspective on Generative Adversarial Networks.* ICLR.
# - G. Gidel, R. Askari Hemmat, M. Pezeshki, R. Le Priol, G. Huang, S. Lacoste-Julien, I. Mitliagkas (2019b). *Negative Momentum for Improved Game Dynamics.* AISTATS.
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter (2017). *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium.* NeurIPS.
# - G. M. Korpelevich (1976). *The extragradient method for finding saddle points and other problems* (in Russian). Ekonomika i Matematicheskie Metody 12.
# - L. Mescheder, A. Geiger, S. Nowozin (2018). *Which Training Methods for GANs do actually Converge?* ICML. The Dirac-GAN, its eigenvalues, instance noise, R1; sections 2 to 4.
# - C. K. Sønderby, J. Caballero, L. Theis, W. Shi, F. Huszár (2017). *Amortised MAP Inference for Image Super-resolution.* ICLR. Instance noise.
# - Y. Yazıcı, C.-S. Foo, S. Winkler, K.-H. Yap, G. Piliouras, V. Chandrasekhar (2019). *The Unusual Effectiveness of Averaging in GAN Training.* ICLR.
