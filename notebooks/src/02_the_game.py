# %% [markdown]
# # 02 · The game
#
# **You will build a GAN by hand, and be able to say at every line who sees what, who moves, and who wants what.**
#
# You need: lesson 01 (what a generative model is), Python, derivatives and the chain rule. You need not have seen a
# GAN before.
#
# Time: about an hour with the exercises. The notebook itself runs in 23 seconds on two processor cores.
#
# Afterwards you can
#
# - say what the discriminator and the generator each see, do and want;
# - write both losses on raw logits, and say why not on probabilities;
# - write one step of each player, and check that the other one stays put;
# - put the turns together in one dimension and in two, and use `train`, which is the same loop by name;
# - look at a game that went wrong and say what the bug is.

# %%
import copy
import math

import torch
from torch import nn
from torch.nn.functional import softplus

from gan_course import Batches, device, diagrams, metrics, nets, non_saturating, plot, toy, train
from gan_course.checks import check, hint, predict, quiz, reveal, solution
from gan_course.widgets import replay, show

_ = device.tune_threads()
device.seed(0)
DEVICE = torch.device("cpu")  # the fastest for networks this small; and the same numbers on every machine

# %% [markdown]
# ## 1. A counterfeiter and a detective
#
# A **counterfeiter** prints banknotes. A **detective** is handed notes from two piles, the bank's and the
# counterfeiter's, and has to say which is which. Afterwards the detective is told the truth, and learns from it.
#
# The counterfeiter never sets foot in the bank and never sees a real note. It learns from one thing only: on each of
# its own notes, the detective's way of looking tells it *how to change this note so that it looks more real*. So the
# counterfeiter gets better. Then the detective must look harder, and so on. If one day the forged notes are
# distributed exactly like the real ones, no detective in the world can do better than guess.
#
# That is a **generative adversarial network**, or **GAN** (Goodfellow et al. 2014). Here are the field's own words.
# We keep to them from now on.
#
# | in the story | the field's term | what it is here |
# |---|---|---|
# | counterfeiter | **generator** $G$ | a network from noise to points |
# | detective | **discriminator** $D$ | a network from a point to one number |
# | a note of the bank's | a **real** sample $x$ | a point from the data |
# | a forged note | a **fake** $G(z)$ | a point that $G$ made |
# | the counterfeiter's dice | **noise** $z$, also called the **latent** | random numbers; "latent" means hidden: it lies behind the fake, unseen |
# | how real a note looks | the **logit** $D(x)$ | one number: above 0 means "real", below 0 "fake", and far from 0 "surely" |
# | one round | a **turn** | one step of $D$, then one step of $G$; *$D$'s turn* and *$G$'s turn* are its two halves |
#
# The picture limps in one place. A forger who is caught learns "guilty" and nothing else. The generator learns more:
# not whether, but *in which direction*. For that the detective must be a differentiable function, and it is.
#
# Here is the whole lesson in one drawing. Grey arrows are read from left to right, dashed arrows are gradients on
# their way back. Nothing in it needs to be clear yet: each box gets its own section, and you can come back.

# %%
fig, axes = plot.figure(2, 1, width=9, height=6.4)
for ax, player in zip(axes, diagrams.PLAYERS, strict=True):
    diagrams.turn(ax, player)
plot.show(
    fig,
    "Two drawings of the game. In the discriminator's turn it reads a real batch and fakes, and the gradient of its "
    "loss goes back into it and stops there. In the generator's turn no data are read, and the gradient of its loss "
    "passes through the discriminator into the fakes and on into the generator.",
)

# %% [markdown]
# | | discriminator $D$ | generator $G$ |
# |---|---|---|
# | **sees** | points, without knowing where they come from; its loss alone reads the labels "real" and "fake" | noise; and on each of its fakes an arrow |
# | **does** | gives each point a logit | turns each noise vector into a point |
# | **wants** | high logits for real points, low ones for fakes | high logits for its fakes |
# | **never sees** | the noise | a real point |
#
# The rest of this lesson makes each line of this table into code, and then tries to catch it lying.
#
# ## 2. The real thing: points on a line
#
# Our "banknotes" are numbers. They come from two bumps: a narrow one at -1.5 with 40 % of the points and a wide one
# at 2 with 60 %. We know the true density, so we can always check. The players are not told.
#
# They get **minibatches**: a few points at a time (here 128), fresh in each step. Training on minibatches is what
# makes each step cheap.

# %%
bumps = toy.mixture(means=[-1.5, 2.0], stds=[0.4, 0.8], weights=[0.4, 0.6]).to(DEVICE)
batches = bumps.batches(128, seed=0)  # an endless iterator
real = next(batches)
print("one minibatch:", tuple(real.shape), "  its first three points:", [f"{x:.2f}" for x in real[:3, 0].tolist()])

# %% [markdown]
# ## 3. The generator: from noise to points
#
# $G$ is an ordinary network: two hidden layers, one number in, one number out. It has no idea of the data. Its only
# source of variety is the noise $z \sim \mathcal N(0, 1)$: feed it 128 different $z$ and it makes 128 fakes, feed it
# the same $z$ twice and it makes the same fake twice.
#
# The dice have a source of their own, `rng`, so that every run of this notebook rolls the same numbers.


# %%
def generator(x_dim, z_dim, width):
    """Noise (n, z_dim) to fakes (n, x_dim)."""
    layers = [nn.Linear(z_dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, x_dim)]
    return nn.Sequential(*layers).to(DEVICE)


rng = torch.Generator(DEVICE).manual_seed(0)


def noise(n, z_dim=1):
    return torch.randn(n, z_dim, generator=rng, device=DEVICE)


G = generator(x_dim=1, z_dim=1, width=32)
fake = G(noise(128))
print("noise in:", tuple(noise(128).shape), "  fakes out:", tuple(fake.shape))

