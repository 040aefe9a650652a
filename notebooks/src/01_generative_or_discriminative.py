# %% [markdown]
# # 01 · Generative or discriminative?
#
# **One model learns to answer one question. Another learns how the data comes about, and can be asked five. You will
# measure what the wider one gains, and what it pays.**
#
# - **You need:** lesson 00; Python, calculus, and what a probability density is. No GPU, and no network connection.
# - **Time:** 75 minutes to read and do; 33 seconds to run on two processor cores.
#
# At the end of this lesson you will be able to
#
# 1. say what $p(y \mid x)$ knows and what $p(x, y)$ knows, and turn the second into the first;
# 2. write the simplest generative classifier by hand, and let it classify, draw, score and fill in;
# 3. say which of eleven models can do which of five things, and read the numbers with their floors and baselines;
# 4. say when a generative model needs fewer labels, and when a discriminative one wins;
# 5. find a leak between training and test data, and unmask a generator that only looks good.

# %%
import math
from types import SimpleNamespace

import torch
from IPython.display import Markdown, display
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import CategoricalNB
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.svm import SVC
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from gan_course import Batches, device, images, metrics, nets, plot, r1, train
from gan_course.checks import check, hint, predict, quiz, reveal, solution, strangers
from gan_course.classical import fill_gaussian, fit_hmm
from gan_course.features import digits_classifier
from gan_course.widgets import boundary, show

_ = device.tune_threads()
device.seed(0)

# %% [markdown]
# ## 1. Two things that one can learn
#
# An image $x$ comes with a label $y$. Everything that can be known about the pair is in the **joint distribution**
# $p(x, y)$: how often this image comes with this label.
#
# - A **discriminative** model learns only $p(y \mid x)$: *given* this image, which label?
# - A **generative** model learns $p(x, y)$, or just $p(x)$ where there are no labels: which images are there, and how
#   often?
#
# The first follows from the second:
#
# $$p(y \mid x) = \frac{p(x, y)}{p(x)}, \qquad p(x) = \sum_y p(x, y).$$
#
# To see what is lost on the way, let $x$ be one number: the ink in the four middle pixels of a digit. Let $y$ say
# whether the digit is a 0 or a 1. Then we need no model at all. We can count.

# %%
everything, digit = images.digits(8)  # (1797, 1, 8, 8) in [-1, 1], and which digit each is
ink = everything[:, 0, 3:5, 3:5].mean((1, 2))
cells = ((ink + 1) / 0.25).long().clamp(max=7)  # eight cells of ink, from none to full
joint = torch.stack([torch.bincount(cells[digit == y], minlength=8) for y in (0, 1)])
joint = joint / joint.sum()  # p(x, y): one table of chances that sum to 1
p_x = joint.sum(0)  # p(x) = sum over y of p(x, y)
p_y_given_x = joint / p_x  # p(y | x) = p(x, y) / p(x)

# %%
fig, (left, right) = plot.figure(1, 2, height=3)
at = torch.arange(8) / 8 + 1 / 16
left.bar(at, joint[0], 0.11, color=plot.MUTED, label="y = 0")
left.bar(at, joint[1], 0.11, bottom=joint[0], color=plot.THEORY, label="y = 1")
right.bar(at, p_y_given_x[0], 0.11, color=plot.MUTED)
right.bar(at, p_y_given_x[1], 0.11, bottom=p_y_given_x[0], color=plot.THEORY)
left.set(title="what a generative model learns: p(x, y)", xlabel="x: ink in the middle", ylabel="chance")
right.set(title="what a discriminative one learns: p(y | x)", xlabel="x: ink in the middle")
left.legend()
plot.show(
    fig, "Left: stacked bars of different heights, zeros on the left and ones on the right. Right: all bars are 1 high."
)

# %%
sure = p_y_given_x.amax(0) > 0.99
print(f"In {sure.sum()} of the 8 cells of ink the label is certain (more than 99 %).")
print(f"Yet their chances of turning up go from {p_x[sure].min():.3f} to {p_x[sure].max():.3f}.")

# %% [markdown]
# On the right every bar has height 1. The label is there; **how common each $x$ is has gone**. That is all that
# distinguishes the two, and everything below follows from it. Without $p(x)$ you cannot draw a new $x$, cannot say
# how unusual an $x$ is, and cannot guess a missing part of it. And if all you want is the label, you need none of that.
#
# ## 2. The data, and three runs
#
# From here on $x$ is a whole digit: 64 pixels with 17 grey levels. To see what chance does, everything is done three
# times. **In run $s$ the digit $s$ is kept secret**: no model sees one in training. The other nine digits are the
# classes. The secret digit comes back in the test images, as something that nobody has ever seen.

# %%
x_all, digit_all = images.digits(8, split="train")
x_new, digit_new = images.digits(8, split="test")  # the same 360 test images as in lesson 00


def noisy(x, seed):
    """Each grey level spread evenly over its own width of 1/8: section 8 says why."""
    return x + (torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) - 0.5) / 8


def make_run(seed):
    """Images (n, 64) and labels 0 to 8. Test labels are -1 for the secret digit."""
    label = torch.arange(10) - (torch.arange(10) > seed).long()  # the other nine digits, numbered 0 to 8
    label[seed] = -1
    keep = digit_all != seed
    x, y = x_all[keep].flatten(1), label[digit_all[keep]]
    x_test, y_test = x_new.flatten(1), label[digit_new]
    return SimpleNamespace(
        seed=seed, x=x, y=y, x_test=x_test, y_test=y_test, known=y_test >= 0,
        noisy=noisy(x, seed).double(), noisy_test=noisy(x_test, seed + 10).double(),
        log_prior=(torch.bincount(y) / len(y)).double().log(),
    )  # fmt: skip


runs = [make_run(seed) for seed in range(3)]
for run in runs:
    secret = (~run.known).sum()
    print(f"run {run.seed}: {len(run.x)} to learn from, {run.known.sum()} to test on, {secret} secret {run.seed}s")

# %% [markdown]
# ## 3. By hand: a classifier that can draw
#
# The simplest generative model of a digit says: *the images of one class are a Gaussian cloud*. A cloud has a mean
# image $\mu_y$ and a covariance $\Sigma_y$, which says which pixels go together. Both are averages. There is nothing
# else to train.
#
# $$p(x, y) = p(y)\, p(x \mid y), \qquad
#   \log p(x \mid y) = -\tfrac12 (x - \mu_y)^\top \Sigma_y^{-1} (x - \mu_y) - \tfrac12 \log \det (2\pi \Sigma_y).$$
#
# There are few images for so many numbers, and in some directions they hardly differ, by chance. The small `RIDGE`
# adds a little width in every direction.

# %%
RIDGE = 0.005
run = runs[0]
means, covs = [], []
for c in range(9):
    rows = run.noisy[run.y == c]
    means.append(rows.mean(0))
    covs.append((rows - means[c]).T @ (rows - means[c]) / len(rows) + RIDGE * torch.eye(64).double())


def log_gaussian(x, mean, cov):
    """log p(x | y): shape (n,)."""
    away = x - mean
    return -0.5 * (away @ cov.inverse() * away).sum(1) - 0.5 * torch.logdet(2 * math.pi * cov)


by_hand = torch.stack([log_gaussian(run.noisy_test, m, c) for m, c in zip(means, covs, strict=True)], 1)
log_joint = by_hand + run.log_prior  # log p(x, y) = log p(x | y) + log p(y)
hits = log_joint.argmax(1)[run.known] == run.y_test[run.known]
print(f"Classified right: {hits.double().mean():.1%}. Always the commonest class: {run.log_prior.max().exp():.1%}.")

