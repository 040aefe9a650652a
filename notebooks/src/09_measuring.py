# %% [markdown]
# # 09 · Measuring
#
# **How good is a generator? You will be the judge yourself, then build the numbers that stand in for you, and fool each
# of them.**
#
# You need: lessons 02 and 05 (the game; floor, baseline, several seeds). Lessons 06 to 08 help: they say what can go
# wrong, this one how to notice.
#
# Time: about 90 minutes to read, with the exercises. The notebook itself runs in about 50 seconds on two
# processor cores.
#
# Afterwards you can
#
# - score your own eyes, with an interval beside the coin's;
# - say what a loss tells about quality, and what it does not;
# - compute the Fréchet distance, precision and recall by hand, each beside its floor and a cheap baseline;
# - say which number sees which failure, and read a chart of eight numbers as a doctor would;
# - make a number good with bad samples, and so never again trust one number alone.

# %%
import math

import numpy as np
import torch
from matplotlib.patches import Circle
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.metrics import roc_auc_score
from torch.nn.functional import avg_pool2d, cross_entropy, pad, softplus

from gan_course import Batches, device, ensemble, images, metrics, nets, plot, r1, train
from gan_course.checks import check, hint, predict, quiz, reveal, solution
from gan_course.checks.say import say
from gan_course.features import digits_classifier
from gan_course.manifold import density_coverage, memorised, nearest, precision_recall
from gan_course.scores import frechet_infinity, inception_score, kde_log_likelihood
from gan_course.widgets import judge, show

_ = device.tune_threads()
# Small networks: they stay on the processor.

# %% [markdown]
# ## 1. Three piles of digits, and a generator
#
# The data are the 1797 handwritten digits of 8 × 8 pixels that you know from lesson 00. We cut them at random into
# **three equal piles**, and this is half of the art of measuring:
#
# | pile | who may see it |
# |---|---|
# | `training` | the generator learns from it |
# | `real` | the generator never sees it; all scores compare with it |
# | `fresh` | a stand-in for the *perfect* generator: real digits, in neither of the other two |
#
# Whatever `fresh` scores against `real` is the **floor** of that number (lesson 05): no generator can be asked for more.


# %%
def thirds(seed):
    """Three random piles of 599 digits each, (599, 1, 8, 8), and their labels."""
    x, y = images.digits()
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return x[rows].split(599), y[rows].split(599)


(training, real, fresh), (training_y, real_y, fresh_y) = thirds(0)
N = len(real)

torch.manual_seed(0)
G, D = nets.conv.generator(z_dim=16, width=16), nets.conv.discriminator(width=16)
game = train(
    G, D, Batches(training, 32, seed=0), penalties=[r1(1.0)], lr_g=2e-3, lr_d=2e-3, average=0.99, steps=600, seed=0
)
for _ in game:
    pass
fakes = game.sample(N)
print(f"{N} digits in each pile; a GAN of {sum(p.numel() for p in G.parameters())} weights, 600 turns")

# %% [markdown]
# ## 2. First instrument: your eyes
#
# Each round shows you one digit of `fresh` and one fake, in random order. Say which is real: click it, or use the
# keys. It keeps count.

# %%
predict(
    "09.a",
    "A program that only compares pixels plays a similar game with all 599 digits and 599 fakes: it calls a picture what its nearest neighbour is. How often is it right?",
    ["about half of the time: the fakes are good enough", "60 to 75 %", "more than 75 %"],
)

# %%
trial = judge.Judge(fresh, fakes, rounds=20)
show(
    trial, judge.picture(trial), "Ten pairs of small pictures, a real digit and a fake in each, with the answers below."
)

# %%
print(f"so far you found {trial.score} of {len(trial.answers)} (run this cell again after playing)")

# %% [markdown]
# Twenty answers are a small sample. If you are right with chance $p$ each time, the share of right answers has a
# standard deviation of $\sqrt{p(1-p)/n}$. The widget therefore gives an interval: all $p$ from which your share of right
# answers is at most 1.96 of these standard deviations away (Wilson 1927). It misses the true $p$ about once in twenty times.
# Everybody who reports what people saw should give one:

# %%
for right, rounds in ((14, 20), (70, 100), (12, 20), (60, 100), (240, 400)):
    low, high = judge.wilson(right, rounds)
    verdict = "better than a coin" if low > 0.5 else "may be a coin"
    print(f"{right:3} of {rounds:3} right = {right / rounds:.0%}: between {low:.1%} and {high:.1%}: {verdict}")

# %% [markdown]
# So to tell "right in 60 %" from a coin takes a hundred rounds at the least, and many patient people. And a *machine* can play too.
# Put real digits and fakes on one heap; call each what its nearest neighbour is; count how often that is right (a
# **two-sample test**, Lopez-Paz and Oquab 2017):


# %%
def told_apart(a, b):
    """Share of a and b that are recognised by their nearest neighbour among all the others."""
    both = torch.cat([a, b]).flatten(1)
    apart = torch.cdist(both, both).fill_diagonal_(math.inf)
    source = torch.arange(len(both)) < len(a)
    return (source[apart.argmin(1)] == source).double().mean().item()


rng = torch.Generator().manual_seed(0)
flat = training.flatten(1)
gauss = torch.distributions.MultivariateNormal(flat.mean(0), flat.T.cov() + 1e-4 * torch.eye(64))
gaussian = (gauss.mean + torch.randn(N, 64, generator=rng) @ gauss.scale_tril.T).clamp(-1, 1).view(-1, 1, 8, 8)
machine = {
    name: told_apart(fresh, x) for name, x in {"fakes": fakes, "real digits": real, "one Gaussian": gaussian}.items()
}
for name, share in machine.items():
    low, high = judge.wilson(round(share * 2 * N), 2 * N)
    print(f"{name:13} told from fresh digits in {share:.1%} ({low:.0%} to {high:.0%})")
cuts = torch.tensor([told_apart(*thirds(seed)[0][1:]) for seed in range(20)])
print(f"two piles of real digits, cut in twenty ways: {cuts.mean():.1%} ± {cuts.std():.1%}; "
      f"the standard deviation of a coin would be {math.sqrt(0.25 / (2 * N)):.1%}")  # fmt: skip

# %%
reveal(
    "09.a",
    truth=0 if machine["fakes"] < 0.6 else 1 if machine["fakes"] <= 0.75 else 2,
    because=f"It is right on {machine['fakes']:.0%}; on two piles of real digits {cuts.mean():.0%}, as a coin.",
)

# %% [markdown]
# (Neighbours share their neighbours, so these trials are not independent. Over twenty cuts the real digits scatter more
# than a coin would, and the intervals above are too narrow.) The second and third lines are what must stand beside every
# score of this course: the **floor** and a **cheap baseline**, a normal distribution over the 64 pixels.
#
# What can eyes *not* see? In twenty pictures: that all 7s are missing, that one digit comes too often, or that each picture is a
# copy from the training set. For that one must look at the crowd.
#
# ## 3. What the losses tell
#
# The losses are free. If only they told the quality! Here are six games with small fully connected networks (`ensemble`
# of lesson 06 plays them all at once): three weights of R1, two seeds each. Every 100 turns we note both losses (the
# mean of the last 50 turns) and how far 599 fakes are from `real`. For now take that distance on trust; section 5
# builds it.


# %%
class Pixels(nets.mlp.Generator):
    """Noise (n, 16) to images as rows (n, 64), from -1 to 1."""

    def forward(self, z):
        return super().forward(z).tanh()