# %% [markdown]
# ## 4. The discriminator: one number for each point
#
# $D$ is a network, too: a point in, one number out, the **logit**. It may be any number from $-\infty$ to $\infty$.
# To read it as a probability, bend it into $(0, 1)$ with the **sigmoid**:
#
# $$ \text{probability of real} = \sigma(t) = \frac{1}{1 + e^{-t}}, \qquad t = D(x). $$
#
# A logit of 0 is probability .5: no idea. A logit of 3 is .95: quite sure it is real.


# %%
def discriminator(x_dim, width):
    """Points (n, x_dim) to logits (n, 1)."""
    layers = [
        nn.Linear(x_dim, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, 1),
    ]
    return nn.Sequential(*layers).to(DEVICE)


D = discriminator(x_dim=1, width=32)
print("logits of three real points:", [f"{t:.3f}" for t in D(real)[:3, 0].tolist()])
print("as probabilities:           ", [f"{p:.3f}" for p in torch.sigmoid(D(real))[:3, 0].tolist()])

# %% [markdown]
# This is how the two stand before the game. The generator piles all its fakes on one spot. The discriminator knows
# nothing: its curve is flat, near .5. One function draws this picture; we will need it again.


# %%
def draw_line(ax, G, D, title):
    """Real density (blue), histogram of fakes (orange), D's probability of real (green)."""
    xs = torch.linspace(*bumps.extent, 300, device=DEVICE)[:, None]
    with torch.no_grad():
        verdict = torch.sigmoid(D(xs))
        plot.hist(ax, fake=G(noise(4000)), extent=bumps.extent)
    ax.plot(plot.array(xs), plot.array(bumps.pdf(xs)), color=plot.REAL, label="density of the data")
    ax.plot(plot.array(xs), plot.array(verdict), color=plot.DIS, linestyle="--", label="D's probability of real")
    ax.set(ylim=(0, 1.1), title=title, ylabel="density, probability")
    ax.legend(fontsize=8)


fig, ax = plot.figure(width=7, height=3)
draw_line(ax, G, D, "before the game")
plot.show(
    fig,
    "Two bumps of real density, a tall spike of fakes between them, and a flat curve of the discriminator near one "
    "half.",
)

# %% [markdown]
# ## 5. What an answer costs
#
# A **loss** is what a player wants less of. $D$ pays for each answer: if it gave a real point the probability $p$, it
# pays $-\log p$; if it gave a fake the probability $p$, it pays $-\log(1 - p)$. A right and sure answer is nearly
# free. A wrong and sure answer is very dear. In logits, with $r = D(x)$ on real points and $f = D(G(z))$ on fakes:
#
# $$ \mathcal L_D = \underbrace{-\log \sigma(r)}_{\text{real points}} \;\underbrace{-\log\bigl(1 - \sigma(f)\bigr)}_{\text{fakes}}
#    \qquad\text{(each averaged over the minibatch).} $$
#
# Now use $-\log\sigma(t) = \log(1 + e^{-t})$. The function $\log(1 + e^{t})$ is called **softplus**, and so
#
# $$ -\log \sigma(r) = \mathrm{softplus}(-r), \qquad -\log\bigl(1 - \sigma(f)\bigr) = \mathrm{softplus}(f). $$
#
# On paper both forms are the same. In a computer they are not. Give both a fake with logit 40, a $D$ that is sure and
# wrong. The true price is 40:

# %%
t = torch.tensor(40.0)
print("sigmoid, then log:", -torch.log(1 - torch.sigmoid(t)).item())
print("softplus:         ", softplus(t).item())

# %% [markdown]
# In 32-bit numbers $\sigma(40)$ rounds to exactly 1, and the logarithm of 0 is minus infinity. One such point in one
# batch, and all weights turn into NaN. So in this course networks give **raw logits**, and losses take them through
# softplus. The sigmoid is for pictures.

# %%
ts = torch.linspace(-6, 6, 200)
prices = {"for a real point: softplus(-logit)": softplus(-ts), "for a fake: softplus(logit)": softplus(ts)}
fig, ax = plot.figure(width=7, height=2.8)
plot.curves(
    ax,
    ts,
    prices,
    xlabel="the logit that D gave",
    ylabel="what D pays",
    colours=dict(zip(prices, (plot.REAL, plot.FAKE), strict=True)),
)
plot.show(
    fig,
    "The price of an answer against the logit. For a real point it falls from 6 to 0 as the logit rises, for a fake "
    "it rises.",
)

# %% [markdown]
# ### Exercise 02.1 · The discriminator's loss
# *easy · core · 5 minutes.* Write $\mathcal L_D$ on logits. Both inputs have shape (n, 1). Give one number, and let
# the gradient flow.


# %%
# exercise 02.1
def d_loss(real, fake):
    """What D pays. real, fake: D's logits for real points and for fakes, (n, 1) each. Returns one number."""
    #: solution
    # -log sigmoid(r) = softplus(-r), and -log(1 - sigmoid(f)) = softplus(f): exact for every logit.
    return softplus(-real).mean() + softplus(fake).mean()
    #: stub
    # return ...
    #: end


# %%
check("02.1", d_loss)

# %%
# hint("02.1")
# solution("02.1")

# %% [markdown]
# ## 6. The discriminator's turn
#
# | read | a real minibatch, and as many fresh fakes |
# |---|---|
# | **moves** | the weights of $D$ |
# | **stays** | the weights of $G$ |
# | **wants** | $\mathcal L_D$ smaller: real up, fake down |
#
# One **step** is one small move of a player's weights, down the gradient of its loss on one minibatch. The
# **optimiser** makes it.
#
# The fakes are only examples here. $D$'s step must not change the one who made them. So we cut the line behind them:
# `.detach()` gives the same numbers without their history, and the gradient stops there.
#
# To watch $D$ alone, we let it take 300 steps against a $G$ that stands still.