# %% [markdown]
# It classifies, though nobody trained it to. To compare $p(y \mid x)$ for two labels, $p(x)$ is not even needed: it
# is the same for both, so the largest $p(x, y)$ wins.
#
# And it draws. **First draw $y$ from $p(y)$, then $x$ from $p(x \mid y)$.** With $\Sigma = LL^\top$ and noise
# $\varepsilon$ from a standard normal distribution, $x = \mu + L\varepsilon$.

# %%
rng = torch.Generator().manual_seed(0)
drawn_y = torch.multinomial(run.log_prior.exp(), 24, replacement=True, generator=rng)
noise = torch.randn(24, 64, generator=rng, dtype=torch.float64)
drawn = torch.stack(
    [means[y] + torch.linalg.cholesky(covs[y]) @ e for y, e in zip(drawn_y, noise, strict=True)]  # x = mu + L e
)

fig, axes = plot.figure(1, 2, height=2.6)
fig.get_layout_engine().set(w_pad=0.12)
for ax, x, title in ((axes[0], run.x[:24], "written by people"), (axes[1], drawn, "drawn by nine Gaussians")):
    plot.images(ax, x.view(-1, 1, 8, 8))
    ax.set_title(title)
plot.show(
    fig, "Two sheets of 24 digits, real and drawn by the Gaussians. The drawn ones are noisier, most can be read."
)

# %% [markdown]
# ### By name
#
# scikit-learn's `GaussianMixture` with one component is this very model; `reg_covar` is the ridge. Nine of them, one
# a class, are a *Gaussian mixture* of $p(x)$. From here on we use it.

# %%
parts = [GaussianMixture(1, reg_covar=RIDGE).fit(run.noisy[run.y == c]) for c in range(9)]
by_name = torch.stack([torch.tensor(part.score_samples(run.noisy_test)) for part in parts], 1)
assert torch.allclose(by_hand, by_name, rtol=1e-6)
print(f"largest of {by_name.numel()} relative differences: {((by_hand - by_name) / by_name).abs().max():.6f}")

# %% [markdown]
# ### Exercise 01.1 · Bayes' rule in logarithms
# *easy · core · 6 minutes.* You have $\log p(x \mid y)$ for $n$ images and
# $k$ classes, shape (n, k), and $\log p(y)$, shape (k,). Give $p(y \mid x)$, shape (n, k): each row sums to 1. Look
# at the size of the numbers first: `by_hand` holds values below −1000, and `math.exp(-1000)` is 0.


# %%
# exercise 01.1
def posterior(log_likelihood, log_prior):
    """p(y | x) from log p(x | y), shape (n, k), and log p(y), shape (k,)."""
    #: solution
    log_joint = log_likelihood + log_prior  # log p(x, y)
    log_p_x = log_joint.logsumexp(1, keepdim=True)  # log of the sum over y, without leaving the logarithms
    return (log_joint - log_p_x).exp()
    #: stub
    # return ...
    #: end


# %%
check("01.1", posterior)

# %%
# hint("01.1")
# solution("01.1")

# %% [markdown]
# ## 4. Fewer labels, or fewer mistakes?
#
# If only the label matters, which way is better? Vapnik (1998) advises never to solve a more general problem on the
# way to a special one. Ng and Jordan (2002) looked closer. Take two classifiers whose borders have the same form, one
# trained on $p(x, y)$ and one on $p(y \mid x)$. With endless data, they argue, the discriminative one makes no more
# mistakes than the other. But the generative one may *get to its own limit* with far fewer labels.
#
# They took naive Bayes and logistic regression. Our pair is two Gaussians that share one covariance (linear
# discriminant analysis) and **logistic regression**, which moves a straight border until the right labels are as
# probable as possible. The border of the Gaussians is straight as well. A covariance of 64 pixels holds 2080 numbers,
# too many for few images, so ours is pulled half-way to that of round clouds (*shrinkage*). Logistic regression has a
# help of the same kind, a *penalty* on large weights. We try both models without their help and with it.
#
# The task is one in which the Gaussians assume something wrong: **odd or even?** Five digits in one class are surely
# no single cloud.

# %%
predict(
    "01.a",
    "Odd or even? Generative: two Gaussians that share a covariance, shrunk. Discriminative: logistic regression, no "
    "penalty. Which makes fewer mistakes with 128 labelled images, and which with 1024?",
    [
        "The generative one with 128 and with 1024",
        "The discriminative one with 128 and with 1024",
        "With 128 the generative one, with 1024 the discriminative one",
        "With 128 the discriminative one, with 1024 the generative one",
    ],
)

# %%
SIZES, REPEATS = (8, 16, 32, 64, 128, 256, 512, 1024), 15
rivals = {
    "generative": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5),  # covariance: half-way to round
    "generative, not shrunk": lambda: LinearDiscriminantAnalysis(),
    "discriminative, no penalty": lambda: LogisticRegression(C=1e4, max_iter=2000),
    "discriminative, with a penalty": lambda: LogisticRegression(C=0.3, max_iter=2000),
}
flat, odd = everything.flatten(1).numpy(), (digit % 2).numpy()
mistakes = {name: torch.zeros(REPEATS, len(SIZES)) for name in rivals}
for i in range(REPEATS):
    pool, test = train_test_split(range(len(odd)), train_size=1200, stratify=odd, random_state=i)
    for j, n in enumerate(SIZES):
        few, _ = train_test_split(pool, train_size=n, stratify=odd[pool], random_state=i)
        for name, make in rivals.items():
            mistakes[name][i, j] = 1 - make().fit(flat[few], odd[few]).score(flat[test], odd[test])

# %%
fig, ax = plot.figure(width=7, height=3.4)
marks = zip(mistakes.items(), (plot.GEN, plot.GEN, plot.DIS, plot.MUTED), ("-", "-.", "--", ":"), strict=True)
for (name, found), colour, dash in marks:
    ax.errorbar(SIZES, found.mean(0), found.std(0) / REPEATS**0.5, color=colour, linestyle=dash, capsize=3, label=name)
ax.set(xscale="log", xlabel="labelled images", ylabel="share of mistakes", ylim=(0, 0.4))
ax.set_xticks(SIZES, SIZES)
ax.minorticks_off()
ax.legend()
plot.show(
    fig,
    "Four curves. In the middle the generative one is below the unpenalised one; at the end it is above it. Not "
    "shrunk, it has a hump near 64 images.",
)

# %%
lead = mistakes["discriminative, no penalty"] - mistakes["generative"]  # both saw the same images: compare in pairs
mean, error = lead.mean(0), lead.std(0) / REPEATS**0.5
for n, m, e in zip(SIZES, mean, error, strict=True):
    print(f"{n:5} images: the generative one is ahead by {m:+6.1%} ± {e:.1%}")
at_128, at_1024 = mean[SIZES.index(128)] > 0, mean[SIZES.index(1024)] > 0
truth = 0 if at_128 and at_1024 else 2 if at_128 else 3 if at_1024 else 1
reveal(
    "01.a", truth=truth, because="The table above has both leads; ± is one standard error over 15 draws of the images."
)

# %% [markdown]
# With 8 or 16 images nobody knows much. Then both parts of Ng and Jordan's statement seem to show. The two clouds are
# found early, and after that more images help less: the assumption is wrong, and it stays wrong. Logistic regression
# goes on learning.
#
# But was that a fair race? One of the two had help. Now the other two curves: logistic regression with its penalty
# (grey), and the two Gaussians without their shrinkage (dash and dot).

# %%
penalised = mistakes["generative"] - mistakes["discriminative, with a penalty"]
for n in (128, 256, 1024):
    column = penalised[:, SIZES.index(n)]
    error = column.std() / REPEATS**0.5
    print(f"{n:5} images: the penalised one is ahead of the generative one by {column.mean():+.1%} ± {error:.1%}")