def small_games(known, variants, **rules):
    """Games on images as rows, one for each variant; known: what the game of a seed learns from."""
    return ensemble.train(
        lambda: Pixels(64, 16, (96, 96)),
        lambda: nets.mlp.discriminator(64, (96, 96)),
        lambda seed: Batches(known[seed], 32, seed=seed),
        variants,
        average=0.99,
        **rules,
    )


net = digits_classifier()


def distance(x):
    """Fréchet distance of images (n, 1, 8, 8) or (n, 64) to the pile `real`, on the classifier's features."""
    return metrics.frechet_distance(net.features(real), net.features(x.view(-1, 1, 8, 8)))


# %%
FLOOR, BASELINE = distance(fresh), distance(gaussian)
weights = (0.1, 1.0, 10.0)
games = small_games(
    [flat, flat], [{"penalties": [r1(weight)], "seed": seed} for weight in weights for seed in range(2)], steps=1000
)
untrained = games.sample(N)[0]
log, recent = [], []
for step in games:
    recent = [*recent[-49:], torch.stack([step.d_loss, step.g_loss])]
    if step.index % 100 == 0:
        far = torch.tensor([distance(x) for x in games.sample(N)])
        log.append(torch.cat([torch.stack(recent).mean(0), far[None]]))
log = torch.stack(log)  # (looks, 3, games): D's loss, G's loss, distance
turns = torch.arange(1, len(log) + 1) * 100
pairs = {f"R1, weight {weight:g}": log[:, :, 2 * i : 2 * i + 2] for i, weight in enumerate(weights)}

# %%
print(f"{'at the end':15} D's loss   G's loss   D on real   D on fakes")
drawn = games.sample(N)
for i, name in enumerate(pairs):
    D = games.players(2 * i)[1]
    says = [torch.sigmoid(D(x)).mean().item() for x in (real.flatten(1), drawn[2 * i])]
    print(f"{name:15} {log[-1, 0, 2 * i]:8.2f} {log[-1, 1, 2 * i]:10.2f} {says[0]:11.2f} {says[1]:12.2f}")
print(f"{'game X':15} {math.log(4):8.2f} {math.log(2):10.2f} {0.5:11.2f} {0.5:12.2f}")

# %% [markdown]
# These are the first seeds of the three settings, and a fourth game that we call X. (A game won has 1.39, 0.69, and one
# half twice: lesson 03.)

# %%
predict(
    "09.b",
    "From these numbers: whose fakes are furthest from the data?",
    [
        "R1 of weight 0.1: it is furthest from the numbers of a game won",
        "R1 of weight 10",
        "game X, which has exactly the numbers of a game won",
    ],
)

# %%
fig, (left, right) = plot.figure(1, 2, width=10, height=3.4)
inks = dict(zip(pairs, (plot.REAL, plot.DIS, plot.THEORY), strict=True))
plot.curves(left, turns, {name: pair[:, 2].T for name, pair in pairs.items()}, ylabel="distance to real", colours=inks)
for (name, pair), mark in zip(pairs.items(), "o^s", strict=True):
    right.plot(pair[-1, 1], pair[-1, 2], mark, color=inks[name], label=name, markersize=8)
x_far = distance(untrained)
right.plot(math.log(2), x_far, "*", color=plot.GEN, label="game X", markersize=12)
right.set(xlabel="G's loss at the end", ylabel="distance to real", yscale="log")
left.set_yscale("log")
plot.floor(left, FLOOR, "floor: fresh digits")
plot.floor(right, FLOOR, "floor: fresh digits")
for ax in (left, right):
    ax.legend(fontsize=7)
plot.show(
    fig,
    "Left: the distance falls in all three settings. Right: distance against the generator's loss at the end; game X "
    "has the loss of a game won and by far the largest distance.",
)

# %%
ends = {name: pair[-1, 2].mean().item() for name, pair in pairs.items()}
reveal(
    "09.b",
    truth=2,
    because=f"Game X at {x_far:.0f}: an untrained G before a D whose weights are all zero. At the end (mean of two seeds): "
    + "; ".join(f"{name}: {end:.1f}" for name, end in ends.items())
    + f". Fresh digits {FLOOR:.1f}, one Gaussian {BASELINE:.1f}.",
)
assert x_far > 2 * max(ends.values())

# %% [markdown]
# Do not believe it: play X's turn.

# %%
torch.manual_seed(0)
G_x, D_x = Pixels(64, 16, (96, 96)), nets.mlp.discriminator(64, (96, 96))
with torch.no_grad():
    for weight in D_x.parameters():
        weight.zero_()
made_x = G_x(torch.randn(N, 16))
g_x = softplus(-D_x(made_x)).mean()
d_x = softplus(-D_x(real.flatten(1))).mean() + softplus(D_x(made_x)).mean()
g_x.backward()
slope = max(weight.grad.abs().max().item() for weight in G_x.parameters())
print(f"D's loss {d_x:.2f}, G's loss {g_x:.2f}; largest entry of G's gradient {slope:.1f}")

# %% [markdown]
# A $D$ that knows nothing says one half, whatever it is shown, and it has no slope: so G stays where it was. "$D$ is at
# one half" is what the best game and the worst have in common. And *within* one game? Does a loss at least follow the
# distance? **Spearman's** correlation compares ranks: 1 if both always rise and fall together, -1 if one falls
# whenever the other rises, 0 if they have nothing to do with each other.

# %%
rank = {name: torch.tensor([[spearmanr(pair[:, who, s], pair[:, 2, s])[0] for s in range(2)] for who in (1, 0)])
        for name, pair in pairs.items()}  # fmt: skip
print("Spearman's correlation with the distance, over the turns of one game (two seeds)")
for name, rho in rank.items():
    g, d = (", ".join(f"{value:+.2f}" for value in row) for row in rho.tolist())
    print(f"  {name:15} G's loss {g}     D's loss {d}")
late = pairs["R1, weight 1"][-4:]
print(f"R1, weight 1, last 300 turns: G's loss {late[0, 1].mean():.3f} to {late[-1, 1].mean():.3f}; "
      f"the distance fell by {1 - (late[-1, 2] / late[0, 2]).mean():.0%}")  # fmt: skip
final = log[-1, 1:]  # G's loss and distance at the end, (2, games)
with_x = torch.cat([final, torch.tensor([[math.log(2)], [x_far]])], dim=1)
print(f"over the ends of the six games {spearmanr(*final)[0]:+.2f}; with game X {spearmanr(*with_x)[0]:+.2f}")
assert rank["R1, weight 10"][0].min() > 0.5 and rank["R1, weight 0.1"][0].mean() < rank["R1, weight 10"][0].mean()

# %% [markdown]
# So both popular sentences are wrong. "The loss says nothing" is too strong: within a well regularised game it follows the
# distance closely. "The loss shows the quality" is too strong as well. With the weak penalty it follows much less. Late in
# a game it hardly moves while the images get better. And across games one game X spoils the order: it has exactly the losses
# of a game won. Never compare losses across settings, kinds of loss or networks.
#
# ## 4. Second instrument: a classifier's opinion
#
# Salimans et al. (2016) asked a classifier. For a good image it should be sure, so $p(\text{class} \mid x)$ has one peak;
# over all images each class should come up, so $p(\text{class})$ is flat. The Kullback-Leibler divergence between
# the two measures both at once:
#
# $$\text{score} = \exp\Big( \tfrac1n \sum_i \mathrm{KL}\big(p(\cdot \mid x_i)\,\|\,p(\cdot)\big)\Big), \qquad
# p(\cdot) = \tfrac1n \sum_i p(\cdot \mid x_i).$$
#
# It lies between 1 and the number of classes. With one certain network, trained on ImageNet, it is called the *Inception
# score*. We have our own small classifier of digits, so we say **classifier score**. (It learned from four fifths of all
# digits, drawn at random: from about as many in each of our piles, so that it favours none.)


