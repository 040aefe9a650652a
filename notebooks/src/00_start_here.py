# %% [markdown]
# # 00 · Can a machine draw a digit that nobody ever wrote?
#
# It can. In a minute you will turn its knobs. In the lessons after this one you will build such a machine yourself.
#
# - **You need:** some Python, and an idea of what a neural network is. No GPU, and no network connection.
# - **Time:** 20 minutes to read and play; 10 seconds to run on two processor cores.
#
# At the end of this lesson you will be able to
#
# 1. say what a generator takes in and what it gives out;
# 2. walk from one of its pictures to another;
# 3. say how good it is, against the best that can be reached;
# 4. use what every lesson has: predictions, exercises, hints, solutions, a quiz.
#
# This page is a *notebook*: text, and cells of code. Click a cell and press **Shift + Enter** to run it and go on to
# the next. You may change any code. If something goes wrong, choose *Kernel → Restart Kernel and Run All Cells*.

# %%
import torch

from gan_course import coursemap, device, plot
from gan_course.checks import check, hint, predict, progress, quiz, reveal, solution
from gan_course.features import digits_classifier, digits_split
from gan_course.recipes import first_generator
from gan_course.widgets import latent, show

_ = device.tune_threads()
device.seed(0)

# %% [markdown]
# ## The machine in front of you
#
# The course looks for the fastest place to compute, and says what it chose. The lessons need no more than a laptop.

# %%
print(device.describe())

# %% [markdown]
# ## Predict first
#
# Before an experiment you will be asked for a guess. One click, and nobody is watching. A guess makes you look more
# closely at what comes out.
#
# A **generator** is a network that takes a few random numbers and gives a picture. Ours takes four numbers and gives a
# digit of 8×8 pixels. It has learned from handwritten digits. Below, each of its four numbers gets a slider.

# %%
predict(
    "00.a",
    "You move one slider from −2 to 2 and leave the other three. What will change?",
    [
        "One property, such as the slant or the thickness of the pen",
        "The style of the digit in many ways, but not which digit it is",
        "Everything may change, even which digit it is",
    ],
)

# %% [markdown]
# ## Play
#
# Move the sliders with the mouse, or with the Tab and arrow keys. Below the picture stands what a *classifier* reads in
# it. That is a second small network; it was trained to tell real digits apart, and has never seen the generator.

# %%
G = first_generator.load()
classifier = digits_classifier()

fig, ax = plot.figure(width=8, height=4)
latent.moves(ax, G, torch.zeros(4))
show(
    latent.explorer(G, classifier),
    fig,
    alt="Four rows of small digits. In each row one of the four numbers goes from −2 to 2, and the digit turns "
    "step by step into other digits.",
)

# %% [markdown]
# Try this: find a 0 and a 1. Then press *New random numbers* a few times. Nobody drew these pictures, and nobody told
# the generator what a digit is.
#
# Now for your guess. We move each of the four numbers from −2 to 2 in 41 steps, starting from 50 random places, and
# count how many different digits the classifier reads on the way. Where it is less than 70 % sure, it does not count.

# %%
places = torch.randn(50, 4)
kinds = []
for k in range(4):
    z = places[:, None].repeat(1, 41, 1)  # (places, steps, 4): every step starts from its place
    z[:, :, k] = torch.linspace(-2, 2, 41)  # and only number k moves
    sure, read = classifier(G(z.flatten(0, 1))).softmax(1).view(50, 41, 10).max(2)
    kinds += [len(read[i][sure[i] >= 0.7].unique()) for i in range(50)]
kinds = torch.tensor(kinds).float()

changed = (kinds > 1).float().mean().item()
reveal(
    "00.a",
    truth=2 if changed > 0.5 else 1,
    because=f"In {changed:.0%} of the moves two or more different digits were read, although only one number moved. "
    f"The average was {kinds.mean():.1f} digits a move.",
)

# %% [markdown]
# Training never asked the generator to keep one property on one slider. It was asked for one thing only: pictures that
# cannot be told from real ones. Lesson 12 will look for directions that mean something.
#
# ## What goes in, what comes out
#
# The four numbers are called $z$, the **latent** numbers: they do not show in the picture, but they settle it. We draw
# each of them from a normal distribution (mean 0, standard deviation 1). The generator is a function $G$; a sample is
#
# $$x = G(z).$$

# %%
z = torch.randn(16, 4)  # z: sixteen times four random numbers
x = G(z)  # x = G(z): sixteen pictures, 1 channel, 8 x 8 pixels, from -1 (black) to 1 (white)
print("z:", tuple(z.shape), "  x:", tuple(x.shape))

real, _, test, _ = digits_split()
fig, axes = plot.figure(1, 2, width=9, height=1.6)
fig.get_layout_engine().set(w_pad=0.12)
for ax, pictures, title in ((axes[0], real[:16], "written by people"), (axes[1], x, "made by G")):
    plot.images(ax, pictures)
    ax.set_title(title)