unshrunk = mistakes["discriminative, no penalty"] - mistakes["generative, not shrunk"]
for n in (64, 128, 256, 1024):
    column = unshrunk[:, SIZES.index(n)]
    error = column.std() / REPEATS**0.5
    print(f"{n:5} images, no help for either: the generative one is ahead by {column.mean():+.1%} ± {error:.1%}")
assert lead[:, SIZES.index(256)].mean() > 0 and penalised[:, SIZES.index(256)].mean() > 0
assert unshrunk[:, SIZES.index(128)].mean() < 0 < unshrunk[:, SIZES.index(256)].mean()
assert min(found[:, :2].mean() for found in mistakes.values()) > 0.2  # with 8 or 16 images nobody knows much

# %% [markdown]
# The penalty takes the lead away. And with no help for either, logistic regression is in front at 128 images, the
# Gaussians at 256: each stumbles at a size of its own. So the generative model did not win by being generative. **It
# won by assuming more** ("nearly round"), and a penalty is an assumption too ("no weight is large"). Which assumption
# fits better, only data can say: Xue and Titterington (2008) repeated Ng and Jordan's comparison, and doubt that two
# such regimes can be relied on.
#
# ### Play: how wrong may an assumption be?
#
# Two clouds in a plane. The generative model takes both to be round and only looks for their centres. Logistic
# regression fits the border itself. **Predict before each move:** where do the curves cross for more tilt, and where
# for none?

# %%
show(
    boundary.explorer(),
    boundary.picture(),
    alt="Left: ten points of two classes and two straight borders. Right: the error of both classifiers against the number "
    "of points. The generative one is better below about 20 points, logistic regression above.",
)

# %%
for tilt in boundary.TILTS:
    found = {name: e.mean(0) for name, e in boundary.errors(tilt).items()}
    wins = found[boundary.DISCRIMINATIVE] < found[boundary.GENERATIVE]
    first = next((n for i, n in enumerate(boundary.SIZES) if wins[i:].all()), None)
    print(f"tilt {tilt:.1f}: logistic regression is better " + (f"from {first} points on" if first else "at no size"))

# %% [markdown]
# The less the assumption fits, the sooner it costs more than it brings. And where it fits exactly, it costs nothing.
#
# ## 5. Nine contestants
#
# Now all of them, on the same images, in all three runs. (Two more join them later, to compare: kNN and a regression.)
# First the four discriminative ones. Each gives a score for each of the nine classes: a probability $p(y \mid x)$, or
# for the SVM a distance from its borders.

# %%
scores = {use: {} for use in ("mistakes", "FD", "bits", "AUROC", "RMSE")}  # use -> name -> one number a run
judged = {}  # name -> a score for each test image and class, one tensor (360, 9) a run


def keep(use, name, values):
    scores[use][name] = torch.tensor(values, dtype=torch.float64)


def logistic(run):
    """Straight borders; p(y | x) = softmax(W x + b)."""
    return LogisticRegression(C=0.1, max_iter=2000).fit(run.x, run.y).predict_proba(run.x_test)


def svm(run):
    """Curved borders, as far as possible from the nearest images (Cortes and Vapnik 1995). No probability at all."""
    return SVC(C=10, gamma=0.02).fit(run.x, run.y).decision_function(run.x_test)


for name, score in (("logistic", logistic), ("SVM", svm)):
    judged[name] = [torch.tensor(score(run)) for run in runs]

# %% [markdown]
# Two networks, trained in the same way: raise $\log p(y \mid x)$ of the right label. The **convolutional network**
# (CNN) slides small patterns over the image (LeCun et al. 1998). The **recurrent network** has its row here, and
# reads rows: eight of them, one after the other, keeping what it needs in a memory of 48 numbers (GRU, Cho et al.
# 2014).


# %%
class RowReader(nn.Module):
    """A recurrent network: images (n, 64), read as 8 rows of 8 pixels, to 9 logits."""

    def __init__(self):
        super().__init__()
        self.memory = nn.GRU(8, 48, batch_first=True)
        self.head = nn.Linear(48, 9)

    def forward(self, x):
        _, last = self.memory(x.view(-1, 8, 8))
        return self.head(last[0])


def fit_net(net, run, turns=250):
    optimiser = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=turns)  # up to 0.01, then down to 0
    batches = Batches(run.x, 64, run.y, seed=run.seed)
    for _ in range(turns):
        x, y = next(batches)
        optimiser.zero_grad()
        cross_entropy(net(x), y).backward()  # minus the mean of log p(y | x)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return net.eval()(run.x_test).softmax(1)


# %%
def convolutional():
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nets.conv.classifier(classes=9, width=16))


for name, make in (("CNN", convolutional), ("GRU", RowReader)):
    judged[name] = []
    for run in runs:
        device.seed(run.seed)
        judged[name].append(fit_net(make(), run))

# %% [markdown]
# Then the generative ones. The next cells need not be read line by line: look at what each model assumes, and at what
# it hands in. That is one form for all: `log_joint`, that is $\log p(x, y)$ for each test image and class; `samples`,
# as many as there are known test images; and `filled`, the test images whose **lower half was taken away**, with that
# half guessed. All but the GAN are fitted by raising $\log p(x \mid y)$, or a bound of it.
#
# **Naive Bayes**: within a class each pixel is drawn by itself, from a table of how often each grey level occurred.
# Nothing is cheaper, and the others have to beat it.


# %%
def shown_top(run):
    """The known test images with NaN for the lower half."""
    x = run.x_test[run.known].double()
    x[:, 32:] = torch.nan
    return x


def draw_labels(run, n):
    rng = torch.Generator().manual_seed(run.seed)
    return torch.multinomial(run.log_prior.exp(), n, replacement=True, generator=rng).sort().values


def levels(x):
    return ((x + 1) * 8).round().long()  # grey levels 0 to 16


def naive_bayes(run):
    model = CategoricalNB(alpha=0.1, min_categories=17).fit(levels(run.x), run.y)
    table = torch.stack([torch.tensor(t) for t in model.feature_log_prob_], 1)  # log p(level | y): (9, 64, 17)
    log_joint = torch.tensor(model.predict_joint_log_proba(levels(run.x_test)))
    y = draw_labels(run, int(run.known.sum()))
    samples = torch.multinomial(table[y].exp().flatten(0, 1), 1, generator=torch.manual_seed(run.seed)).view(-1, 64)
    top = one_hot(levels(run.x_test[run.known])[:, :32], 17).double()
    p_y = (torch.einsum("npl,cpl->nc", top, table[:, :32]) + run.log_prior).softmax(1)  # p(y | upper half)
    expected = table.exp() @ (torch.arange(17).double() / 8 - 1)  # mean image of each class
    filled = torch.where(shown_top(run).isnan(), p_y @ expected, shown_top(run))
    return SimpleNamespace(log_joint=log_joint, samples=samples / 8 - 1, filled=filled)


# %% [markdown]
# **Gaussians**: the model that you know. To fill in, it uses that a part of a Gaussian given another part is Gaussian
# too; section 10 does it by hand.


# %%
def gaussians(run):
    parts = [GaussianMixture(1, reg_covar=RIDGE, random_state=run.seed).fit(run.noisy[run.y == c]) for c in range(9)]
    log_joint = torch.stack([torch.tensor(part.score_samples(run.noisy_test)) for part in parts], 1) + run.log_prior
    y = draw_labels(run, int(run.known.sum()))
    samples = torch.cat([torch.tensor(part.sample(int((y == c).sum()))[0]) for c, part in enumerate(parts)])
    guesses, log_top = [], []
    for part in parts:
        guess, log_p = fill_gaussian(shown_top(run), part.means_[0], part.covariances_[0])
        guesses.append(guess)
        log_top.append(log_p)
    p_y = (torch.stack(log_top, 1) + run.log_prior).softmax(1)  # p(y | upper half)
    filled = torch.einsum("nc,cnp->np", p_y, torch.stack(guesses))
    return SimpleNamespace(log_joint=log_joint, samples=samples, filled=filled)