# %%
def classifier_score(x):
    p = net(x).softmax(1)  # (n, 10)
    marginal = p.mean(0)  # p(class)
    return (p * (p / marginal).log()).sum(1).mean().exp().item()


print(f"by hand {classifier_score(fakes):.3f}, by name {inception_score(net(fakes).softmax(1)):.3f}")

# %%
predict(
    "09.c",
    "From the pile `fresh` take the one picture of each class that the classifier is surest of: ten pictures, sixty times each. Its score, compared with that of all of `fresh`?",
    ["lower: only ten different pictures", "about the same", "higher"],
)

# %%
sure = net(fresh).softmax(1)
ten = torch.stack([fresh[sure[:, digit].argmax()] for digit in range(10)])
opinions = {
    "real digits": classifier_score(fresh),
    "our fakes": classifier_score(fakes),
    "one Gaussian": classifier_score(gaussian),
    "ten pictures": classifier_score(ten.repeat(60, 1, 1, 1)),
}
fig, (left, right) = plot.figure(1, 2, width=9, height=2.6)
plot.bars(left, opinions, ylabel="classifier score")
left.axhline(10, color=plot.MUTED, linestyle=":")
left.set_ylim(0, 12)
left.tick_params(axis="x", labelsize=7)
plot.images(right, ten, cols=5)
right.set_title("the ten pictures", fontsize=10)
plot.show(fig, "Bars: the ten repeated pictures score highest, above real digits. Beside them the ten pictures.")
reveal(
    "09.c",
    truth=2 if opinions["ten pictures"] > 1.1 * opinions["real digits"] else 1,
    because=f"{opinions['ten pictures']:.2f} against {opinions['real digits']:.2f}. The most that there is, is 10.",
)
assert opinions["ten pictures"] > opinions["real digits"] + 1

# %% [markdown]
# One good picture a class beats the data itself (Barratt and Sharma 2018 show this and more). The score never looks at
# real data, so it cannot know what is missing. And it knows only what its classifier knows: real digits do not reach 10,
# because our classifier was trained to be modest. With its smoothed labels the right class should get 0.91 and each other one
# 0.01:

# %%
modest = 0.01 + 0.9 * torch.eye(10)
print(f"a classifier that does just this gives perfect digits, as many of each class, {inception_score(modest):.2f}")

# %% [markdown]
# A score of one network says nothing about a score of another.
#
# ## 5. Third instrument: two crowds
#
# Then compare with real data. Not pixel by pixel: a digit shifted by one pixel is the same digit. Take the classifier's
# last layer but one, 64 **features** an image. (Whether they know about shifts, section 7 will show.)
# Now there are two crowds in 64 dimensions. Describe each by its mean $\mu$ and its covariance $\Sigma$, and ask: how much work
# is it to move the one onto the other?
#
# On a line, two Gaussians: let both follow one standard normal $u$, $x = \mu_1 + \sigma_1 u$ and $y = \mu_2 + \sigma_2 u$. (No
# coupling is cheaper.) The mean squared way is
#
# $$\mathbb E\,(x-y)^2 = (\mu_1-\mu_2)^2 + (\sigma_1-\sigma_2)^2 = (\mu_1-\mu_2)^2 + \sigma_1^2 + \sigma_2^2 - 2\sqrt{\sigma_1^2\sigma_2^2}.$$
#
# In $d$ dimensions variances become matrices, and the same is true in the form (Dowson and Landau 1982)
#
# $$\mathrm{FD} = |\mu_1-\mu_2|^2 + \mathrm{tr}\,\Sigma_1 + \mathrm{tr}\,\Sigma_2 - 2\,\mathrm{tr}\,(\Sigma_1\Sigma_2)^{1/2}.$$
#
# This is the squared **Fréchet distance**. On the features of one certain network (Heusel et al. 2017) it is called
# FID. On ours it is not, and must not be called so: a number on other features is another number.
#
# ### Exercise 09.1 · Two Gaussians apart
# *medium · core · 8 minutes.* The last term is a trace of a root of a matrix $M = \Sigma_1\Sigma_2$. It is the sum of the
# roots of $M$'s eigenvalues. ($M$ is not symmetric, but has the eigenvalues of $\Sigma_1^{1/2}\Sigma_2\Sigma_1^{1/2}$, which is:
# so they are real, and none is below 0.)


# %%
# exercise 09.1
def frechet(mu1, cov1, mu2, cov2):
    """Squared Fréchet distance of two Gaussians: means (d,), covariances (d, d). Returns one number."""
    #: solution
    # tr M^(1/2) is the sum of the roots of M's eigenvalues. Rounding may leave a tiny negative one, hence the clamp.
    root = torch.linalg.eigvals(cov1 @ cov2).real.clamp(min=0).sqrt().sum()
    return (mu1 - mu2).square().sum() + cov1.trace() + cov2.trace() - 2 * root
    #: stub
    # return ...
    #: end


# %%
check("09.1", frechet)

# %%
# hint("09.1")
# solution("09.1")

# %% [markdown]
# **By name** it is `metrics.frechet_distance(features, features)`, the `distance` of section 3. Two questions to every
# number: what would real data get, and what would noise get?

# %%
noise = 2 * torch.rand(N, 1, 8, 8, generator=rng) - 1
for name, x in {"fresh real digits": fresh, "our fakes": fakes, "one Gaussian": gaussian, "white noise": noise}.items():
    print(f"{name:18} {distance(x):6.2f}")

# %% [markdown]
# ### The number depends on how many
#
# Real digits do not get 0. Is that our classifier's fault? Take something simpler: two samples of $n$ points from
# *one and the same* Gaussian in 64 dimensions, mean 0 and covariance $I$. The true distance is 0.

# %%
predict(
    "09.d",
    "Two samples of 1000 points each, same Gaussian, 64 dimensions. Their Fréchet distance? (For scale: moving every coordinate's mean by 0.1 makes a true distance of 0.64.)",
    ["below 0.1", "about 0.5", "about 2"],
)

# %%
sizes = (50, 100, 300, 1000, 3000, 10_000)


def twice(n, shift=0.0, score=metrics.frechet_distance, trials=5):
    """The score of two samples of n points of N(0, I), the second one shifted: (trials,)."""
    rng = torch.Generator().manual_seed(n)
    pairs = (torch.randn(2, n, 64, generator=rng) for _ in range(trials))
    return torch.tensor([score(a, b + shift) for a, b in pairs], dtype=torch.float64)


bias = {n: twice(n) for n in sizes}
for n, scores in bias.items():
    print(f"n = {n:6}: {scores.mean():7.3f} ± {scores.std():.3f}   law {(2 * 64 + 64 * 65 / 2) / n:7.3f}")