# %%
predict(
    "02.a",
    "G stands still, its fakes all in one spike near 0. D takes 300 steps. Where will D's probability of real then "
    "be high?",
    [
        "On the two bumps of the data, and low everywhere else",
        "Everywhere but around the spike of fakes, even where no data lie",
        "Nowhere: 300 steps are too few, the curve stays near .5",
    ],
)


# %%
def adam(net):
    """The optimiser (Kingma & Ba 2015). betas[0] = 0 switches its momentum off: lesson 04 says why."""
    return torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.0, 0.99), fused=True)


def weights(net):
    """All weights of a network as one long vector."""
    return nn.utils.parameters_to_vector(net.parameters()).detach().clone()


d_alone = copy.deepcopy(D)  # a copy: the game in section 8 starts from the untrained D
opt_d, g_before, d_before = adam(d_alone), weights(G), weights(d_alone)
for _ in range(300):
    real, fake = next(batches), G(noise(128)).detach()  # cut here: nothing goes back into G
    loss = softplus(-d_alone(real)).mean() + softplus(d_alone(fake)).mean()
    opt_d.zero_grad()  # forget the gradient of the step before
    loss.backward()  # the gradient of this loss, into D's weights
    opt_d.step()  # move them
print(f"G's weights moved by {(weights(G) - g_before).norm():.3f}, D's by {(weights(d_alone) - d_before).norm():.3f}")

# %%
fig, ax = plot.figure(width=7, height=3)
draw_line(ax, G, d_alone, "after 300 steps of D alone")
plot.show(fig, "The discriminator's curve is near 1 everywhere except for a deep narrow valley at the spike of fakes.")
with torch.no_grad():
    places = {"the bumps": [-1.5, 2.0], "4.8 (where hardly any data lie)": [4.8]}
    said = {
        name: torch.sigmoid(d_alone(torch.tensor(x, device=DEVICE)[:, None])).min().item() for name, x in places.items()
    }
    on_fakes = torch.sigmoid(d_alone(G(noise(1000)))).mean().item()
far = said["4.8 (where hardly any data lie)"]
words = "; ".join(f"at {name} D says {p:.2f}" for name, p in said.items())
reveal("02.a", 1 if far > 0.8 else 0 if said["the bumps"] > 0.8 else 2, f"Here {words}; on the fakes {on_fakes:.2f}.")

# %% [markdown]
# So $D$ is not a map of where the data are. It only *compares*: it says "real" where, as far as it can tell, real
# points outnumber fakes. Where there is neither, it says anything. Lesson 03 makes this exact.
#
# ### Exercise 02.2 · One step of the discriminator
# *medium · core · 8 minutes.* Write one step of $D$ as a function. It must leave no trace in $G$: its weights stay,
# and no gradient arrives in them.


# %%
# exercise 02.2
def d_step(G, D, opt_d, real, z):
    """One step of D on real points (n, x_dim) and on the fakes that G makes of z (n, z_dim). Returns the loss."""
    #: solution
    loss = softplus(-D(real)).mean() + softplus(D(G(z).detach())).mean()  # detach: G is not to learn from this
    opt_d.zero_grad()  # backward adds to what is there, and G's turn left something there
    loss.backward()
    opt_d.step()
    return loss
    #: stub
    # return ...
    #: end


# %%
check("02.2", d_step)

# %%
# hint("02.2")
# solution("02.2")

# %% [markdown]
# ## 7. The generator's turn
#
# | read | noise; no data |
# |---|---|
# | **moves** | the weights of $G$ |
# | **stays** | the weights of $D$ |
# | **wants** | its fakes to be called real: $\mathcal L_G = \mathrm{softplus}(-D(G(z)))$, the price of the label "real" |
#
# How can $G$ learn anything about data that it never sees? Through $D$. Take one fake $\tilde x = G(z)$. The loss of
# $G$ depends on it, so there is a gradient $\partial \mathcal L_G / \partial \tilde x$. Its opposite is an **arrow**
# on the fake: move *this way* and $D$ will find you more real. The chain rule carries the arrows into the weights
# $\theta$ of $G$:
#
# $$ -\frac{\partial \mathcal L_G}{\partial \theta}
#    = \sum_i \underbrace{\left(-\frac{\partial \mathcal L_G}{\partial \tilde x_i}\right)}_{\text{the arrow on fake } i}
#      \cdot \underbrace{\frac{\partial \tilde x_i}{\partial \theta}}_{\text{how } G \text{ can move it}},
#    \qquad \tilde x_i = G(z_i). $$
#
# Let us compute them, and then draw them, with the $D$ of the last section.


# %%
def arrows_on(D, fake):
    """The arrow on each fake: minus the gradient of G's loss there, times n (the loss is a mean over n fakes)."""
    fake = fake.detach().requires_grad_()
    (slope,) = torch.autograd.grad(softplus(-D(fake)).sum(), fake)
    return -slope


# %%
fakes = torch.linspace(-0.7, 0.3, 9, device=DEVICE)[:, None]  # evenly spread, so that we see each one
height, pulls = torch.sigmoid(d_alone(fakes)).detach(), arrows_on(d_alone, fakes)
xs = torch.linspace(-1.5, 1.1, 300, device=DEVICE)[:, None]
fig, ax = plot.figure(width=7, height=3.2)
ax.plot(
    plot.array(xs),
    plot.array(torch.sigmoid(d_alone(xs))),
    color=plot.DIS,
    linestyle="--",
    label="D's probability of real",
)
ax.plot(plot.array(fakes), plot.array(height), "^", color=plot.FAKE, label="a fake")
plot.arrows(
    ax, torch.cat([fakes, height], 1), torch.cat([pulls, torch.zeros_like(pulls)], 1), scale=60, label="its arrow"
)
ax.set(xlabel="$x$", ylabel="probability", ylim=(-0.05, 1.05))
ax.legend(loc="upper center")
plot.show(
    fig,
    "Fakes sit in the valley of the discriminator's curve. On each, an arrow points sideways, the way the curve rises.",
)