# %% [markdown]
# **Hidden Markov model** (HMM): a digit is eight rows, written from top to bottom. A hidden state says what kind of
# stroke the pen is in; each row depends on its state alone, each state on the one before it (Rabiner 1989). Sixteen
# states a class. `fit_hmm` alternates between guessing the states and fitting them: expectation-maximisation
# (Dempster et al. 1977), which `GaussianMixture` uses as well.


# %%
def hidden_markov(run):
    def rows(x):
        return x.view(-1, 8, 8)  # (images, steps, pixels of a row)

    parts = [fit_hmm(rows(run.noisy[run.y == c]), 16, least_var=RIDGE, seed=run.seed) for c in range(9)]
    log_joint = torch.stack([part.log_prob(rows(run.noisy_test)) for part in parts], 1) + run.log_prior
    y = draw_labels(run, int(run.known.sum()))
    samples = torch.cat([part.sample(int((y == c).sum()), 8, seed=run.seed) for c, part in enumerate(parts)])
    top = rows(shown_top(run))
    p_y = (torch.stack([part.log_prob(top) for part in parts], 1) + run.log_prior).softmax(1)
    filled = torch.einsum("nc,cntp->ntp", p_y, torch.stack([part.fill(top) for part in parts]))
    return SimpleNamespace(log_joint=log_joint, samples=samples.flatten(1), filled=filled.flatten(1))


# %% [markdown]
# **Variational autoencoder** (VAE, Kingma and Welling 2014): noise $z$ from a standard normal distribution goes into
# a network, the *decoder*, which gives each pixel chances for its 17 grey levels, $p(x \mid z, y)$. To get $p(x \mid
# y)$ one would have to average over all $z$. That cannot be done exactly. So a second network, the *encoder* $q(z
# \mid x, y)$, learns which few $z$ matter. With $z$ drawn from it, and because a mean of logarithms is
# never above the logarithm of the mean,
#
# $$\log p(x \mid y) \;\ge\; \mathbb{E}_{z \sim q} \Big[ \log \frac{p(x \mid z, y)\, p(z)}{q(z \mid x, y)} \Big].$$
#
# Both networks are trained to raise this lower bound. `log_prob` averages 16 draws *inside* the logarithm, which
# comes closer to the truth and still stays below it on average (Burda et al. 2016).


# %%
def fit_vae(run, turns=800):
    device.seed(run.seed)
    vae = nets.vae.VAE(x_dim=64, z_dim=8, hidden=128, cond_dim=9, levels=17)
    optimiser = torch.optim.Adam(vae.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=turns)
    batches = Batches(run.x, 100, one_hot(run.y, 9).float(), seed=run.seed)
    for _ in range(turns):
        x, y = next(batches)
        optimiser.zero_grad()
        (-vae.log_weights(x, y).mean()).backward()  # minus the lower bound
        optimiser.step()
        schedule.step()
    return vae


def each_class(vae, x):
    """log p(x | y) for each of the nine classes: (n, 9)."""
    return torch.stack([vae.log_prob(x, one_hot(torch.full((len(x),), c), 9).float()) for c in range(9)], 1)


# %% [markdown]
# To fill in, we draw 1800 pairs $(z, y)$ and weigh each by how well its upper half explains the one that is seen.
# That is Bayes' rule again, by brute force.


# %%
def autoencoder(run):
    vae = fit_vae(run).requires_grad_(False)
    log_joint = each_class(vae, run.x_test) + run.log_prior
    samples = vae.sample(n := int(run.known.sum()), one_hot(draw_labels(run, n), 9).float(), seed=run.seed)

    z, y = torch.randn(1800, 8), one_hot(draw_labels(run, 1800), 9).float()
    centre, log_width = vae.decode(z, y)
    greys = torch.arange(17)[:, None, None] / 8 - 1
    table = vae.log_pixels(greys, centre, log_width)  # log p(level | z, y): (17, 1800, 64)
    top = one_hot(levels(run.x_test[run.known])[:, :32], 17).float()
    log_weight = torch.einsum("npl,lsp->ns", top, table[:, :, :32])  # log p(upper half | z, y)
    expected = torch.einsum("lsp,l->sp", table.exp(), greys.flatten())
    filled = torch.where(shown_top(run).isnan(), (log_weight.softmax(1) @ expected).double(), shown_top(run))
    centres = centre[torch.randperm(1800, generator=torch.Generator().manual_seed(run.seed))]
    return SimpleNamespace(log_joint=log_joint, samples=samples, filled=filled, centres=centres)


# %% [markdown]
# **A first GAN**, as a black box: `G` turns noise into images, `D` learns to tell them from real ones, and they play
# 1200 turns against each other. Lesson 02 opens this box, and you will write the game yourself. (`r1` and
# `average` only steady it; later lessons say how.) What matters now is what comes out. There are two things: samples,
# and D's *logit* for an image, a number that is high where D thinks "real". Nowhere in it is a $p(x)$.
#
# To fill in, it can only be searched: of 1800 samples take the five whose upper half is nearest, and average them.


# %%
def first_gan(run):
    device.seed(run.seed)
    G = nets.mlp.generator(x_dim=64, z_dim=16, hidden=(128, 128)).append(nn.Tanh())
    D = nets.mlp.discriminator(x_dim=64, hidden=(128, 128))
    game = train(
        G, D, Batches(run.x, 64, seed=run.seed), penalties=[r1(1.0)], steps=1200, average=0.99,
        lr_g=3e-3, lr_d=3e-3, seed=run.seed,
    )  # fmt: skip
    for _ in game:
        pass
    many = game.sample(1800).double()
    with torch.no_grad():
        logits = D(run.x_test).flatten()
    top = shown_top(run)
    nearest = torch.cdist(top[:, :32], many[:, :32]).topk(5, largest=False).indices
    filled = torch.where(top.isnan(), many[nearest].mean(1), top)
    return SimpleNamespace(log_joint=None, samples=many[: run.known.sum()], filled=filled, logits=logits)


# %%
makers = {
    "naive Bayes": naive_bayes,
    "Gaussians": gaussians,
    "HMM": hidden_markov,
    "VAE": autoencoder,
    "GAN": first_gan,
}
made = {name: [make(run) for run in runs] for name, make in makers.items()}
for name in ("naive Bayes", "Gaussians", "HMM", "VAE"):
    judged[name] = [model.log_joint for model in made[name]]

# %% [markdown]
# One picture for every contest: grey for the baseline, green for the discriminative, orange-red for the generative
# models, and ± one standard deviation over the three runs. The settings of all models were chosen once, on other
# divisions of these digits, and hardly tuned.


# %%
def contest(use, ylabel, alt, floor=None):
    """Bars of one score for everyone who has it, and the numbers in print. floor: (its mean, its name)."""
    fig, ax = plot.figure(width=9, height=3)
    found = scores[use]
    green = ("logistic", "SVM", "CNN", "GRU", "regression")
    colours = [plot.MUTED if name == "kNN" else plot.DIS if name in green else plot.GEN for name in found]
    means, errors = ({name: f(v).item() for name, v in found.items()} for f in (torch.mean, torch.std))
    plot.bars(ax, means, errors, ylabel=ylabel, colour=colours)
    ax.margins(y=0.25)
    ax.tick_params(axis="x", labelsize=9)
    if floor:
        plot.floor(ax, *floor)
    plot.show(fig, alt)
    for name in found:
        print(f"{name:16} {means[name]:8.3f} ± {errors[name]:.3f}")