# %%
reveal(
    "09.d",
    truth=0 if bias[1000].mean() < 0.25 else 1 if bias[1000].mean() < 1 else 2,
    because=f"It is {bias[1000].mean():.2f} with 1000 points, {bias[50].mean():.0f} with 50, {bias[10_000].mean():.2f} with 10 000.",
)
for n in sizes:
    assert abs(bias[n].mean() / ((2 * 64 + 64 * 65 / 2) / n) - 1) < 0.15

# %% [markdown]
# Where does the law come from? Two means of $n$ points differ by $2\,\mathrm{tr}\,\Sigma/n = 2d/n$ in mean square. Two
# sample covariances differ by a matrix $\Delta$ with $\mathbb E\,|\Delta|^2 = 2d(d+1)/n$ (sum of squared entries), and near $I$ the last three terms
# of FD are $\tfrac14|\Delta|^2$. Together
#
# $$\mathbb E\,\mathrm{FD} \approx \frac1n\Big(2d + \frac{d(d+1)}2\Big).$$
#
# This is a **bias**, not noise: look at the small ± beside it. More trials do not help. It falls as $1/n$, grows as
# $d^2$, and differs from generator to generator (for another $\Sigma$ the law has another constant). So FD of 1000 samples and FD of 10 000 samples cannot be compared; and FID has
# 2048 features.
#
# Chong and Forsyth (2020) turn the law into a cure: score at several $n$, draw a line against $1/n$, read it at
# $1/n = 0$.
#
# ### Exercise 09.2 · The score at infinity
# *easy · useful · 5 minutes.*


# %%
# exercise 09.2
def at_infinity(sizes, scores):
    """Scores at several sample sizes; returns the value for n without end, by a line in 1/n."""
    #: solution
    # A straight line in 1/n, by least squares; its value at 1/n = 0 is the intercept.
    slope, value = np.polyfit(1 / np.array(sizes), scores, 1)
    return value
    #: stub
    # return ...
    #: end


# %%
check("09.2", at_infinity)

# %%
# hint("09.2")
# solution("09.2")

# %% [markdown]
# **By name:** `frechet_infinity`. On our digits, with lines through eight sizes:

# %%
cut = {
    name: frechet_infinity(net.features(real), net.features(x))
    for name, x in {"our fakes": fakes, "fresh digits": fresh}.items()
}
fig, ax = plot.figure(width=7, height=3)
for (name, found), ink in zip(cut.items(), (plot.FAKE, plot.REAL), strict=True):
    inverse = 1 / torch.tensor(found.sizes)
    ax.plot(inverse, found.scores, "o", color=ink, label=f"{name}: all {found.sizes[-1]} give {found.scores[-1]:.2f}")
    ax.plot([0, inverse.max()], [found.value, found.value + found.slope * inverse.max()], color=ink, alpha=0.6)
    ax.plot(0, found.value, "D", color=ink, label=f"{name}: without end {found.value:.2f}")
ax.set(xlabel="1 / n", ylabel="Fréchet distance", ylim=(min(0, ax.get_ylim()[0]), None))
ax.axhline(0, color=plot.MUTED, linestyle=":")
ax.legend(fontsize=8)
plot.show(
    fig,
    "Fréchet distance against 1/n: two rising rows of points, and a line through each. The line of fresh digits meets 1/n = 0 near zero, that "
    "of the fakes well above.",
)

# %% [markdown]
# The line of the fresh digits ends near 0, as it should, and may miss it on either side, though no distance is below 0: what is
# gained in bias is paid in noise.
#
# The **kernel distance** (Bińkowski et al. 2018) needs no such cure. It compares all pairs of features under a kernel
# $k(x, y) = (x \cdot y/d + 1)^3$,
#
# $$\mathrm{KD} = \mathbb E\,k(x, x') + \mathbb E\,k(y, y') - 2\,\mathbb E\,k(x, y),$$
#
# and leaves the pairs of a point with itself out of the means. Then it is *unbiased*: right on average at every $n$, and so
# sometimes below 0. Unbiased is not noiseless:

# %%
print("two samples of n points; the second moved by 0 or by 0.1 in each of the 64 coordinates (ten trials)")
for n in (50, 300):
    for name, score in {"Fréchet": metrics.frechet_distance, "kernel": metrics.kernel_distance}.items():
        same, moved = twice(n, 0.0, score, 10), twice(n, 0.1, score, 10)
        seen = (moved.mean() - same.mean()) / same.std()
        print(f"n = {n:4} {name:8} same {same.mean():8.4f} ± {same.std():.4f}   moved {moved.mean():8.4f}"
              f"   the difference is {seen:4.1f} times the ±")  # fmt: skip

# %% [markdown]
# Read each line from right to left: what counts is whether a difference stands out from the spread. With 50 points
# neither number sees this shift reliably. With 300 both do, beside the floor *at the same n*; the kernel distance more
# clearly, for a shift of the means is what its kernel weighs most. For another failure the order may be another.
#
# ### Exercise 09.3 · Which generator is better?
# *medium · core · 8 minutes · find the planted bug.* A colleague compares three generators. He has 100, 300 and 599
# samples of them:


# %%
def colleague(real, fakes, metric):
    """The metric of each generator's features to the real ones."""
    return {name: metric(real, x) for name, x in fakes.items()}


sorted_fresh = fresh[fresh_y.argsort()]
sent = {
    "P": fresh[:100],
    "Q": sorted_fresh[150:450],
    "R": (fresh + 0.2 * torch.randn(fresh.shape, generator=rng)).clamp(-1, 1),
}
sent = {name: net.features(x) for name, x in sent.items()}
print({name: round(score, 2) for name, score in colleague(net.features(real), sent, metrics.frechet_distance).items()})

# %% [markdown]
# "R is best", he says. But P's samples are *real digits*, and R's are digits with noise. Write the fair comparison: the same
# number of rows for each, as many as possible, drawn at random (some people keep their files sorted), none twice, and the same again for the same
# seed. `metric` is any function of two sets of features.


# %%
# exercise 09.3
def fair(real, fakes, metric, seed=0):
    """real: features (n, d). fakes: a dictionary of features (n_i, d). Returns a dictionary of scores."""
    #: solution
    # Equal n, since the bias goes as 1/n: all come down to the smallest set. At random, since a file may be sorted.
    rng = torch.Generator().manual_seed(seed)
    n = min(len(x) for x in fakes.values())
    return {name: metric(real, x[torch.randperm(len(x), generator=rng)[:n]]) for name, x in fakes.items()}
    #: stub
    # return ...
    #: end


# %%
check("09.3", fair)

# %%
# hint("09.3")
# solution("09.3")

# %% [markdown]
# Solved? Then see what `fair(net.features(real), sent, metrics.frechet_distance)` says of the three, and with other seeds.
# (Q lacks some digits. No choice of rows can bring them back.)
#
# ## 6. Fourth instrument: two questions in place of one
#
# One number mixes two questions. *Are the fakes like real ones?* and *do they reach all of them?* Kynkäänniemi et al.
# (2019) ask them apart. Around each real point draw a **ball** that reaches to its $k$-th nearest real neighbour: together
# these balls are a rough map of where real data lie. Do the same with the fakes.
#
# $$\text{precision} = \text{share of fakes in some real ball}, \qquad \text{recall} = \text{share of real points in some fake ball}.$$