plot.show(fig, "Two sheets of sixteen digits: left written by people, right made by the generator. They look alike.")

# %% [markdown]
# Who taught it? A second network, the **discriminator** or detective: it looked at real and at generated digits and
# learned to tell them apart, while the generator learned to fool it. The two of them are a *generative adversarial
# network*, a GAN (Goodfellow et al. 2014). Lesson 02 lets you build both.
#
# ## A first exercise: walk from one picture to another
#
# Exercises look like this one. Replace the `...` with your code, run the cell, then run the check below it. A check
# never stops the notebook, and you may leave any exercise for later.
#
# ### Exercise 00.1 · A walk from a to b
# *easy · useful · 3 minutes.* `a` and `b` are two points, tensors of the same
# shape. Give the point on the straight line between them that is the share `t` of the way: `a` at `t = 0`, `b` at
# `t = 1`.


# %%
# exercise 00.1
def between(a, b, t):
    """The point that is the share t of the way from a to b."""
    #: solution
    return (1 - t) * a + t * b  # the shares of a and b always add up to 1
    #: stub
    # return ...
    #: end


# %%
check("00.1", between)

# %% [markdown]
# A check runs your function and looks at what it does; how you wrote it does not matter. If something differs, it says
# what, and which mistake usually causes it. If you are stuck, there are three hints: each time you run the next cell
# you get one more. After them comes the solution: remove the `#` and run the cell.

# %%
hint("00.1")

# %%
# solution("00.1")

# %% [markdown]
# This is such a walk, from a random point A to a random point B. Move the slider.

# %%
ends = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
t = torch.linspace(0, 1, 9)[:, None]
walked = G(torch.lerp(ends[:1], ends[1:], t))  # torch.lerp is torch's name for `between`

fig, ax = plot.figure(width=9, height=1.3)
latent.rows(ax, {"walk in z": walked})
show(
    latent.walk(G, classifier, ends),
    fig,
    alt="Nine digits in a row, a walk in z from A to B: a 2 turns into a 5, and its strokes move.",
)

# %% [markdown]
# A cross-fade is something else. It mixes the *pixels* of the two pictures, not their numbers. Compare the third
# column of both rows: in the walk there still is a clean 2, whose strokes move; in the cross-fade the 5 already shows
# through it in grey.

# %%
faded = torch.lerp(walked[:1], walked[-1:], t[:, :, None, None])

fig, ax = plot.figure(width=9, height=2.2)
latent.rows(ax, {"walk in z": walked, "cross-fade": faded})
plot.show(fig, "Two rows of nine digits: above the walk in z, below a cross-fade, where a 2 and a 5 overlap.")

# %% [markdown]
# ## How good is it?
#
# "They look alike" is no measurement. So we draw 360 generated digits and compare them, as a crowd, with 360 real
# digits that the generator was not trained on. The *Fréchet distance* measures how far apart the two crowds are in
# mean and spread, in 64 features which the classifier computes from each picture (lesson 09 derives it). Small is good.
#
# A distance alone says nothing. Beside it belong
#
# - the **floor**: other real digits against the same 360. Even they are not at zero, since 360 digits are only a sample;
# - a **cheap baseline**: a normal distribution over all 64 pixels, with the mean and covariance of the real digits;
# - the same network **before training**.

# %%
flat = real.flatten(1)
gauss = torch.distributions.MultivariateNormal(flat.mean(0), flat.T.cov() + 1e-4 * torch.eye(64))


def baseline(n, rng):
    noise = torch.randn(n, 64, generator=rng)
    return (gauss.mean + noise @ gauss.scale_tril.T).clamp(-1, 1).view(n, 1, 8, 8)


untrained = first_generator.blank().eval().requires_grad_(False)
scores = {
    "before training": first_generator.score(first_generator.fakes(untrained)),
    "normal distribution": first_generator.score(baseline),
    "our generator": first_generator.score(first_generator.fakes(G)),
    "real digits (floor)": first_generator.score(first_generator.reals),
}
for name, (mean, sd) in scores.items():
    print(f"{name:20} {mean:7.2f} ± {sd:.2f}")

# %% [markdown]
# The ± is one standard deviation over 20 draws of 360 digits. It is one network, trained once, from the first seed that
# was tried; how much the *training* varies is another question, and later lessons ask it with several seeds.

# %%
fig, ax = plot.figure(width=8, height=3)
means, sds = ({name: score[i] for name, score in scores.items()} for i in (0, 1))
plot.bars(ax, means, sds, ylabel="Fréchet distance (log scale)")
ax.set(yscale="log", ylim=(0.5, 400))
plot.show(fig, "Bars of the four distances just printed: the trained generator is close to the floor of real digits.")

# %% [markdown]
# What we know of the network travels with its weights, on a *card*. (The words under "training" belong to later
# lessons; you need none of them here.)

# %%
for key in ("what", "parameters", "data", "training", "limits"):
    print(f"{key}: {G.card[key]}")