# %% [markdown]
# ## 6. First use: classify
#
# Every model with a score for each class can: it takes the largest. The baseline is **kNN**, which trains nothing: it
# looks up the five nearest training images and lets them vote.

# %%
predict(
    "01.b",
    f"{len(runs[0].x)} images of nine digits to learn from. Which makes the fewest mistakes?",
    ["Logistic regression", "The SVM", "The CNN", "The Gaussians, by Bayes' rule", "The VAE, by Bayes' rule"],
)

# %%
votes = [KNeighborsClassifier(5).fit(run.x, run.y).score(run.x_test[run.known], run.y_test[run.known]) for run in runs]
keep("mistakes", "kNN", [100 * (1 - share) for share in votes])
for name, tables in judged.items():
    wrong = [table.argmax(1) != run.y_test for table, run in zip(tables, runs, strict=True)]
    keep("mistakes", name, [100 * w[run.known].double().mean().item() for w, run in zip(wrong, runs, strict=True)])
contest(
    "mistakes", "mistakes, %", "Bars of the share of mistakes: lowest for the SVM, highest for naive Bayes and the HMM."
)


# %%
def best_of(use, names, largest=False):
    """Which of the names has the best mean, as a place in the list."""
    means = torch.stack([scores[use][name].mean() for name in names])
    return int(means.argmax() if largest else means.argmin())


won = best_of("mistakes", ["logistic", "SVM", "CNN", "Gaussians", "VAE"])
one = 100 / runs[0].known.sum()
reveal("01.b", truth=won, because=f"The error bars are long: one test image more or less is {one:.1f} %.")
assert scores["mistakes"]["SVM"].mean() < scores["mistakes"]["Gaussians"].mean() < scores["mistakes"]["logistic"].mean()

# %% [markdown]
# No order by family comes out. The SVM, which was asked for nothing but borders, is in front. Yet the Gaussians,
# which were never trained to classify, beat logistic regression: their borders are curved, and the images of one
# digit are not far from a cloud. Where the assumption is poor, as with naive Bayes and the HMM, Bayes' rule does not
# help.
#
# The GAN is missing. It has no $p(x \mid y)$. Even a GAN that is told which digit to draw gives images and no such
# number.

# %% [markdown]
# ## 7. Second use: draw
#
# Only a model that knows which $x$ there are can make new ones. How good they are is measured as in lesson 00: the
# Fréchet distance, on the features of a small digits classifier, between the known test images and as many drawn
# ones. Two marks to read it by: the **floor** is what other real images score, and the cheap baseline is naive Bayes.

# %%
predict(
    "01.c",
    "Whose images come nearest to real ones, as a crowd?",
    ["Naive Bayes", "The Gaussians", "The hidden Markov model", "The VAE", "The GAN"],
)

# %%
classifier = digits_classifier()


def features(x):
    return classifier.features(x.float().clamp(-1, 1).view(-1, 1, 8, 8))


def distance(x, run):
    """Frechet distance of as many images as there are known test images to these."""
    real = features(run.x_test[run.known])
    return metrics.frechet_distance(features(x[: len(real)]), real)


for name, models in made.items():
    keep("FD", name, [distance(model.samples, run) for model, run in zip(models, runs, strict=True)])
others = [
    [distance(run.x[torch.randperm(len(run.x), generator=torch.Generator().manual_seed(i))], run) for i in range(20)]
    for run in runs
]
FLOOR = torch.tensor(others).mean().item()

# %%
fig, axes = plot.figure(2, 3, width=9, height=3.4)
fig.get_layout_engine().set(w_pad=0.12)
sheets = {"real": runs[0].x_test[runs[0].known], **{name: models[0].samples for name, models in made.items()}}
for ax, (name, x) in zip(axes.flat, sheets.items(), strict=True):
    plot.images(ax, x[7::15][:21].view(-1, 1, 8, 8), cols=7)  # every 15th, because the labels come in order
    ax.set_title(name)
plot.show(
    fig,
    "Six sheets of 21 digits: real ones, and those of five models. Naive Bayes draws freckled blots, the HMM broken "
    "strokes; those of the Gaussians, the VAE and the GAN can mostly be read.",
)
contest("FD", "Fréchet distance", "Bars of the distance: the HMM and naive Bayes are far off.", (FLOOR, "real images"))

# %%
painters = ["naive Bayes", "Gaussians", "HMM", "VAE", "GAN"]
order = sorted(painters, key=lambda name: scores["FD"][name].mean())
gap = scores["FD"][order[1]] - scores["FD"][order[0]]  # the same three runs: compare in pairs
reveal(
    "01.c",
    truth=painters.index(order[0]),
    because=f"But its lead over the next, the {order[1]}, is {gap.mean():.2f} ± {gap.std():.2f}: look at both numbers "
    f"before you call it a win. Other real images score {FLOOR:.2f}: that is the floor.",
)
assert scores["FD"]["HMM"].mean() > 2 * max(scores["FD"][name].mean() for name in painters if name != "HMM")

# %% [markdown]
# Look at what each one assumes. Naive Bayes draws every pixel by itself: right amounts of ink, no strokes. The HMM
# remembers one of 16 states from row to row and nothing else: strokes break. The Gaussians know every pair of pixels.
# The two networks with noise at their input may learn any shape.
#
# The three in front are close together. That nine Gaussians, which are fitted in no time, keep up with two networks
# should not surprise you: with 64 pixels, simple assumptions go far. They do not stay enough. A Gaussian needs a
# number for each pair of pixels:

# %%
for side, channels in ((8, 1), (28, 1), (256, 3)):
    d = side * side * channels
    print(f"{side:3} x {side:3} x {channels}: {d:7,} pixel values, {d * (d + 1) // 2:14,} numbers in one covariance")

# %% [markdown]
# ## 8. Third use: how likely is this image?
#
# A density can be compared between models: whoever finds the test images more likely understands them better, in one
# sense of the word. We count in **bits a pixel**: with a code made from a model, what the model gave the chance $p$
# takes $-\log_2 p$ bits to store. Fewer are better. First, two traps.
#
# **Trap one: grey levels are discrete.** A density that puts narrow spikes on the 17 levels gets as high as you like,
# without knowing anything about digits. Here is such a one: it counts how often each level occurs in each pixel, and
# puts a Gaussian spike of width $h$ on each level.


# %%
def bits(log_p, width=1 / 8):
    """Bits a pixel: a density times the width of a grey level is a chance, and -log2 of a chance is its code's length."""
    return (-(log_p / 64 + math.log(width)) / math.log(2)).mean().item()


run = runs[0]
counts = torch.stack([torch.bincount(pixel, minlength=17) for pixel in levels(run.x).T]) + 0.1  # (64, 17)
log_share = (counts / counts.sum(1, keepdim=True)).double().log()
for h in (1e-1, 1e-2, 1e-4, 1e-8):
    found = []
    for x in (run.x_test[run.known], run.noisy_test[run.known]):
        away = x[:, :, None] - (torch.arange(17) / 8 - 1)  # from each level: (n, 64, 17)
        spikes = -0.5 * (away / h) ** 2 - math.log(h * math.sqrt(2 * math.pi))
        found.append(bits((log_share + spikes).logsumexp(2).sum(1)))
    print(f"h = {h:.0e}: levels as they are {found[0]:6.2f} bits a pixel, spread evenly {found[1]:8.3g}")