# %%
rng = torch.Generator().manual_seed(3)
points = torch.randn(40, 2, generator=rng) * torch.tensor([1.0, 0.6])
others = torch.randn(40, 2, generator=rng) * torch.tensor([0.5, 0.3]) + torch.tensor([0.7, 0.3])
fig, axes = plot.figure(1, 2, width=9, height=3.4)
for ax, centres, ink in ((axes[0], points, plot.REAL), (axes[1], others, plot.FAKE)):
    radii = torch.cdist(centres, centres).sort().values[:, 3]
    for centre, radius in zip(centres, radii, strict=True):
        ax.add_patch(Circle(centre.tolist(), radius.item(), color=ink, alpha=0.08))
    plot.scatter(ax, points, others, (-3, 3))
    for dots in ax.collections:
        dots.set(sizes=[20], alpha=1)  # to be seen among the balls
    ax.legend(loc="upper left", fontsize=8)
pr = precision_recall(points, others, k=3)
axes[0].set_title(f"balls of real points: precision {pr.precision:.2f}", fontsize=10)
axes[1].set_title(f"balls of fakes: recall {pr.recall:.2f}", fontsize=10)
plot.show(
    fig,
    "Left: balls around the real points cover the fakes. Right: balls around the fakes, which lie in one corner, "
    "cover only part of the real points.",
)

# %% [markdown]
# ### Exercise 09.4 · Precision and recall
# *medium · core · 10 minutes.* A point on the border of a ball counts as inside.


# %%
# exercise 09.4
def hand_made(real, fake, k):
    """real (n, d) and fake (m, d): returns precision, recall with balls to the k-th nearest neighbour."""

    #: solution
    def inside(x, centres):
        # Place 0 of each sorted row is the centre itself, at distance 0; so its k-th neighbour is at place k.
        radii = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist").sort().values[:, k]
        return (torch.cdist(x, centres, compute_mode="donot_use_mm_for_euclid_dist") <= radii).any(1).double().mean()

    return inside(fake, real), inside(real, fake)
    #: stub
    # return ...
    #: end


# %%
check("09.4", hand_made)

# %%
# hint("09.4")
# solution("09.4")

# %% [markdown]
# A map of balls has a weak spot: a fake far out has far neighbours, hence a huge ball, and a few such fakes can "reach" all
# real points. Naeem et al. (2020) therefore draw balls around *real* points only:
#
# - **density**: in how many real balls does a fake lie, on average, divided by $k$ (about 1 for real data, and it may be more);
# - **coverage**: which share of the real balls has a fake in it.
#
# ## 7. The chart: which number sees which failure?
#
# Now the centre of this lesson. We *make* generators whose illness we know, from real digits of `fresh`, and
# ask every number about every illness.
#
# | name | its images |
# |---|---|
# | fresh digits | the floor |
# | our GAN | section 1 |
# | copies | the training pile, picture by picture |
# | ten pictures | the surest of each class, sixty times |
# | five classes | digits 0 to 4 only, drawn at random from all of them |
# | blurred | each pixel averaged half with its neighbours |
# | shifted | the whole picture one pixel to the right |
# | noisy | with noise of 0.3 on each pixel |
# | one Gaussian | the baseline |
# | wild noise | pixels far out, mostly black or white |


# %%
def patients(seed):
    """Images of known illness, and the three piles that they are made from and measured with."""
    (training, real, fresh), (_, _, labels) = thirds(seed)
    rng = torch.Generator().manual_seed(seed)
    sure, flat = net(fresh).softmax(1), training.flatten(1)
    ten = torch.stack([fresh[sure[:, digit].argmax()] for digit in range(10)])
    few = fresh[labels < 5]
    root = torch.linalg.cholesky(flat.T.cov() + 1e-4 * torch.eye(64))
    made = {
        "fresh digits": fresh,
        "copies": training,
        "ten pictures": ten.repeat(60, 1, 1, 1)[:N],
        "five classes": few[torch.randint(len(few), (N,), generator=rng)],
        "blurred": (fresh + avg_pool2d(pad(fresh, (1, 1, 1, 1), value=-1), 3, 1)) / 2,
        "shifted": fresh.roll(1, 3),
        "noisy": (fresh + 0.3 * torch.randn(fresh.shape, generator=rng)).clamp(-1, 1),
        "one Gaussian": (flat.mean(0) + torch.randn(N, 64, generator=rng) @ root.T).clamp(-1, 1).view(-1, 1, 8, 8),
        "wild noise": (4 * torch.randn(fresh.shape, generator=rng)).clamp(-1, 1),
    }
    return made, training, real


# %%
def chart(x, training, real):
    """All the numbers of this lesson, of images x against the pile `real`."""
    a, b = net.features(real), net.features(x)
    to_training, to_real = (nearest(x.flatten(1), pile.flatten(1))[0] for pile in (training, real))
    pr, dc = precision_recall(a, b), density_coverage(a, b)
    return {
        "classifier score": inception_score(net(x).softmax(1)),
        "Fréchet": metrics.frechet_distance(a, b),
        "kernel × 1000": 1000 * metrics.kernel_distance(a, b),
        "precision": pr.precision,
        "recall": pr.recall,
        "density": dc.density,
        "coverage": dc.coverage,
        "nearer to training": (to_training < to_real).double().mean().item(),
    }


made, *piles = patients(0)
fig, axes = plot.figure(2, 5, width=10, height=2)
for ax, (name, x) in zip(axes.flat, {**made, "our GAN": fakes}.items(), strict=True):
    plot.images(ax, x[torch.arange(24) * 7], cols=8)
    ax.set_title(name, fontsize=9)
plot.show(fig, "24 pictures of each patient. Blurred, shifted and copied ones all look like digits; noise does not.")

# %% [markdown]
# The last column is new: the share of images whose nearest neighbour in the *training* pile is nearer than the one in the
# equally large pile `real`. Without memory it is one half.

# %%
predict(
    "09.e",
    "The copies are the training pile itself. Which number in the chart gives them away?",
    ["Fréchet or kernel distance", "precision or density", "recall or coverage", "the last column alone"],
)
predict(
    "09.f",
    "Which of these numbers will be good for *ten pictures*?",
    ["Fréchet distance", "precision", "recall", "coverage"],
)

# %%
charts = {}
for seed in range(3):
    made, *piles = patients(seed)
    for name, x in made.items():
        charts.setdefault(name, []).append(chart(x, *piles))
for seed in range(3):  # the GAN learned from one pile: three samples of it
    charts.setdefault("our GAN", []).append(chart(game.sample(N, seed=seed), training, real))
columns = list(charts["copies"][0])
mean = {name: {c: float(np.mean([row[c] for row in rows])) for c in columns} for name, rows in charts.items()}
sd = {name: {c: float(np.std([row[c] for row in rows])) for c in columns} for name, rows in charts.items()}


# %%
def alarm(column, name):
    """0: as fresh digits. 1: as far from them as the furthest of all patients."""
    off = {n: abs(mean[n][column] - mean["fresh digits"][column]) for n in mean}
    return off[name] / max(off.values())


def draw_chart(names, floor="fresh digits"):
    fig, ax = plot.figure(width=10, height=0.42 * len(names) + 0.9)
    ax.imshow([[alarm(c, n) for c in columns] for n in names], cmap="Oranges", vmin=0, vmax=1.6, aspect="auto")
    for i, n in enumerate(names):
        for j, c in enumerate(columns):
            ax.text(j, i, f"{mean[n][c]:.2f} ± {sd[n][c]:.2f}" if mean[n][c] < 10 else f"{mean[n][c]:.0f} ± {sd[n][c]:.0f}",
                    ha="center", va="center", fontsize=8)  # fmt: skip
    ax.set_xticks(range(len(columns)), [c.replace(" ", "\n", 1) for c in columns], fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=9)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    return fig