# %% [markdown]
# Each arrow points to where $D$'s curve rises. By the chain rule its length is $(1 - p)$ times the slope of the
# *logit*, with $p$ the probability that $D$ gave. So where the logit is equally steep, a fake that $D$ half believes is
# pulled less than one that it is sure to be fake. And low in the valley, where the probability looks flat, the logit is
# still steep and the arrows are long: near 0 it is the sigmoid that flattens the curve. That is all that $G$ gets to
# know.

# %%
predict(
    "02.b",
    "It is G's turn. Before it computes its gradient, we wipe out the real batch (all NaN), and then even take D "
    "away and leave only the arrows. What becomes of G's gradient?",
    [
        "It becomes NaN or zero: without data there is nothing to learn from",
        "It changes somewhat",
        "It stays the same to the last bit",
    ],
)


# %%
def from_arrows_alone(G, z, arrows):
    """G's gradient. In this function there are no data and no discriminator."""
    twin = copy.deepcopy(G)
    twin(z).backward(-arrows / len(z))
    return torch.cat([p.grad.flatten() for p in twin.parameters()])


def from_loss(G, D, z):
    """G's gradient in the usual way."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(softplus(-D(G(z))).mean(), list(G.parameters()))])


z = noise(128)
usual = from_loss(G, d_alone, z)
real.fill_(float("nan"))  # the data are gone
wiped = from_loss(G, d_alone, z)
alone = from_arrows_alone(G, z, arrows_on(d_alone, G(z)))
gaps = [(other - usual).abs().max().item() for other in (wiped, alone)]
assert max(gaps) <= 1e-6 * usual.abs().max().item()
because = (
    f"Of its {len(usual)} entries the largest is {usual.abs().max():.3f}. Without the data they change by at most "
)
reveal("02.b", 2, because + f"{gaps[0]:g}; from the arrows alone, by at most {gaps[1]:g}.")

# %% [markdown]
# Remember this when somebody says that a generator "copies the training data". With this loss it has never seen a
# single one of them. Everything it knows came through $D$. (It can still end up with copies, if $D$ has learnt the
# training points by heart.)
#
# ### Exercise 02.3 · One step of the generator
# *medium · core · 8 minutes.* The gradient must travel through $D$, but $D$ must not move. Think about what is
# different from 02.2. (On its way it leaves a gradient in $D$, too. That does no harm: `opt_d.zero_grad()` throws it
# away before $D$'s next step.)


# %%
# exercise 02.3
def g_step(G, D, opt_g, z):
    """One step of G with noise z (n, z_dim). Returns the loss."""
    #: solution
    loss = softplus(-D(G(z))).mean()  # no detach: the way back leads through D into G
    opt_g.zero_grad()
    loss.backward()  # D gets a gradient, too; only opt_d could use it, and its zero_grad throws it away
    opt_g.step()
    return loss
    #: stub
    # return ...
    #: end


# %%
check("02.3", g_step)

# %%
# hint("02.3")
# solution("02.3")

# %% [markdown]
# ## 8. The game
#
# Now they **alternate**: one step of $D$, one step of $G$, and again. The pair is a **turn**. This is
# Algorithm 1 of Goodfellow et al. (2014). (It allows $k$ steps of $D$ in a turn; the paper's own experiments use
# $k = 1$, and so do we. Its listing has another loss for $G$; ours is the one that its text recommends. Lesson 03
# compares the two.) Here it is in full, by hand. We note both losses, and after some of the turns a `tape` records
# where everything is, to play back later.

# %%
predict(
    "02.c",
    "The two play 1200 turns, and the fakes get better and better. What does D's loss do?",
    [
        "It falls towards 0, because D learns",
        "It settles near 1.39 = 2 log 2, the price of answering .5 to everything",
        "It grows and grows, because G wins",
    ],
)

# %%
opt_g, opt_d = adam(G), adam(D)
tape = replay.Tape(bumps.sample(300, seed=5), noise(300), bumps.extent)
tape.add(0, G, D)
z_test, held_out = noise(4000), bumps.sample(4000, seed=6)
losses, distance = [], {}
for turn in range(1, 1201):
    # The discriminator's turn: reads data and fakes, moves D.
    real, fake = next(batches), G(noise(128)).detach()
    loss_d = softplus(-D(real)).mean() + softplus(D(fake)).mean()
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
    # The generator's turn: reads noise, moves G.
    loss_g = softplus(-D(G(noise(128)))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    losses.append((loss_d.item(), loss_g.item()))
    if turn % 10 == 0 and turn <= 300 or turn % 50 == 0:
        tape.add(turn, G, D)
        distance[turn] = metrics.w1_samples(G(z_test), held_out)

# %% [markdown]
# Six moments of the game. Follow the green curve: where there are too many fakes it sinks, and the arrows below the
# axis lead away from there.

# %%
fig, axes = plot.figure(2, 3, width=11, height=5.6)
turns = [frame.turn for frame in tape.frames]
for ax, turn in zip(axes.flat, (0, 30, 100, 200, 400, 1200), strict=True):
    replay.draw(ax, tape, turns.index(turn))
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plot.show(
    fig,
    "Six histograms of the game from turn 0 to 1200: the fakes start as one spike between the bumps, spread out, "
    "split, and in the end follow both bumps, while the discriminator's curve flattens towards one half.",
)

# %%
trend = torch.tensor(losses).T.unfold(1, 100, 100).mean(2)  # means of 100 turns
end_d = trend[0, -1].item()
because = (
    f"In the first 100 turns it was {trend[0, 0]:.3f}, in the last 100 {end_d:.3f}; 2 log 2 is {2 * math.log(2):.3f}."
)
reveal("02.c", 0 if end_d < 0.7 else 1 if end_d < 2 else 2, because)

# %% [markdown]
# A loss that rises while everything goes well: that is new. $D$'s loss measures how well $D$ does *against this $G$*.
# As $G$ improves, $D$ can only guess: it answers .5, pays $-\log .5$ for each real point and $-\log .5$ for each
# fake, $2\log 2 \approx 1.386$ in all.
#
# Does that mean that the game is won when $D$'s loss arrives there? Look at the losses beside a real measure of
# quality: the **Wasserstein distance** between fakes and data. (How far, on average, the fakes must at least be moved
# to turn the one set into the other.) A perfect $G$ would reach the dotted floor: two sets of real points against each
# other. Do not expect less. The dashed line is a cheap baseline, one Gaussian fitted to the data.

# %%
floor = metrics.w1_samples(bumps.sample(4000, seed=7), held_out)
one_gaussian = toy.gaussian(held_out.mean().item(), held_out.std().item()).sample(4000, seed=8)  # a cheap baseline
fig, (left, right) = plot.figure(1, 2, width=10, height=3)
plot.curves(left, range(50, 1201, 100), {"D": trend[0], "G": trend[1]}, ylabel="loss (mean of 100 turns)",
            colours={"D": plot.DIS, "G": plot.GEN})  # fmt: skip
course = {"fakes": torch.tensor(list(distance.values()))}
plot.curves(right, list(distance), course, ylabel="Wasserstein distance to the data", colours={"fakes": plot.FAKE})
right.axhline(
    metrics.w1_samples(one_gaussian.to(DEVICE), held_out),
    color=plot.MUTED,
    linestyle="--",
    label="one Gaussian, fitted",
)
plot.floor(right, floor, "floor: real against real")
right.set_ylim(bottom=0)
plot.show(
    fig,
    "Left: both losses are flat after 300 turns. Right: after 300 turns the distance of the fakes still goes up and "
    "down.",
)
late = [d for turn, d in distance.items() if turn > 300]
assert (trend[:, 3:].amax(1) - trend[:, 3:].amin(1)).max() < 0.03 and max(late) > 1.5 * min(late)
for name, x in (("loss of D", trend[0, 3:]), ("loss of G", trend[1, 3:]), ("distance", torch.tensor(late))):
    print(f"after turn 300: {name:9s} between {x.min():.3f} and {x.max():.3f}")
print(f"floor of the distance: {floor:.3f}")

# %% [markdown]
# After turn 300 both losses are all but flat, while the distance goes up and down by a large factor (numbers above). So
# the losses do not show how good the fakes are. We come back to this in section 12.
#
# ### Watch it with their eyes
#
# Play your game back. Then switch what is shown.
#
# - **What the discriminator sees**: points, all alike. Can *you* tell which are fake? The labels, which only its loss
#   reads, can be switched on.
# - **What the generator sees**: its own points, and an arrow on each. That really is all.

# %%
show(
    replay.replay(tape, position=12),
    replay.picture(tape),
    "Four moments of the game on a line, from the first turn to the last, with real points, fakes and the "
    "discriminator's curve.",
)

# %% [markdown]
# ### Exercise 02.4 · The whole game
# *medium · core · 15 minutes.* Now from nothing: write both players, and the loop for any players and any data. The
# check plays your game with three seeds on a small problem, and counts the bumps that your fakes reach. Without
# looking at section 8, if you can.


# %%
# exercise 02.4
def players():
    """A new pair (G, D) for points on a line, z_dim 1. Each has two hidden layers of 32 units and gives one number."""
    #: solution
    G = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    D = nn.Sequential(nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    return G, D  # no sigmoid at D's end: it gives raw logits
    #: stub
    # return ...
    #: end


def play(G, D, batches, noise, turns):
    """Change G and D in place. batches: an endless iterator of real minibatches; noise(n): noise for n fakes.

    Use torch.optim.Adam with lr=2e-3 and betas=(0.0, 0.99) for each player."""
    #: solution
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.0, 0.99)) for net in (G, D))
    for _ in range(turns):
        real = next(batches)  # fresh in every turn, and so is the noise
        loss_d = softplus(-D(real)).mean() + softplus(D(G(noise(len(real))).detach())).mean()
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
        loss_g = softplus(-D(G(noise(len(real))))).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
    #: stub
    # return ...
    #: end


# %%
check("02.4", (players, play))

# %%
# hint("02.4")
# solution("02.4")

# %% [markdown]
# ## 9. In two dimensions
#
# **New:** a point is now two numbers, and so is the noise. Nothing else changes, not one line of the turns.
#
# The data are eight round clouds on a circle. This **ring** is a standard test (our clouds are ten times as wide as
# usual, so that a short game is enough). Each cloud is a **mode** of the data, and a generator may find some modes
# and miss others. Two scores go with it (Lin et al. 2018): how many of the eight modes are *covered*, and which share
# of the fakes is of *high quality*, within three standard deviations of a mode. For real points that share is not 100
# % but $1 - e^{-9/2} = 98.89$ %.

# %%
ring = toy.ring(std=0.1).to(DEVICE)
ring_tape = replay.Tape(ring.sample(200, seed=5), noise(200, z_dim=2), extent=(-1.8, 1.8))
z_ring, quality = noise(2500, z_dim=2), {}

device.seed(0)
G, D = generator(x_dim=2, z_dim=2, width=64), discriminator(x_dim=2, width=64)
opt_g, opt_d, batches, losses = adam(G), adam(D), ring.batches(128, seed=0), []
rng.manual_seed(0)
for turn in range(1, 1001):
    real, fake = next(batches), G(noise(128, z_dim=2)).detach()
    loss_d = softplus(-D(real)).mean() + softplus(D(fake)).mean()
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
    loss_g = softplus(-D(G(noise(128, z_dim=2)))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    losses.append((loss_d.item(), loss_g.item()))
    if turn == 1 or turn % 20 == 0:
        ring_tape.add(turn, G, D)
        quality[turn] = metrics.high_quality_share(G(z_ring), ring)

# %%
show(
    replay.replay(ring_tape, position=3),
    replay.picture(ring_tape, [0, 2, 5, 50]),
    "Four moments of the game on the ring. Blue ground: D says real; orange: D says fake. The arrows on the fakes "
    "lead from orange to blue. At the end the fakes lie on the eight clouds, and the ground there is nearly white.",
)

# %% [markdown]
# Play it. The ground shows $D$'s answer: blue means real, orange fake, white that it cannot tell. In the generator's
# view, watch one point and its arrow: the point tends to go where the arrow said, but not exactly. All fakes hang on
# the same weights, so none can follow its own arrow alone, and the arrows turn with each step of $D$. At the end the
# fakes sit on the clouds, and the ground there is nearly white: $D$ has hardly anything left to tell them apart by.
# (Some arrows there are long all the same: $D$ can be steep even where it says .5.) In the middle it still is orange: a
# few fakes lie there, and no real points.
#
# The two scores, beside an untrained generator, a cheap baseline and real points:

# %%
held = ring.sample(2500, seed=9)
with torch.no_grad():
    made, garbage = G(z_ring), generator(2, 2, 64)(z_ring)
one_gaussian = held.mean(0) + held.std(0) * torch.randn(2500, 2, device=DEVICE)
sets = {
    "untrained G": garbage,
    "one Gaussian, fitted": one_gaussian,
    "G after 1000 turns": made,
    "real points (the best)": held,
}
for name, x in sets.items():
    modes, share = metrics.modes_covered(x, ring), metrics.high_quality_share(x, ring)
    print(f"{name:24s} modes covered {modes} of 8   high quality {share:6.1%}")

# %% [markdown]
# Look at both scores. One Gaussian, fitted to the data, covers all eight modes, too: some of its points fall into
# each. But most of its points are of no use.
#
# ## 10. The same thing by name
#
# You have now written the method twice. From here on it has a name: `train`. It is an iterator; each step of *your*
# `for` loop plays one turn, and between turns you may look at anything.
#
# | by hand | by name |
# |---|---|
# | `generator(2, 2, 64)`, `discriminator(2, 64)` | `nets.mlp.generator(2, 2)`, `nets.mlp.discriminator(2)` |
# | the two lines with `softplus` | `loss=non_saturating`, a pair: `non_saturating.d` and `non_saturating.g` |
# | `adam(G)`, `adam(D)` | the default optimisers; `lr_g`, `lr_d` set their rates |
# | `rng.manual_seed(0)` and `noise(128, 2)` | `seed=0`, and `G.z_dim` says how much noise |
# | `for turn in range(...)` | `for step in train(..., steps=...)`; `step.d_loss`, `step.g_loss` |
#
# The loss of $G$ here is called **non-saturating**. Lesson 03 says what would saturate.

# %%
predict(
    "02.d",
    "`train` plays 1000 turns on the ring with the same seeds as your loop by hand. How far apart are the two "
    "generators then?",
    [
        "Quite far: training is random",
        "Close, but not the same: tiny differences grow over 1000 turns",
        "Not at all: every weight is the same to the last bit",
    ],
)

# %%
device.seed(0)
G_named, D_named = nets.mlp.generator(2, 2).to(DEVICE), nets.mlp.discriminator(2).to(DEVICE)
game = train(G_named, D_named, ring.batches(128, seed=0), loss=non_saturating, steps=1000, seed=0)
named = [(step.d_loss.item(), step.g_loss.item()) for step in game]

apart = max((weights(a) - weights(b)).abs().max().item() for a, b in ((G, G_named), (D, D_named)))
assert apart < 1e-6 and torch.allclose(torch.tensor(named), torch.tensor(losses), atol=1e-6)
count = len(weights(G)) + len(weights(D))
reveal(
    "02.d",
    2 if apart == 0 else 1,
    f"Of {count} weights, the one that differs most differs by {apart:g}. Same seeds, same method.",
)

# %% [markdown]
# So there is no magic in `train`: it is your loop, with its arguments checked at the door, an error that says who
# broke when a loss becomes NaN, and room for other losses. Open `gan_course/game.py`: the turn is on one screen, and
# you can read it now.
#
# New points come from `game.sample(n)`. That is what all this was for. Look closely: thin threads of fakes join the
# clouds. $G$ is a continuous function and its noise is all of one piece, so its fakes are, too. It can make the
# threads thin, but not cut them.

# %%
fig, axes = plot.figure(1, 2, width=8, height=3.8)
plot.scatter(axes[0], real=ring.sample(1000, seed=1), extent=(-1.8, 1.8))
plot.scatter(axes[1], fake=game.sample(1000), extent=(-1.8, 1.8))
plot.show(
    fig,
    "Left: a thousand real points in eight clouds. Right: a thousand points from the generator, in the same eight "
    "clouds.",
)

# %% [markdown]
# ### Your loss, live
#
# `train` takes any loss, and so does the **laboratory**: the same game, played while you watch, with all its rules in
# reach. Below it plays on this lesson's ring, with smaller networks and larger steps so that it is quick, and with the two losses that you
# derived, written out once more. Press *play*. Then
#
# - let only $D$ move, then only $G$ (the other one's *steps per turn* at 0): what do the arrows do in each case?
# - change a sign in `mine` and run the cell again. What does a game look like in which $G$ wants to be caught?
#
# Lesson 05 is all about this instrument.

# %%
from gan_course import Loss
from gan_course.widgets.laboratory import Laboratory

mine = Loss(
    d=lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    g=lambda real, fake: softplus(-fake).mean(),
    name="mine",
)
Laboratory(data={"our ring": ring}, loss={"mine": mine}, panels=["controls"])

# %% [markdown]
# ## 11. When it goes wrong
#
# ### Exercise 02.5 · Diagnose five runs
# *hard · useful · 10 minutes.* Five patients, A to E. Each is a function that plays one turn. One is healthy, the
# other four have one bug each. You cannot see their code, only what they do: the cell below plays 200 turns of each
# on the two bumps, all from the same start, and measures. Match each patient with its cause:
#
# - `"healthy"`
# - `"fakes detached in G's turn"`
# - `"labels swapped in D's loss"`
# - `"zero_grad missing"`
# - `"G's turn steps D's optimiser"`
#
# `D(real)` and `D(fake)` are mean probabilities here, no logits; patient D is just the fourth. Think like this: for
# each cause, which number would it change, and to what?

# %%
from gan_course.checks.patients02 import PATIENTS


def gradient_size(net):
    return sum(p.grad.square().sum() for p in net.parameters() if p.grad is not None) ** 0.5


def examine(turn):
    """Play 200 turns from a fixed start. Returns what moved, the last gradients, and what D says."""
    device.seed(0)
    rng.manual_seed(0)
    G, D, batches = generator(1, 1, 32), discriminator(1, 32), bumps.batches(128, seed=0)
    opt_g, opt_d, g_before, d_before = adam(G), adam(D), weights(G), weights(D)
    for _ in range(200):
        turn(G, D, opt_g, opt_d, next(batches), noise)
    with torch.no_grad():
        on_real, on_fake = (torch.sigmoid(D(x)).mean() for x in (held_out, G(z_test)))
    moved = (weights(G) - g_before).norm(), (weights(D) - d_before).norm()
    return [*moved, gradient_size(G), gradient_size(D), on_real, on_fake]


print("patient   G moved   D moved   |grad in G|   |grad in D|   D(real)   D(fake)")
for name, turn in PATIENTS.items():
    print("{:4s} {:11.2f} {:9.2f} {:13.3f} {:13.3f} {:9.2f} {:9.2f}".format(name, *map(float, examine(turn))))

# %%
# exercise 02.5
#: solution
# A: a gradient arrives in G, but D's optimiser spends the step. B: gradients pile up. D: D is sure, and wrong.
# E: nothing at all arrives in G.
diagnosis = {
    "A": "G's turn steps D's optimiser",
    "B": "zero_grad missing",
    "C": "healthy",
    "D": "labels swapped in D's loss",
    "E": "fakes detached in G's turn",
}
#: stub
# diagnosis = {"A": ..., "B": ..., "C": ..., "D": ..., "E": ...}
#: end

# %%
check("02.5", diagnosis)

# %%
# hint("02.5")
# solution("02.5")

# %% [markdown]
# ## 12. What is not true
#
# ### "D and G take turns by epochs"
#
# An **epoch** is one pass over the data set. Supervised learning counts in epochs, and so some texts say: train $D$
# for an epoch (or ten), then $G$ for an epoch. Algorithm 1 says otherwise: one *minibatch step* each. Does it matter?
# We give each player 600 steps in all three cases, on a data set of 3840 points, which is 30 minibatches of 128.

# %%
predict(
    "02.e",
    "Each player makes 600 steps. If the players alternate by tens of epochs (300 steps of D, then 300 of G, and "
    "again), how many of the 8 modes does G find, compared with one step each?",
    ["As many: it is the same number of steps", "About half as many", "A third as many, or fewer"],
)


# %%
def after_600_steps(in_a_row, seed):
    """Modes covered and share of high quality, if each player makes `in_a_row` steps before the other moves."""
    device.seed(seed)
    G, D = nets.mlp.generator(2, 2).to(DEVICE), nets.mlp.discriminator(2).to(DEVICE)
    batches = Batches(ring.sample(3840, seed=seed), 128, seed=seed)
    for _ in train(G, D, batches, steps=600 // in_a_row, d_steps=in_a_row, g_steps=in_a_row, seed=seed):
        pass
    with torch.no_grad():
        made = G(torch.randn(2500, 2, device=DEVICE))
    return metrics.modes_covered(made, ring), metrics.high_quality_share(made, ring)


rhythms = {"one step each": 1, "one epoch each": 30, "ten epochs each": 300}
scores = {name: torch.tensor([after_600_steps(k, seed) for seed in range(4)]) for name, k in rhythms.items()}

# %%
fig, axes = plot.figure(1, 2, width=10, height=3.2)
tops = {"modes covered": 8, "share of high quality": metrics.high_quality_ideal(2)}
for i, (ax, ylabel) in enumerate(zip(axes, tops, strict=True)):
    mean, sd = ({name: f(s[:, i]).item() for name, s in scores.items()} for f in (torch.mean, torch.std))
    plot.bars(ax, mean, sd, ylabel, colour=plot.FAKE)
    for place, s in enumerate(scores.values()):
        ax.plot([place + 0.25] * 4, s[:, i], "ok", markersize=4, label="one seed" if place == 0 else None)
    plot.floor(ax, tops[ylabel], "real points")
    ax.set_ylim(0, 1.35 * tops[ylabel])
plot.show(
    fig,
    "Modes covered and share of high quality, mean and standard deviation of four seeds, falling from one step each "
    "to epochs.",
)
found = {name: s[:, 0].int().tolist() for name, s in scores.items()}
ratio = sum(found["ten epochs each"]) / sum(found["one step each"])
reveal(
    "02.e",
    0 if ratio > 0.75 else 1 if ratio > 0.35 else 2,
    "Modes, seed by seed: " + "; ".join(f"{k} {v}" for k, v in found.items()) + ".",
)

# %% [markdown]
# While $G$ moves for 300 steps, $D$ stands still, and with it all arrows. So all fakes run to the one place that this
# old $D$ likes best. Then $D$ learns that this place is bad, and they all run elsewhere. One step each keeps the
# arrows fresh. (Even so, not every seed need do well: look at the single dots. Part II of the course is about games
# that go wrong.)
#
# ### "If you forget `detach`, D learns wrongly"
#
# It learns exactly the same. What you get is wasted work, and a gradient in $G$ that nobody asked for:


# %%
def one_d_step(cut):
    """D's weights after one step, and the size of the gradient left in G."""
    g, d, z, x = copy.deepcopy(G), copy.deepcopy(D), torch.ones(64, 2, device=DEVICE), ring.sample(64, seed=3)
    opt = adam(d)
    g.zero_grad()
    d.zero_grad()
    fake = g(z).detach() if cut else g(z)
    (softplus(-d(x)).mean() + softplus(d(fake)).mean()).backward()
    opt.step()
    return weights(d), float(gradient_size(g))