# %% [markdown]
# Fewer than 0 bits to store a pixel: that is no compression, it is nonsense. And it is measured on test images. The
# cure is **dequantisation** (Uria et al. 2013): spread each grey level evenly over its own width, by uniform noise,
# and fit and score on that. Spikes then do not pay any more: see the right column. What a density gives in this way
# is an upper bound of the bits that the model needs for the true, discrete image (Theis et al. 2016).
# That is why `runs` holds `noisy`, and why the Gaussians and the HMM have seen nothing else. Naive Bayes and our VAE
# give a chance to each grey level and need no such care.
#
# **Trap two: units.** A density is chance per volume, and a volume has units.
#
# ### Exercise 01.2 · A density in other units
# *medium · useful · 6 minutes.* Images $x$ with `dims` pixels have the log
# density `log_density`, shape (n,), in nats. What is the log density of the same images written as `scale * x`? With
# 0.5 they go from [−1, 1] to [−½, ½]; with −1 black and white are swapped.


# %%
# exercise 01.2
def in_other_units(log_density, dims, scale):
    """log p of scale * x, from log p of x: shape (n,), natural logarithms."""
    #: solution
    return log_density - dims * math.log(abs(scale))  # each of the dims axes is stretched by |scale|
    #: stub
    # return ...
    #: end


# %%
check("01.2", in_other_units)

# %%
# hint("01.2")
# solution("01.2")

# %%
predict(
    "01.d",
    f"Bits for a pixel of an image never seen. Knowing nothing costs log2(17) = {math.log2(17):.2f}. Who needs the fewest?",
    ["Naive Bayes", "The Gaussians", "The hidden Markov model", "The VAE"],
)

# %%
for name, width in (("naive Bayes", 1), ("Gaussians", 1 / 8), ("HMM", 1 / 8), ("VAE", 1)):
    log_p = [table[run.known].logsumexp(1) for table, run in zip(judged[name], runs, strict=True)]  # sum over y
    keep("bits", name, [bits(p, width) for p in log_p])
contest("bits", "bits a pixel", "Bars of bits a pixel, all between 1.9 and 2.8; the VAE needs the fewest.")

blank = (runs[0].x == -1).double().mean()
reveal(
    "01.d",
    truth=best_of("bits", ["naive Bayes", "Gaussians", "HMM", "VAE"]),
    because=f"And naive Bayes needs fewer than the Gaussians and the HMM, which know more: {blank:.0%} of all pixels are "
    "exactly black, which a table can say, and a Gaussian cannot.",
)
assert scores["bits"]["naive Bayes"].mean() < scores["bits"]["HMM"].mean() < scores["bits"]["Gaussians"].mean()

# %% [markdown]
# Put this beside the last picture. The HMM needs fewer bits than the Gaussians, and its images are far worse.
# **Likelihood and looks are different things** (Theis et al. 2016). Bits are paid for all pixels alike, and much is
# saved on blank paper. The eye, and the classifier's features, look at strokes.
#
# The GAN is missing again: it can draw, and cannot say how likely anything is. Discriminative models have no $p(x)$
# at all.
#
# ## 9. Fourth use: something is wrong with this one
#
# Now the secret digit comes in. Each test image gets a score for being strange, and nobody may look at a secret digit
# before. **AUROC** is the chance that a secret digit gets a higher score than a known one: 1 is perfect, 0.5 is a
# coin.
#
# - Generative models: $-\log p(x)$.
# - Discriminative models: doubt, that is, minus the largest score of any class (Hendrycks and Gimpel 2017).
# - The GAN: minus D's logit.
# - kNN, the baseline: the mean distance to the five nearest training images.

# %%
predict(
    "01.e",
    "Who recognises best that a digit is none of the nine?",
    [
        "kNN: far from all that was seen",
        "The SVM's doubt",
        "The Gaussians' −log p(x)",
        "The VAE's −log p(x)",
        "The GAN's D",
    ],
)

# %%
strange = {
    "kNN": [NearestNeighbors(n_neighbors=5).fit(run.x).kneighbors(run.x_test)[0].mean(1) for run in runs],
    **{name: [-table.amax(1) for table in judged[name]] for name in ("logistic", "SVM", "CNN", "GRU")},
    **{name: [-table.logsumexp(1) for table in judged[name]] for name in ("naive Bayes", "Gaussians", "HMM", "VAE")},
    "GAN": [-model.logits for model in made["GAN"]],
}
for name, found in strange.items():
    keep("AUROC", name, [roc_auc_score(~run.known, score) for run, score in zip(runs, found, strict=True)])
contest(
    "AUROC",
    "AUROC",
    "Bars of AUROC: kNN and the Gaussians are near 1; the HMM and the GAN vary widely.",
    (0.5, "a coin"),
)

# %%
reveal(
    "01.e",
    truth=best_of("AUROC", ["kNN", "SVM", "Gaussians", "VAE", "GAN"], largest=True),
    because="The baseline without any training is hard to beat. Run by run:",
)
print(f"{'secret digit':14}" + "".join(f"{run.seed:8}" for run in runs))
for name in ("kNN", "SVM", "Gaussians", "HMM", "VAE", "GAN"):
    print(f"{name:14}" + "".join(f"{value:8.3f}" for value in scores["AUROC"][name]))
assert scores["AUROC"]["HMM"].argmin() == scores["AUROC"]["Gaussians"].argmin() == 1

# %% [markdown]
# Look at the column of the secret **1**. A 1 is one thin stroke on much blank paper, and blank paper is likely. A
# density asks "how probable is exactly this image?", not "is it like what I saw?", and a simple image that was never
# seen can get a *higher* density than the ones that were (Nalisnick et al. 2019).
#
# And the GAN's D? It was trained to tell real images from G's, and saw no other fakes. About a digit that neither of
# them ever made it was told nothing.
#
# ## 10. Fifth use: fill in what is missing
#
# The lower half of each test image is gone. A generative model answers with $p(\text{lower} \mid \text{upper})$,
# which follows from $p(x)$ as $p(y \mid x)$ followed from $p(x, y)$. For a Gaussian it is a formula. With $s$ the
# pixels seen and $h$ the hidden ones (Bishop 2006, section 2.3.1),
#
# $$\mathbb{E}[x_h \mid x_s] = \mu_h + \Sigma_{hs} \Sigma_{ss}^{-1} (x_s - \mu_s).$$
#
# ### Exercise 01.3 · Fill in what is missing
# *medium · core · 10 minutes.* `x` is (n, d) with NaN in the hidden places,
# the same ones in each row. `seen` is (d,) and True where a pixel was seen; `mean` is (d,), `cov` (d, d). Give a copy
# of `x` with the hidden places filled by the formula.


# %%
# exercise 01.3
def conditional_mean(x, seen, mean, cov):
    """x (n, d) with its hidden places filled by their mean given the seen ones."""
    #: solution
    away = x[:, seen] - mean[seen]  # (n, s)
    regression = torch.linalg.solve(cov[seen][:, seen], cov[seen][:, ~seen])  # (s, h): images are rows here
    filled = x.clone()
    filled[:, ~seen] = mean[~seen] + away @ regression
    return filled
    #: stub
    # return ...
    #: end


# %%
check("01.3", conditional_mean)

# %%
# hint("01.3")
# solution("01.3")

# %% [markdown]
# `fill_gaussian`, which `gaussians` used above, is the same thing by name; with nine classes, their answers are mixed
# with the weights $p(y \mid x_s)$.
#
# A discriminative model cannot answer this one, for it was never asked. But a *new* one can be trained for this
# question and no other: kernel ridge regression from the upper to the lower half. It enters the contest. So do kNN
# (the mean of the five training images whose upper half is nearest) and the mean image.