plot.show(
    draw_chart(["fresh digits", "our GAN", *[n for n in mean if n not in ("fresh digits", "our GAN")]]),
    "A table of ten generators and eight numbers; the darker a cell, the further from fresh digits. Copies are pale "
    "everywhere but in the last column; ten pictures have good classifier score and precision, bad recall and coverage.",
)

# %%
gives_away = {
    c: abs(mean["copies"][c] - mean["fresh digits"][c]) > 4 * max(sd["copies"][c], sd["fresh digits"][c])
    for c in columns
}
seen_by = [c for c, told in gives_away.items() if told]
reveal(
    "09.e",
    truth=3 if seen_by == ["nearer to training"] else 0,
    because=f"More than four standard deviations from fresh digits: {', '.join(seen_by)}.",
)
ten_row = mean["ten pictures"]
reveal(
    "09.f",
    truth=1,
    because=f"precision {ten_row['precision']:.2f} (floor {mean['fresh digits']['precision']:.2f}); Fréchet {ten_row['Fréchet']:.0f}, "
    f"recall {ten_row['recall']:.2f}, coverage {ten_row['coverage']:.2f}.",
)
assert ten_row["precision"] > 0.7 and ten_row["recall"] < 0.1 and ten_row["coverage"] < 0.3
own = mean["our GAN"]
assert own["recall"] > own["precision"] + 0.2 and own["coverage"] < mean["fresh digits"]["coverage"] - 0.2

# %% [markdown]
# Take your time with this table: mean and standard deviation over three ways to cut the piles (for our GAN: one game,
# the first seed, and three draws of noise). A cell is the darker, the further it is from fresh digits, be it worse or
# better. Read it **by columns**:
#
# - The *classifier score* praises the ten pictures and the copies. It sees missing classes, and dislikes whatever its
#   classifier was not taught.
# - *Fréchet* and *kernel* distance see everything but the copies; they do not say *what* is wrong.
# - *Precision* sees bad images (blur hardly) and not the missing ones; *recall* sees the missing ones, except that **wild noise
#   has a recall well above zero**: outliers have huge balls. *Coverage* is not fooled by it.
# - *Nearer to training* sees copies and nothing else. (With ten pictures it is ten tosses of a coin: look at the ±.)
#
# And **by rows**:
#
# - *Shifted* pictures are perfect digits to you, and one of the worst generators to the features. *Noisy* ones look worse
#   and score better. A feature distance is the opinion of one network about what matters, and nobody taught ours to
#   ignore shifts.
# - *Blurred* ones have a low recall though nothing is missing: they lie close together, so their balls are small. Coverage,
#   with balls around real digits, is not as harsh.
# - *Our GAN* has a far better recall than precision. Does it reach most of the data, with many bad images? Coverage says no:
#   it is well below the floor too. Bad images are outliers, and their wide balls buy recall, as they do for *one Gaussian*. The
#   Fréchet distance alone would have told nothing of this.
#
# ### Exercise 09.5 · Read the chart
# *medium · core · 8 minutes · diagnose these runs.* Four generators, and a training pile that one of them has
# `"memorised"`. Another has `"collapsed"` onto a few pictures, one is `"blurred"`, one is `"healthy"` (a GAN of average
# skill). You get only numbers, and they are made in other ways than those of our table.

# %%
from gan_course.checks.patients09 import admit

sick, their_training, held_out = admit()
for line in range(2):  # a column's title stands on two lines, as in the chart above
    print(f"{'':12}" + "".join(f"{[*c.split(' ', 1), ''][line]:>11}" for c in columns))
for name, x in sick.items():
    print(f"{name:12}" + "".join(f"{value:11.2f}" for value in chart(x, their_training, held_out).values()))
print(f"{'fresh digits':12}" + "".join(f"{mean['fresh digits'][c]:11.2f}" for c in columns))

# %%
# exercise 09.5
#: solution
# C: everything at the floor, and all its images nearer to the training digits. A: precise, but reaches little.
# B: reaches more than A, but the classifier is unsure and recall low: soft images in a corner of their own. D is left.
diagnosis = {"A": "collapsed", "B": "blurred", "C": "memorised", "D": "healthy"}
#: stub
# diagnosis = {"A": ..., "B": ..., "C": ..., "D": ...}
#: end

# %%
check("09.5", diagnosis)

# %%
# hint("09.5")
# solution("09.5")

# %% [markdown]
# And the cure? For *collapsed*: lesson 06. For *blurred*: it is no illness of GANs, but of losses that average over pixels. For
# *memorised*: the next section.
#
# ## 8. Does it know them by heart?
#
# Our copies were planted. Do real GANs do such a thing? Six small games: three with only 64 training digits, three with all
# 599 of the pile.

# %%
predict(
    "09.g",
    "After 800 turns with 64 training digits: are the fakes nearer to these than to 64 other digits?",
    ["no: G never sees a training digit", "yes, clearly", "they are exact copies"],
)

# %%
few = [flat[64 * i : 64 * i + 64] for i in range(3)]
known = [*few, flat, flat, flat]  # what each game learns from
games = small_games(known, [{"seed": seed} for seed in range(6)], steps=800, lr_g=2e-3, lr_d=2e-3, penalties=[r1(0.1)])
for _ in games:
    pass

# %%
unseen = real.flatten(1)
drawn, by_heart = games.sample(N), []
for seed in range(6):
    to_known, to_unseen = (nearest(drawn[seed], pile)[0] for pile in (known[seed], unseen[: len(known[seed])]))
    D = games.players(seed)[1]
    logits = torch.cat([D(known[seed]), D(unseen)]).flatten().tolist()
    attack = roc_auc_score([1] * len(known[seed]) + [0] * len(unseen), logits)
    fd = distance(drawn[seed])
    by_heart.append(
        (to_known.median().item(), to_unseen.median().item(), (to_known < to_unseen).double().mean().item(), attack, fd)
    )
by_heart = np.array(by_heart).reshape(2, 3, 5)
titles = ("to training", "to unseen", "nearer to training", "D's attack", "Fréchet")
print(f"{'':12}" + "".join(f"{title:>19}" for title in titles))
for n, group in zip((64, N), by_heart, strict=True):
    print(f"{n:4} digits " + "".join(f"{m:12.2f} ± {s:.2f}" for m, s in zip(group.mean(0), group.std(0), strict=True)))

# %%
share, attack = by_heart[..., 2].mean(1), by_heart[..., 3].mean(1)
reveal(
    "09.g",
    truth=2 if by_heart[0, :, 0].mean() < 0.5 else 1 if share[0] > 0.6 else 0,
    because=f"Half of the fakes have a training digit within {by_heart[0, :, 0].mean():.2f} and an unseen one within "
    f"{by_heart[0, :, 1].mean():.2f}; {share[0]:.0%} are nearer to training. With all digits: {share[1]:.0%}.",
)
assert share[0] > share[1] + 0.08 and attack[0] > attack[1] + 0.1

# %% [markdown]
# (Three seeds each; distances between pixels of two images.) The fakes of the small training set are no copies yet, but they lean towards what
# was learned. And $D$, which sees the training digits every turn, knows them much better: show it a digit, and its logit tells whether this digit was in the
# training set. The column *D's attack* is the chance that a training digit gets the higher logit of the two: one half is a
# coin. "Synthetic data are private" does not follow from "G never sees a real sample" (Stadler et al. 2022).
#
# A test with a p-value (after Meehan et al. 2020) compares the fakes' distances to the training set with those of held-out *real* digits,
# here on the features:

# %%
print("share of (fake, held-out) pairs in which the fake is nearer to the training pile; p-value")
for name, x, pile in (
    ("copies", training + 0.01, training),
    ("our GAN", fakes, training),
    ("fresh digits", fresh, training),
    ("64 digits", drawn[0].view(-1, 1, 8, 8), few[0].view(-1, 1, 8, 8)),
):
    found = memorised(net.features(pile), net.features(real), net.features(x))
    print(f"  {name:13} {found.share:.2f}   p = {found.p_value:.2g}")

# %% [markdown]
# It finds the copies, and clears the game with 64 digits, wrongly: the fakes of that small network are far from *all* digits, so compared with real digits they
# look innocent. The paired comparison above does not have this blind spot. A test that finds nothing has not shown that there is
# nothing.
#
# ## 9. And the likelihood?
#
# A GAN has no density (lesson 01), but one can build one from its samples: a small Gaussian of width $h$ around each
# of $m$ samples, the **Parzen window** or kernel density estimate,
#
# $$\log \hat p(x) = \log \frac1m \sum_{j=1}^m \mathcal N(x;\, s_j,\, h^2 I).$$
#
# This was once how GANs were scored, with $h$ chosen on held-out data. Theis et al. (2016) showed what is wrong with it. We take
# the pixels, choose $h$ on one half of `real`, and report the other half.

# %%
predict(
    "09.h",
    "120 samples each. Which get the best Parzen likelihood on held-out digits?",
    [
        "120 fresh digits: nothing is better than the truth",
        "120 fakes of our GAN",
        "120 averages of similar training digits (k-means)",
    ],
)

# %%
tune, test = unseen[:300], unseen[300:]
centres = torch.tensor(KMeans(120, n_init=1, random_state=0).fit(flat.numpy()).cluster_centers_)
sources = {
    "120 fresh digits": fresh[:120],
    "120 fakes": fakes[:120],
    "120 averages": centres.view(-1, 1, 8, 8),
    "all fresh digits": fresh,
    "fresh and training": torch.cat([fresh, training]),
}
widths = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
parzen = {}
for name, x in sources.items():
    h = max(widths, key=lambda h: kde_log_likelihood(x.flatten(1), tune, h).mean())
    values = kde_log_likelihood(x.flatten(1), test, h)
    parzen[name] = values.mean().item()
    error = values.std().item() / math.sqrt(len(test))
    print(f"{name:18} h = {h:.2f}   {parzen[name]:6.1f} ± {error:.1f} nats an image")

fig, axes = plot.figure(1, 3, width=9, height=1.1)
for ax, name in zip(axes, sources, strict=False):
    plot.images(ax, sources[name][:16], cols=8)
    ax.set_title(name, fontsize=9)
plot.show(fig, "Sixteen fresh digits, sixteen fakes, and sixteen averages, which are a little soft.")

# %%
best = max(list(parzen)[:3], key=parzen.get)
reveal(
    "09.h",
    truth=list(parzen).index(best),
    because=f"{best}: {parzen[best]:.1f} nats; 120 fresh digits: {parzen['120 fresh digits']:.1f}.",
)
assert parzen["120 averages"] > parzen["120 fresh digits"] + 3
assert parzen["fresh and training"] > parzen["all fresh digits"] > parzen["120 fresh digits"]

# %% [markdown]
# Samples of the truth are not the best samples for this score: averages lie in the middle of their neighbours, where a
# Gaussian is needed. Theis et al. found the same with k-means on larger digits. And the last two lines are one and the same model, the truth,
# with more samples: the number still rises. In 64 dimensions no sample
# that we can pay for tells where it will end.
#
# Likelihood and looks are largely independent, in both directions, and the proof is one line. Let $p$ be a perfect model and $q$ white
# noise. The mixture $0.01\,p + 0.99\,q$ draws noise 99 times in 100. But its density is at least $0.01\,p$, so
#
# $$\log\big(0.01\,p(x) + 0.99\,q(x)\big) \;\ge\; \log p(x) - \log 100 .$$

# %%
h = 0.35
log_p = kde_log_likelihood(fresh.flatten(1), test, h)  # a decent model
log_q = torch.full_like(log_p, -64 * math.log(2))  # white noise on [-1, 1]
log_mix = torch.logaddexp(math.log(0.01) + log_p, math.log(0.99) + log_q)
copycat = kde_log_likelihood(ten.flatten(1), test, 0.1)
print(f"a decent model                        {log_p.mean():8.1f} nats an image")
print(
    f"the same, but 99 % white noise        {log_mix.mean():8.1f}: lost {log_p.mean() - log_mix.mean():.2f}, at most log 100 = {math.log(100):.2f}"
)
print(f"ten good pictures and hardly any blur {copycat.mean():8.1f}: every sample a digit, no test digit explained")

# %% [markdown]
# Bad samples with a good likelihood, and good samples with a terrible one.
#
# ## 10. Are the shares right?
#
# One thing no number above asks directly: does a minority keep its share? We train six small games on 0s and 1s, 90 % of one
# and 10 % of the other. In every second game the roles are exchanged, so that it is not the digit's fault.

# %%
predict(
    "09.i",
    "The minority has 10 % of the training data. Its share among the fakes?",
    ["about 10 %", "clearly less", "clearly more: D notices what is missing"],
)

# %%
x, y = images.digits()
zeros_ones = [x[y == digit].flatten(1) for digit in range(2)]
uneven = [torch.cat([zeros_ones[seed % 2][:162], zeros_ones[1 - seed % 2][:18]]) for seed in range(6)]
games = small_games(uneven, [{"seed": seed} for seed in range(6)], steps=600, penalties=[r1(0.1)])
for _ in games:
    pass
called = torch.stack([net(s.view(-1, 1, 8, 8)).argmax(1) for s in games.sample(1000)])  # (games, 1000)
minority = torch.tensor([[1 - seed % 2] for seed in range(6)])
shares = (called == minority).double().mean(1)
mistaken = [(net(x[y == digit]).argmax(1) != digit).double().mean().item() for digit in range(2)]

# %%
fig, ax = plot.figure(width=7, height=2.6)
for seed, s in enumerate(shares.tolist()):
    low, high = judge.wilson(round(1000 * s), 1000)
    ax.errorbar(seed, s, [[s - low], [high - s]], fmt="o^"[seed % 2], color=plot.FAKE, capsize=4)
ax.axhline(0.1, color=plot.REAL, linestyle="--", label="in the data")
ax.set(xlabel="seed (circles: 1s are rare; triangles: 0s are rare)", ylabel="minority's share", ylim=(0, None))
ax.legend()
plot.show(
    fig, "The minority's share among the fakes of six games, with 95 % intervals; most lie below the line at 0.1."
)
reveal(
    "09.i",
    truth=1 if shares.mean() < 0.08 else 2 if shares.mean() > 0.12 else 0,
    because=f"On average {shares.mean():.1%}, from {shares.min():.1%} to {shares.max():.1%}. (The classifier itself is wrong on "
    f"{max(mistaken):.1%} of such real digits.)",
)