(with_cut, left), (without_cut, stray) = one_d_step(True), one_d_step(False)
print(f"largest difference between the two D's: {(with_cut - without_cut).abs().max():g}")
print(f"size of the gradient left in G: with detach {left:g}, without {stray:.3g}")

# %% [markdown]
# That stray gradient pulls $G$ the *wrong* way, towards being found out. It does no harm only because
# `opt_g.zero_grad()` throws it away before $G$'s own step. Forget both, and $G$ gets both gradients added up.
#
# ### "The generator learns from the real data"
#
# It never sees them. Once more, from section 7:

# %%
print(
    f"G's gradient changes by {gaps[0]:g} when the real batch is wiped out, by {gaps[1]:g} when only the arrows are "
    "left."
)

# %% [markdown]
# ### "The loss curves show how good the samples are", and "when D says .5, the game is won"
#
# One counterexample is enough for each. Here are three moments on the ring: the losses (means of the last 100 turns),
# what $D$ says (as a probability), and the quality. Below them two players who have won nothing at all: the untrained
# generator, against a $D$ whose weights are all zero.


# %%
def row(name, loss_d, loss_g, on_real, on_fake, quality):
    print(f"{name:28s} {loss_d:7.3f} {loss_g:7.3f} {on_real:8.2f} {on_fake:8.2f} {quality:13.1%}")