# %%
predict(
    "01.f",
    "Whose lower halves come closest to the true ones, in grey levels?",
    ["kNN", "The regression, made for this", "The Gaussians", "The VAE", "The GAN, by searching"],
)


# %%
def by_neighbours(run):
    near = NearestNeighbors(n_neighbors=5).fit(run.x[:, :32]).kneighbors(run.x_test[run.known][:, :32])[1]
    return run.x[near].mean(1)


def by_regression(run):
    model = KernelRidge(kernel="rbf", gamma=0.05, alpha=0.3).fit(run.x[:, :32], run.x[:, 32:])
    lower = torch.tensor(model.predict(run.x_test[run.known][:, :32]))
    return torch.cat([run.x_test[run.known][:, :32], lower], 1)


def error(filled, run):
    """Root of the mean squared error of the lower half, in grey levels (there are 17)."""
    return 8 * (filled - run.x_test[run.known])[:, 32:].square().mean().sqrt().item()


completed = {"kNN": [by_neighbours(run) for run in runs], "regression": [by_regression(run) for run in runs]}
completed |= {name: [model.filled for model in models] for name, models in made.items()}
for name, images_filled in completed.items():
    keep("RMSE", name, [error(filled, run) for filled, run in zip(images_filled, runs, strict=True)])
MEAN = torch.tensor([error(run.x.mean(0).expand(int(run.known.sum()), 64), run) for run in runs]).mean().item()

# %%
truth, rows = runs[0].x_test[runs[0].known], slice(3, 15)
top = torch.where(shown_top(runs[0]).isnan(), 0.0, truth)  # grey where nothing is seen
sheets = {"given": top, **{name: c[0] for name, c in completed.items()}, "truth": truth}
fig, axes = plot.figure(len(sheets), 1, width=7, height=5)
for ax, (name, x) in zip(axes, sheets.items(), strict=True):
    plot.images(ax, x[rows].view(-1, 1, 8, 8), cols=12)
    ax.text(-1, 4, name, ha="right", va="center")
plot.show(fig, "Twelve digits in nine rows: given with a grey lower half, completed by seven methods, and the truth.")
contest("RMSE", "error, grey levels", "Bars of the error: regression, Gaussians and kNN lowest.", (MEAN, "mean image"))

# %%
reveal(
    "01.f",
    truth=best_of("RMSE", ["kNN", "regression", "Gaussians", "VAE", "GAN"]),
    because="The specialist answers one question. For another gap it must be trained again; the generative models not.",
)
assert scores["RMSE"]["regression"].mean() < min(scores["RMSE"][name].mean() for name in ("kNN", "Gaussians", "HMM"))

# %% [markdown]
# ## 11. The whole table
#
# All that was measured, in one place; the best of each column is bold. Where two are closer than their ±, three runs
# cannot tell which is better. *Cannot* means: the model has no such thing.

# %%
columns = {
    "mistakes": ("classify<br>mistakes, %", "{:.1f}"),
    "FD": ("draw<br>Fréchet distance", "{:.1f}"),
    "bits": ("density<br>bits a pixel", "{:.2f}"),
    "AUROC": ("anomalies<br>AUROC", "{:.2f}"),
    "RMSE": ("fill in<br>error, grey levels", "{:.2f}"),
}
reason = {"GAN": "cannot ᵇ", "kNN": "cannot ᶜ", "regression": "not asked"}
names = ["kNN", "logistic", "SVM", "CNN", "GRU", "regression", "naive Bayes", "Gaussians", "HMM", "VAE", "GAN"]


def row(name):
    """One line of the table, in Markdown."""
    cells = []
    for use, (_, form) in columns.items():
        if name in scores[use]:
            mean, sd = scores[use][name].mean(), scores[use][name].std()
            text = f"{form.format(mean)} ± {form.format(sd)}"
            won = list(scores[use])[best_of(use, list(scores[use]), largest=use == "AUROC")] == name
            cells.append(f"**{text}**" if won else text)
        else:
            cells.append(reason.get(name, "cannot ᵃ"))
    return f"| {name} |" + "|".join(cells) + "|"


# %%
lines = ["| |" + "|".join(title for title, _ in columns.values()) + "|", "|---" * 6 + "|", *map(row, names)]
commonest = 100 * (1 - torch.stack([run.log_prior.max().exp() for run in runs]).mean())
lines.append(
    f"| *to compare* | *{commonest:.1f} (commonest class)* | *{FLOOR:.1f} (real images)* "
    f"| *{math.log2(17):.2f} (knowing nothing)* | *0.50 (a coin)* | *{MEAN:.2f} (mean image)* |"
)
display(Markdown("\n".join(lines)))

# %% [markdown]
# - ᵃ A discriminative model has $p(y \mid x)$ only. Where there is no $p(x)$, there is nothing to draw from, no
#   density, and no completion. (The recurrent network is discriminative because of what it was *asked*. Asked for the
#   next row, given the rows before, the same network is generative: van den Oord et al. 2016.)
# - ᵇ The GAN learns to draw without ever writing $p(x)$ down. Its images, made from 16 numbers, lie on a thin surface
#   in a space of 64 dimensions, where no density exists. Its D gives a score, which is none either.
# - ᶜ kNN keeps the training images. "Drawing" one of them again makes nothing new, and their density is a spike on
#   each.

# %% [markdown]
# ## 12. Who wins at what, and why
#
# **Asked for less, one assumes less.** The SVM describes the borders between classes and nothing else, so nothing
# else can mislead it. It has one use.
#
# **A generative model has to describe all of $x$, and pays where its description is wrong.** The HMM's memory, one of
# sixteen states, is too short for a digit: it shows in every column but that of the bits. Where the description fits,
# as the clouds do, one model made of averages serves five uses, and is near the front in four.
#
# **What is asked directly can be answered best.** For labels and for lower halves a specialist is in front: the SVM,
# the regression. Each needs its own training, with its own labels or gaps. To be a specialist is not enough, though:
# logistic regression is one, and nine Gaussians do better.
#
# **The more freedom, the less is known exactly.** The VAE may take any shape; its $p(x)$ is only bounded. The GAN
# gives up $p(x)$ altogether. What it gets for it: G may be *any* network, and nobody has to say what a good image is,
# pixel by pixel; D learns that. On 64 pixels this is no great gain. On photographs it was, and the rest of the course
# is about how that game is played.
#
# ## 13. Two ways to fool yourself
#
# ### Exercise 01.4 · Find the leak
# *medium · core · 8 minutes.* A colleague has only 200 labelled digits. To have more,
# each is copied three times with a little noise. A good idea; but the number is too good.


# %%
def augment(x, y):
    """Each image, and three copies with noise: four times as many rows."""
    copies = x.repeat(4, 1)
    copies[len(x) :] += 0.2 * torch.randn(3 * len(x), x.shape[1])
    return copies, y.repeat(4)