# %% [markdown]
# ## What is not true
#
# Each lesson ends with claims that you may have heard, and with numbers of this very notebook that speak against them.
# An `assert` in a cell is the course checking its own words; there is nothing for you to do.

# %%
fakes = G(torch.randn(360, 4))


def nearest(x):
    """The distance from each picture of x to the nearest of the real digits that G was trained on."""
    return torch.cdist(x.flatten(1), real.flatten(1)).min(1).values


made, new = nearest(fakes), nearest(test)
print(f"From a generated digit to the nearest training digit:  on average {made.mean():.2f}, at least {made.min():.2f}")
print(f"From a real digit never shown to G, to the nearest:    on average {new.mean():.2f}, at least {new.min():.2f}")
assert made.mean() > new.mean() and made.min() > 0.5 * new.min()

# %% [markdown]
# - **"It keeps the training pictures and gives them back."** A copy would lie at distance 0. On average its digits lie
#   no nearer to the training digits than new real digits do, and not one of them is a copy. (Some generators *do*
#   memorise, above all those that are trained on few pictures. Lesson 26 measures it.)

# %%
doubtful = [(classifier(x).softmax(1).amax(1) < 0.5).float().mean() for x in (fakes, test)]
print(f"Less than 50 % sure: {doubtful[0]:.0%} of generated and {doubtful[1]:.0%} of new real digits.")
assert doubtful[0] > doubtful[1]

worst = classifier(fakes).softmax(1).amax(1).argsort()[:8]
fig, ax = plot.figure(width=8, height=1.1)
plot.images(ax, fakes[worst])
plot.show(fig, "The eight generated digits of which the classifier is least sure. Several are no digits at all.")

# %% [markdown]
# - **"A good score means good pictures."** The score compares crowds. Among the generated digits the classifier is in
#   doubt more often than among real ones, and the eight worst show why.


# %%
def halfway(n, rng):
    a, b = torch.randn(2, n, 4, generator=rng)
    return G(torch.lerp(a, b, 0.5))


def crossfade(n, rng):
    a, b = torch.randn(2, n, 4, generator=rng)
    return torch.lerp(G(a), G(b), 0.5)


print("halfway in z: {:.2f} ± {:.2f}".format(*first_generator.score(halfway)))
print("cross-fade:   {:.2f} ± {:.2f}".format(*first_generator.score(crossfade)))
assert scores["our generator"].mean < first_generator.score(halfway).mean < first_generator.score(crossfade).mean

# %% [markdown]
# - **"Between two pictures it mixes them."** Pictures halfway in $z$ are much nearer to real digits than mixed pixels
#   are. They are farther from them than ordinary samples: halfway points crowd around zero (lesson 12).
# - **"Each number of $z$ is one property."** Above, one number alone changed even the digit, in most of the moves.

# %% [markdown]
# ## The map
#
# Blue boxes are lessons that you have; grey ones with a dashed edge are planned. Each builds on those before it.

# %%
fig, ax = plot.figure(width=10, height=4.8)
coursemap.draw(ax, coursemap.written())
plot.show(fig, "The map of the course: five parts with 28 lessons, from the foundations to the use in the world.")

# %% [markdown]
# ## Quiz
#
# Five questions. Every answer gets a reply, and you may try again.

# %%
quiz("00")

# %% [markdown]
# ## Your progress
#
# Solved exercises, guesses and quiz answers are kept on this machine, and sent nowhere. Run this cell at any time.

# %%
progress()

# %% [markdown]
# ## Recap
#
# - A generator $G$ turns a few random numbers $z$ into a picture, $x = G(z)$. It is fixed; only $z$ is random.
# - Near points $z$ give similar pictures. A straight walk in $z$ is no cross-fade of pixels.
# - A single number of $z$ stands for no single property, unless training asks for it.
# - A score is read beside its floor and beside a cheap baseline.
# - Predict, run, compare. Solve or skip an exercise; hints and solutions are one cell away.
#
# **Next:** [01 Generative or discriminative?](01_generative_or_discriminative.ipynb) asks what such a machine can do
# that a classifier cannot.
#
# ## Sources
#
# - I. Goodfellow, J. Pouget-Abadie, M. Mirza, B. Xu, D. Warde-Farley, S. Ozair, A. Courville, Y. Bengio (2014),
#   *Generative Adversarial Nets*. The game of the two networks.
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter (2017), *GANs Trained by a Two Time-Scale Update
#   Rule Converge to a Local Nash Equilibrium*. The Fréchet distance of features; theirs come from another network, so
#   ours is not called FID.
# - E. Alpaydin, C. Kaynak (1998), *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository. The
#   digits.
# - N. Huang, A. Gokaslan, V. Kuleshov, J. Tompkin (2024), *The GAN is dead; long live the GAN! A Modern GAN Baseline*.
#   The loss and penalties with which this generator was trained.