print(f"{'':28s}  loss D  loss G  D(real)  D(fake)  high quality")
smooth = torch.tensor(losses)
for frame in (f for f in ring_tape.frames if f.turn in (200, 500, 1000)):
    near = smooth[frame.turn - 100 : frame.turn].mean(0)
    row(f"turn {frame.turn}", *near.tolist(), *frame.said, quality[frame.turn])
blank = discriminator(2, 64)
nn.utils.vector_to_parameters(torch.zeros_like(weights(blank)), blank.parameters())
with torch.no_grad():
    r, f = blank(held), blank(garbage)
row("untrained G, D of zeros", non_saturating.d(r, f), non_saturating.g(r, f), r.sigmoid().mean(), f.sigmoid().mean(),
    metrics.high_quality_share(garbage, ring))  # fmt: skip

# %% [markdown]
# The losses hardly tell turn 200 from turn 1000, and $D$ says .5 in every row, also in the last, where the fakes are
# garbage. A $D$ at .5 means "I cannot tell". Either there is nothing to tell, or this $D$ is no good. To know which,
# measure the samples: that is lesson 09.
#
# ## 13. Quiz

# %%
quiz("02")

# %% [markdown]
# ## 14. Recap
#
# | | discriminator | generator |
# |---|---|---|
# | sees | points; its loss reads their labels | noise, and an arrow on each fake |
# | wants less of | softplus(-D(real)) + softplus(D(fake)) | softplus(-D(fake)) |
# | in its turn | moves; G stays, and the fakes are detached | moves; D stays, and the gradient passes through it |
#
# - A **turn** is one minibatch step of $D$, then one of $G$. Not an epoch.
# - Networks give **raw logits**; losses use softplus; the sigmoid is for pictures.
# - The arrows on the fakes are all that $G$ ever learns from. The data reach it only through $D$.
# - $D$ compares, it does not map the data. $D$ at .5 and flat losses say nothing about quality: measure the samples.
# - `for step in train(G, D, batches): ...` is this game by name.
#
# **Next:** [lesson 03](03_what_the_game_computes.ipynb) asks what the game computes: what the best possible $D$ is,
# and what $G$ really minimises against it.
#
# ## Sources
#
# - I. Goodfellow, J. Pouget-Abadie, M. Mirza, B. Xu, D. Warde-Farley, S. Ozair, A. Courville, Y. Bengio (2014),
#   *Generative Adversarial Nets*: the game, Algorithm 1 (sections 1 and 8), and the non-saturating loss (its section
#   3).
# - D. Kingma, J. Ba (2015), *Adam: A Method for Stochastic Optimization*: the optimiser (section 6).
# - Z. Lin, A. Khetan, G. Fanti, S. Oh (2018), *PacGAN: The power of two samples in generative adversarial networks*:
#   the ring and its two scores (section 9).