def colleague(x, y, seed):
    """Images and labels to learn from and to test on: x_train, y_train, x_test, y_test."""
    x, y = augment(x, y)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    test, learn = order[: len(x) // 3], order[len(x) // 3 :]
    return x[learn], y[learn], x[test], y[test]


run = runs[0]
x_train, y_train, x_test, y_test = colleague(run.x[:200], run.y[:200], seed=0)
nearest = KNeighborsClassifier(1).fit(x_train, y_train)
print(f"The colleague reports {1 - nearest.score(x_test, y_test):.1%} mistakes.")
print(f"On the images of our own test: {1 - nearest.score(run.x_test[run.known], run.y_test[run.known]):.1%}.")

# %% [markdown]
# Write `prepare`, which does what the colleague meant to do: a third of the *images* to test on, the others to learn
# from, with their copies.


# %%
# exercise 01.4
def prepare(x, y, seed):
    """x_train, y_train, x_test, y_test from images (n, d) and labels (n,). You may call augment."""
    #: solution
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    test, learn = order[: len(x) // 3], order[len(x) // 3 :]  # divide first, while each image is one row
    x_train, y_train = augment(x[learn], y[learn])  # then copy, on one side only
    return x_train, y_train, x[test], y[test]
    #: stub
    # return ...
    #: end


# %%
check("01.4", prepare)

# %%
# hint("01.4")
# solution("01.4")

# %% [markdown]
# ### Exercise 01.5 · Unmask three strangers
# *medium · core · 6 minutes.* Three generators, and three numbers for each.
# One has *learned* the digits. One makes *copies* of the training images. One makes almost nothing but *noise*. Which
# is which?

# %%
run = runs[0]
for name, model in strangers.meet(run.noisy, run.y).items():
    seen, new = bits(model.log_prob(run.noisy)), bits(model.log_prob(run.noisy_test[run.known]))
    drawn = distance(model.sample(400, seed=0), run)
    print(f"{name}: {seen:5.2f} bits a pixel on training images, {new:5.2f} on new ones; Fréchet distance {drawn:5.1f}")
print(f"To compare: knowing nothing {math.log2(17):.2f} bits; real images have distance {FLOOR:.1f}.")

# %%
# exercise 01.5
# Each of the three words once: "learned", "copies", "noise".
#: solution
verdicts = {"A": "noise", "B": "copies", "C": "learned"}  # A: far off; B: cannot explain new images; C: neither
#: stub
# verdicts = {"A": ..., "B": ..., "C": ...}
#: end

# %%
check("01.5", verdicts)

# %%
# hint("01.5")
# solution("01.5")

# %% [markdown]
# ## 14. What is not true
#
# Claims that you may have heard, and numbers of this run against them.


# %%
def average(use, name):
    return scores[use][name].mean().item()


print(
    f"Mistakes: Gaussians {average('mistakes', 'Gaussians'):.1f} %, logistic regression {average('mistakes', 'logistic'):.1f} %"
)
print(f"HMM against Gaussians: bits {average('bits', 'HMM'):.2f} against {average('bits', 'Gaussians'):.2f}, "
      f"Fréchet distance {average('FD', 'HMM'):.1f} against {average('FD', 'Gaussians'):.1f}")  # fmt: skip

# %% [markdown]
# - **"A generative model is the worse classifier."** Not where its assumption fits: nine Gaussians beat logistic
#   regression.
# - **"Likely means good-looking."** The HMM explains test images in fewer bits than the Gaussians, and its own images
#   are several times as far from real ones. Stranger A was worse still. The two are largely independent (Theis et al.
#   2016).

# %%
for run, gan, vae in zip(runs, made["GAN"], made["VAE"], strict=True):
    ranks = [values[run.known].argsort().argsort().double() for values in (gan.logits, vae.log_joint.logsumexp(1))]
    print(
        f"run {run.seed}: rank correlation of D's logit with VAE's log p(x) {torch.corrcoef(torch.stack(ranks))[0, 1]:+.2f}; "
        f"AUROC of D for the secret digit {roc_auc_score(~run.known, -gan.logits):.2f}"
    )

# %% [markdown]
# - **"D(x) says how likely x is."** It says how much more likely x is to be real than to come from *this* G: a ratio.
#   Where real images and G's are both twice as dense, D says the same (lesson 03 proves it).
#   So D's logit follows $\log p(x)$ loosely at best, and how well it finds a secret digit is a matter of luck.

# %%
unknown = [table[~run.known].amax(1) for table, run in zip(judged["CNN"], runs, strict=True)]
print(
    f"Secret digits that the CNN names with more than 90 % certainty: {(torch.cat(unknown) > 0.9).double().mean():.0%}"
)
blurred = [distance(model.centres, run) for model, run in zip(made["VAE"], runs, strict=True)]
print(f"Fréchet distance of the VAE: {average('FD', 'VAE'):.2f} drawn, {sum(blurred) / 3:.2f} with each pixel's centre")
print(f"Fréchet distance of the GAN: {average('FD', 'GAN'):.2f}, of nine Gaussians {average('FD', 'Gaussians'):.2f}")
assert average("FD", "VAE") < sum(blurred) / 3 and average("FD", "Gaussians") < 1.5 * average("FD", "GAN")

# %% [markdown]
# - **"A classifier that is sure has seen such a thing."** It says which of *its* classes fits best. None of these
#   digits was any.
# - **"VAEs are blurry."** Those pictures are the *centres* of its pixels. A sample of the model is drawn from $p(x
#   \mid z)$ as well, and on these images that is nearer to the real ones.
# - **"The GAN makes the best images."** On images that a covariance can describe, nine Gaussians come close to it,
#   and they are nothing but averages. What is best depends on the data and on the use.
#
# ## Quiz
#
# Five questions. Every answer gets a reply, and you may try again.

# %%
quiz("01")

# %% [markdown]
# ## Recap
#
# - $p(x, y)$ contains $p(y \mid x)$; the way back is lost, because $p(x)$ is.
# - A discriminative model answers one question and need not describe $x$. A generative one describes $x$ and can
#   classify, draw, score, warn and fill in. A GAN draws, and has no density.
# - More assumptions need fewer labels, and cost more in the end if they are wrong. A penalty is an assumption too.
# - A density has units. Discrete data must be dequantised, or spikes win.
# - Likelihood, looks and use are three different scores. Each is read beside its floor and a cheap baseline.
# - Divide the data before you touch it. Never judge a generator by what it was trained on.
#
# **Next:** [02 The game](02_the_game.ipynb) opens the black box. You write the counterfeiter, the detective and the
# loop in which they play.
#
# ## Sources
#
# - A. Ng, M. Jordan (2002), *On Discriminative vs. Generative Classifiers: A Comparison of Logistic Regression and
#   Naive Bayes* (NIPS 14). J.-H. Xue, D. M. Titterington (2008), *Comment on "On Discriminative vs. Generative
#   Classifiers: A Comparison of Logistic Regression and Naive Bayes"*. Section 4.
# - V. Vapnik (1998), *Statistical Learning Theory*. C. Cortes, V. Vapnik (1995), *Support-Vector Networks*.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), *Gradient-Based Learning Applied to Document Recognition*. K.
#   Cho et al. (2014), *Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation*
#   (the GRU).
# - A. Dempster, N. Laird, D. Rubin (1977), *Maximum Likelihood from Incomplete Data via the EM Algorithm*. L. Rabiner
#   (1989), *A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition*. C. Bishop (2006),
#   *Pattern Recognition and Machine Learning*.
# - D. Kingma, M. Welling (2014), *Auto-Encoding Variational Bayes*. Y. Burda, R. Grosse, R. Salakhutdinov (2016),
#   *Importance Weighted Autoencoders*. T. Salimans, A. Karpathy, X. Chen, D. Kingma (2017), *PixelCNN++* (the VAE's
#   grey levels).
# - I. Goodfellow et al. (2014), *Generative Adversarial Nets*. A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu
#   (2016), *Pixel Recurrent Neural Networks*.
# - L. Theis, A. van den Oord, M. Bethge (2016), *A Note on the Evaluation of Generative Models*. B. Uria, I. Murray,
#   H. Larochelle (2013), *RNADE: The Real-Valued Neural Autoregressive Density-Estimator* (dequantisation). M. Heusel
#   et al. (2017), *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium* (the Fréchet
#   distance of features; ours are other features, so it is not called FID).
# - D. Hendrycks, K. Gimpel (2017), *A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
#   Networks*. E. Nalisnick et al. (2019), *Do Deep Generative Models Know What They Don't Know?*
# - E. Alpaydin, C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository. The
#   digits.