# %% [markdown]
# If samples of a GAN replace data, count first, with a classifier as here. Then ask for recall and coverage *within* each class,
# since a class may keep its share and lose its variety.
#
# ## 11. Your turn to cheat
#
# You have seen the ten pictures. There is worse. Every score here is computed by a network, and a network can be differentiated *with
# respect to the pixels*.
#
# ### Exercise 09.6 · Cheat
# *hard · extra · 15 minutes.* Make 200 to 599 images, all different, that are no digits at all, and that still get
#
# - `"classifier score"` of 7 or more (real digits stay well below that), **or**
# - `"frechet distance"` to real digits of at most twice the floor.
#
# An independent witness looks at the pixels: for half of your images the nearest real digit must be at least 1.4 times as far
# as a real digit's nearest neighbour is. `net` gives logits, `net.features` features.

# %%
# exercise 09.6
#: solution
# Gradient descent on the pixels of noise, until the classifier is sure of the class that we want.
cheats = 2 * torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 1
cheats.requires_grad_()
opt = torch.optim.Adam([cheats], 0.05)
for _ in range(60):
    opt.zero_grad()
    cross_entropy(net(cheats), torch.arange(300) % 10).backward()  # as many of each class
    opt.step()
    with torch.no_grad():
        cheats.clamp_(-1, 1)
fooled = ("classifier score", cheats.detach())
#: stub
# fooled = ...  # ("classifier score" or "frechet distance", images (n, 1, 8, 8) in [-1, 1])
#: end

# %%
check("09.6", fooled)

# %%
# hint("09.6")
# solution("09.6")

# %% [markdown]
# Look at what you made: `fig, ax = plot.figure(); plot.images(ax, fooled[1][:32]); plot.show(fig, "my cheats")`. If you bring the *features* of noise to those of real
# digits, one by one, then the Fréchet distance, precision and recall all turn good together: they are functions of the same
# features. A number is safe only as long as nobody optimises it; and a generator that is chosen, early-stopped or trained by a number *is* optimised for it.
#
# ## 12. What is not true
#
# Each line with the figures of this notebook.

# %%
followed = {name: rho.abs().amax(0).mean().item() for name, rho in rank.items()}
untrue = {
    "The loss shows the quality": f"late in the games of weight 1 G's loss went from {late[0, 1].mean():.3f} to {late[-1, 1].mean():.3f}, the distance from {late[0, 2].mean():.1f} to {late[-1, 2].mean():.1f}",
    "The loss says nothing": f"with R1 of weight 10 the better one of the two losses had a rank correlation of {followed['R1, weight 10']:.2f} with the distance (sign aside)",
    "D at one half means success": f"so it was in game X, whose fakes are at {x_far:.0f}; and with R1 of weight 1 D's loss ended at {late[-1, 0].mean():.2f} (a game won: {math.log(4):.2f}), at a distance of {ends['R1, weight 1']:.1f}",
    "A high classifier score means real and varied images": f"ten pictures got {opinions['ten pictures']:.1f}, real digits {opinions['real digits']:.1f}",
    "Two samples of one distribution have Fréchet distance 0": f"in 64 dimensions {bias[50].mean():.0f} at n = 50, {bias[1000].mean():.1f} at 1000, {bias[10_000].mean():.2f} at 10 000",
    "A low Fréchet distance excludes copying": f"the copies have {mean['copies']['Fréchet']:.2f}, the floor is {mean['fresh digits']['Fréchet']:.2f}; measured against the training set itself it would be exactly 0",
    "Recall measures variety": f"wild noise has recall {mean['wild noise']['recall']:.2f}; its coverage is {mean['wild noise']['coverage']:.2f}",
    "What looks right scores right": f"digits shifted by one pixel are at {mean['shifted']['Fréchet']:.0f}, visibly noisy ones at {mean['noisy']['Fréchet']:.1f}",
    "Good samples have a good likelihood": f"a model that draws noise 99 times in 100 lost {log_p.mean() - log_mix.mean():.1f} nats",
    "GANs do not memorise": f"with 64 digits D's logit told training digits from others in {attack[0]:.0%} of pairs",
    "Samples keep the data's proportions": f"a minority of 10 % came out at {shares.mean():.1%} on average, from {shares.min():.1%} to {shares.max():.1%}",
}
say("\n".join(f"- *{claim}.* Not so, here: {fact}." for claim, fact in untrue.items()))

# %% [markdown]
# "Here" is 8 × 8 pixels and a small classifier; the sizes will differ elsewhere. What stays is the routine: **held-out data, equal n,
# floor, baseline, error bars, at least one number for each failure, and a look at the samples and their nearest neighbours.**
#
# ## Quiz

# %%
quiz("09")

# %% [markdown]
# ## Recap
#
# | number | asks | sees | blind to |
# |---|---|---|---|
# | your eyes, with an interval | which is real? | bad images | what is missing, copies |
# | losses | who is ahead in this game? | collapse of the game | quality, across games |
# | classifier score | sure, and all classes? | noise, missing classes | variety within a class, real data |
# | Fréchet distance | same mean and covariance of features? | most failures, not which | copies; biased as $1/n$ |
# | kernel distance | same feature distribution, up to third moments? | the same; unbiased | copies |
# | precision, density | are fakes where real ones are? | bad images | missing ones, copies |
# | recall | do fakes' balls reach real ones? | missing ones | copies; and outliers fool it |
# | coverage | do real balls hold a fake? | missing ones | copies |
# | nearer to training | by heart? | copies | everything else |
# | likelihood (Parzen) | density at test points? | missing ones | looks |
#
# - Three piles: one to learn from, one to compare with, one to play the perfect generator.
# - Equal $n$, always. The bias of FD is about $\big(2d + d(d+1)/2\big)/n$ for two Gaussians of covariance $I$.
# - A number that is optimised stops measuring.
#
# Part II ends here: you can name a failure, explain it, cure it, and measure whether the cure worked.
#
# ## Sources
#
# - S. Barratt, R. Sharma (2018), *A Note on the Inception Score* (section 4).
# - M. Bińkowski, D. Sutherland, M. Arbel, A. Gretton (2018), *Demystifying MMD GANs*: the kernel distance (section 5).
# - M. J. Chong, D. Forsyth (2020), *Effectively Unbiased FID and Inception Score and Where to Find Them* (section 5).
# - D. C. Dowson, B. V. Landau (1982), *The Fréchet Distance between Multivariate Normal Distributions* (section 5).
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter (2017), *GANs Trained by a Two Time-Scale Update
#   Rule Converge to a Local Nash Equilibrium*: the FID (section 5).
# - T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila (2019), *Improved Precision and Recall Metric for
#   Assessing Generative Models* (section 6).
# - D. Lopez-Paz, M. Oquab (2017), *Revisiting Classifier Two-Sample Tests* (section 2).
# - C. Meehan, K. Chaudhuri, S. Dasgupta (2020), *A Non-Parametric Test to Detect Data-Copying in Generative Models*
#   (section 8).
# - M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo (2020), *Reliable Fidelity and Diversity Metrics for Generative
#   Models* (section 6).
# - T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen (2016), *Improved Techniques for Training
#   GANs* (section 4).
# - T. Stadler, B. Oprisanu, C. Troncoso (2022), *Synthetic Data: Anonymisation Groundhog Day* (section 8).
# - L. Theis, A. van den Oord, M. Bethge (2016), *A Note on the Evaluation of Generative Models* (section 9).
# - E. B. Wilson (1927), *Probable Inference, the Law of Succession, and Statistical Inference* (section 2).
