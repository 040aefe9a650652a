# %% [markdown]
# # 05 · The laboratory
#
# **What if the detective gets five turns? What if only one player slows down? You will put six such questions to a live
# game, with a guess first, and then to four seeds, because one run proves nothing. At the end you cure a game that is
# ill.**
#
# You need: lessons 02 to 04 (the two losses, `train`, $D^* = p/(p+q)$, why games circle, R1).
#
# Time: about 90 minutes to read and play, with the exercises. The notebook itself runs in about a minute on two
# processor cores.
#
# Afterwards you can
#
# - steer a running game, go back in it, and fork it with *one* thing changed;
# - compare two games fairly: the same start, the same turn, several seeds, a floor and a baseline;
# - say how good a discriminator is by setting it beside the best possible one;
# - put a loss of your own into the game, and see what it does;
# - tell from measured signs what ails a game, and mend it while it runs.

# %%
import math

import numpy as np
import torch
from torch.nn.functional import softplus
from torch.nn.utils import parameters_to_vector

from gan_course import Loss, device, nets, non_saturating, plot, toy, train
from gan_course.checks import check, hint, predict, quiz, reveal, solution
from gan_course.checks.say import say
from gan_course.laboratory import truth
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup
from gan_course.widgets.laboratory import Laboratory

_ = device.tune_threads()
# Small networks again: they stay on the processor.

# %% [markdown]
# ## 1. The instrument
#
# Here is a game on eight clouds in a ring. It has been played for 400 turns already. Blue dots are real, orange
# triangles are fakes, the ground is the discriminator's answer, and the arrows say where $G$ wants its fakes to go. All
# of this you have met; now you can touch it.

# %%
laboratory = Laboratory(data="ring")
laboratory

# %% [markdown]
# Press **Play**. Everything else may be done while it plays. Take ten minutes for the first six rows; the others come
# back below. The panels below the picture unfold.
#
# | you want to | so |
# |---|---|
# | see one turn in slow motion | *Slow motion*, then *Next sub-step* |
# | let one player alone move | *Step D*, *Step G* |
# | change a rule at once | the settings marked *live*: loss, optimisers, learning rates, steps per turn, penalties |
# | change what it is made of | those marked *begins anew*: data, networks, noise, seed |
# | bring data of your own | *Draw*, with the pointer or the arrow keys |
# | go back, and try it differently | drag the *Timeline*, then *Fork here* |
# | compare | the *Arena*: up to six games with the same data and seed |
# | know the truth | show *the best D*: where $p/(p+q)$ is one half; the panel *What is true*: JS and more |
# | see a game fail | the *Failure zoo* |
# | play a side | be the discriminator, or be the generator |
#
# The sentence above the picture says what is happening, from what is measured just now. Whatever you change is listed,
# marked on the curves, and can be saved as a small file: who loads it gets your very run, turn by turn. Much of this
# was first in *GAN Lab*, a page in the browser (Kahng et al. 2019). What is new is what runs behind it: your own
# Python.
#
# ### There is no magic in it
#
# The laboratory plays the game of lesson 02, by name `train`. Its rules are a `Setup`, its running game is a `Run`.
# Here is the same game **by hand**, and **by name**:

# %%
torch.manual_seed(0)
G, D = nets.mlp.generator(2, 2, (32, 32)), nets.mlp.discriminator(2, (32, 32))
ring = toy.ring(8, radius=1.0, std=0.08)
batches = ring.batches(128, seed=0)
for _ in train(G, D, batches, loss=non_saturating, lr_g=0.005, lr_d=0.005, seed=0, steps=100):
    pass

run = Run(Setup(data="ring", seed=0), Catalogue())
for _ in range(100):
    run.play()

apart = (parameters_to_vector(G.parameters()) - parameters_to_vector(run.game.G.parameters())).abs().max()
print(f"after {run.turn} turns the weights of the two generators differ by at most {apart.item():g}")

# %% [markdown]
# So what you do with the mouse can also be done in a cell: `laboratory.change(d_steps=5)`, `laboratory.play(100)`,
# `laboratory.fork(300, lr_g=0.001)`, `laboratory.run`. We will use both: the mouse to find out, cells to be sure.
#
# ## 2. Something to measure with
#
# The losses do not say how good the fakes are (lesson 02). In the laboratory we know $p$, the density of the data, so
# we can measure. Lay a grid over the plane. In each cell $p$ has some mass; the mass $q$ of the fakes there is found by
# counting 50 000 of them. From these masses two numbers follow.
#
# *How far:* the Jensen-Shannon divergence of lesson 03, now a sum over cells, with $m = \tfrac12(p + q)$:
#
# $$\mathrm{JS} = \tfrac12 \sum_{\text{cells}} p \log\frac pm + \tfrac12 \sum_{\text{cells}} q \log\frac qm .$$
#
# *How well a detective could do at best:* in each cell the best detective names the likelier side. Half of the points
# are real, half fake, so it is right with
#
# $$\sum_{\text{cells}} \tfrac12 \max(p, q) = \tfrac12 + \tfrac14 \sum_{\text{cells}} |p - q| ,$$
#
# because $\max(p, q) = \tfrac12(p + q) + \tfrac12|p - q|$, and $p$ and $q$ each add up to 1.


# %%
CELLS = 48


def counted(x, extent):
    """Share of the points x (n, 2) in each cell, (CELLS, CELLS), a row for each height."""
    edges = torch.linspace(*extent, CELLS + 1)
    inside = x.flip(1).clamp(edges[0] + 1e-4, edges[-1] - 1e-4)  # what lies outside counts at the rim
    return torch.histogramdd(inside, [edges, edges]).hist / len(x)


def masses(run):
    """Mass of the data and of the fakes in each cell, (CELLS, CELLS) each."""
    points, _ = run.toy.mesh(4 * CELLS, run.view.extent)  # 16 of them in each cell
    p = run.toy.pdf(points).view(CELLS, 4, CELLS, 4).sum(dim=(1, 3))
    return p / p.sum(), counted(run.game.sample(50_000), run.view.extent)


def js(p, q):
    m = (p + q) / 2
    return ((torch.xlogy(p, p) + torch.xlogy(q, q)) / 2 - torch.xlogy(m, m)).sum().item()


def best_right(p, q):
    return 0.5 + 0.25 * (p - q).abs().sum().item()


# %%
p, q = masses(run)
again = counted(ring.sample(50_000, seed=1), run.view.extent)  # real points in place of fakes
real = ring.sample(50_000, seed=2)
gaussian = real.mean(0) + real.std(0) * torch.randn(50_000, 2, generator=torch.Generator().manual_seed(0))
BASELINE = js(p, counted(gaussian, run.view.extent))
print(f"JS by hand: fakes {js(p, q):.3f}, one Gaussian {BASELINE:.3f}, real points {js(p, again):.3f}")
print(f"JS by name: fakes {run.measure().js:.3f}")
print(f"the best detective is right on {best_right(p, q):.1%} of real points and fakes;", end=" ")
print(f"of real points and real points, on {best_right(p, again):.1%}")

# %% [markdown]
# **By name:** `run.measure()` gives JS and more, on a finer grid and with fewer samples; the fakes score the same, the
# floor is a little higher. A `Run` measures itself every 50 turns. Real points do not score 0, because counts are never
# exact: that is the **floor**, and below the floor a difference means nothing. As a cheap **baseline** take what needs
# no game at all: one Gaussian, fitted to the data.
#
# A single measure swings by several hundredths from one look to the next. So below, the JS of a run is the mean of its
# last three measures; and there are always four runs, seeds 0 to 3.

# %%
catalogue = Catalogue()
FLOOR = truth.floor(run.toy, run.view.extent).js


def play(turns, **rules):
    """Four runs under these rules, seeds 0 to 3."""
    runs = [Run(Setup(seed=seed).but(**rules), catalogue) for seed in range(4)]
    for run in runs:
        for _ in range(turns):
            run.play()
    return runs


def late_js(runs):
    """JS of each run: the mean of its last three measures, 50 turns apart. Shape (4,)."""
    return torch.tensor([sum(measured.js for measured in run.measures.items[-3:]) / 3 for run in runs])


def js_curves(runs):
    """JS at each measure, (4, measures), from turn 50 on."""
    return torch.tensor([[measured.js for measured in run.measures.items[1:]] for run in runs])


def spread(x):
    return f"{x.mean():.2f} ± {x.std():.2f}"


# %% [markdown]
# ## 3. First question: five turns for the detective?
#
# Algorithm 1 of Goodfellow et al. (2014) lets $D$ make $k$ steps for each step of $G$. Most games are played with
# $k = 1$, and one is often warned of a detective that gets too strong. So three games on the ring: one step each; five
# steps of $D$ for one of $G$; and, for fairness, five steps of $G$ for one of $D$.

# %%
predict(
    "05.a",
    "After 200 turns, in which of the three games are the fakes furthest from the data?",
    [
        "One step each: it has done the least work",
        "Five steps of D: G learns nothing from a detective so strong",
        "Five steps of G: the counterfeiter runs ahead of its detective",
        "All three about the same",
    ],
)

# %%
five = Laboratory(data="ring", trained=False, panels=["controls", "charts", "timeline", "arena"])
five.arena([{}, {"d_steps": 5}, {"g_steps": 5}])
five.play(100)
five

# %% [markdown]
# The three games stand at turn 100. Drag the *Timeline* from the left to the right and watch all three; then press
# *Play*. Where are the fakes of the third game? Where will they be fifty turns later?
#
# And now with four seeds each, from the start to turn 200:

# %%
paces = {"one step each": {}, "D five steps": {"d_steps": 5}, "G five steps": {"g_steps": 5}}
games = {name: play(200, **rules) for name, rules in paces.items()}
far = {name: late_js(runs) for name, runs in games.items()}

# %%
inks = dict(zip(games, (plot.REAL, plot.DIS, plot.GEN), strict=True))
fig, (left, right) = plot.figure(1, 2, width=10, height=3.4)
turns = games["one step each"][0].measures.turns[1:]
plot.curves(left, turns, {name: js_curves(runs) for name, runs in games.items()}, ylabel="JS to the data", colours=inks)
left.axhline(BASELINE, color=plot.MUTED, linestyle="--", label="one Gaussian")
plot.floor(left, FLOOR, "floor: real points")
left.set_ylim(0, 0.75)
left.legend(fontsize=8, loc="lower left")
modes = {n: torch.tensor([run.measures.items[-1].modes for run in runs]) for n, runs in games.items()}
plot.bars(right, {n: m.mean().item() for n, m in modes.items()}, ylabel="modes reached, of 8", colour=plot.FAKE)
for place, m in enumerate(modes.values()):
    right.plot([place + 0.25] * 4, m, "ok", markersize=4, label="one seed" if place == 0 else None)
plot.floor(right, 8, "real points")
right.set_ylim(0, 10)
plot.show(
    fig,
    "Left: JS with five steps of D is lowest at nearly every turn; with one step each it swings between that and the "
    "Gaussian's line; with five steps of G it stays above both. Right: modes reached: with five steps of G most seeds "
    "reach only a few.",
)

# %%
order = [far[name].mean().item() for name in paces]
reveal(
    "05.a",
    truth=3 if max(order) - min(order) < 0.05 else order.index(max(order)),
    because="JS at the end, mean and standard deviation of four seeds: "
    + "; ".join(f"{name} {spread(x)}" for name, x in far.items())
    + f". One fitted Gaussian has {BASELINE:.2f}, real points {FLOOR:.3f}.",
)

# %% [markdown]
# (Band: one standard deviation over four seeds.) A detective with five steps did no harm: after the same number of
# *turns* its games are a little ahead. But a turn is then six steps in place of two. Spend these on three times as many
# turns of one step each:

# %%
longer = late_js(play(600))
print(f"one step each, 600 turns of 2 steps: JS {spread(longer)}")
print(f"D five steps,  200 turns of 6 steps: JS {spread(far['D five steps'])}")

# %% [markdown]
# They come out lower. The same turn and the same work are two different comparisons: say which one you make.
#
# The counterfeiter with five steps is, on most seeds, worse off than one Gaussian. All its fakes run to the one place
# that $D$ likes best just now. By the time $D$ has answered with its single step, they are all there; then they run
# elsewhere. That is **mode collapse**, and it wanders.
#
# So "too strong" was said of the wrong player, at least here. (A sure $D$ *can* starve $G$: minimax against an all but
# perfect $D$, lesson 03. You will meet such a patient in section 8.)
#
# ### Exercise 05.1 · Back on its feet
# *easy · core · 5 minutes.* This game was played with five steps of $G$ for 200 turns. Bring it back: all eight modes
# reached, and JS below 0.45, at three measures in a row. Measures come every 50 turns, so it must be well for 100 turns.
# Do not begin anew; steer the game as it runs. Here and in 05.4 the check reads the laboratory: which rules you changed,
# at which turn, and what came of it.

# %%
clinic = Laboratory(data="ring", g_steps=5, trained=False, panels=["controls", "charts", "timeline"])
clinic.play(200)
clinic

# %%
# exercise 05.1
#: solution
# The detective must keep up: one step for G again, three for D until it has caught up.
clinic.change(g_steps=1, d_steps=3)
clinic.play(350)
mended = clinic.run
#: stub
# mended = ...  # steer in the widget; when the game is well, write clinic.run in place of the dots
#: end

# %%
check("05.1", mended)

# %%
# hint("05.1")
# solution("05.1")

# %% [markdown]
# ## 4. Second question: what would the best detective see?
#
# Look at the first game again, the ordinary one with one step each. Its $D$ is right on about half of all
# points. Two readings are possible. Either the fakes are so good that there is little left to see. Or there is a lot to
# see, and this $D$ does not see it. In lesson 03 you derived what the *best* detective says: $D^* = p/(p+q)$. We can
# count how often it would be right.

# %%
said = torch.tensor([run.look().right for run in games["one step each"]])
print(f"one step each, turn 200: D is right on {', '.join(f'{x:.0%}' for x in said.tolist())} of the points")
predict(
    "05.b",
    "On how many points would the best possible detective be right, about the very same fakes?",
    [
        "on 50 to 60 %: the fakes are good",
        "on 60 to 75 %: D misses something",
        "on more than 75 %: D misses nearly everything",
    ],
)

# %%
table = {}
for name, runs in games.items():
    sees = torch.tensor([run.look().right for run in runs])
    could = torch.tensor([best_right(*masses(run)) for run in runs])
    losses = torch.tensor([run.curves.items[-20:] for run in runs]).mean(dim=1)  # (4, 2): mean of the last 100 turns
    table[name] = sees, could, losses
columns = ("D is right", "best possible", "D's loss", "G's loss", "JS")
print(" " * 16 + "".join(f"{column:>16}" for column in columns))
for name, (sees, could, losses) in table.items():
    row = (sees, could, losses[:, 0], losses[:, 1], far[name])
    print(f"{name:16}" + "".join(f"{spread(x):>16}" for x in row))
won = (0.5, 0.5, math.log(4), math.log(2), 0.0)
print(f"{'a game won':16}" + "".join(f"{x:16.2f}" for x in won))

# %%
could = table["one step each"][1].mean().item()
reveal(
    "05.b",
    truth=0 if could < 0.6 else 1 if could < 0.75 else 2,
    because=f"D is right on {said.mean():.0%}, the best possible detective on {could:.0%} (four seeds).",
)

# %% [markdown]
# Now read the third line of the table. Most of these four games have collapsed, and yet the losses are, to two decimals,
# those of a game that is won, $2\log 2 = 1.39$ and $\log 2 = 0.69$: this $D$ *says* about one half to everything. (How
# often it *is right* then hangs on a hair, hence the large ±; below one half means that $G$ has just jumped to where $D$
# leans to "real".) The best detective would be right on nearly all. **Losses at $2\log 2$ mean that this $D$ cannot
# tell. They do not mean that there is nothing to tell.**
#
# Here are both detectives before the same fakes: what $D$ says, and what it should say. (Grey: nothing falls there. The
# right picture says *which* is likelier, not how many: where no real point ever falls, a handful of fakes among
# thousands paints a cell full orange. The fakes are drawn on the left only.)

# %%
seen = games["one step each"][0]
best, known = truth.optimal(seen.game, seen.toy, seen.view.extent)
fig, (left, right) = plot.figure(1, 2, width=10, height=4.2)
plot.verdict(left, seen.game.D, seen.view.extent)
left.set_title("what D says")
best = np.where(known, best / 255, np.nan)
image = right.imshow(best, origin="lower", extent=seen.view.extent * 2, cmap=plot.VERDICT, vmin=0, vmax=1)
fig.colorbar(image, ax=right, label="p / (p + q)", shrink=0.8)
right.set_title("what the best D would say")
right.set_facecolor("#BBBBBB")
right.set(xlabel="$x_1$", ylabel="$x_2$")
plot.scatter(left, fake=seen.look().fakes, extent=seen.view.extent)
plot.show(
    fig,
    "Left: the discriminator's ground is pale nearly everywhere. Right: the best discriminator is blue on the eight "
    "clouds and orange along the threads of fakes between them; grey where there is nothing.",
)

# %% [markdown]
# Is this $D$ too small to see it? Let it learn alone. **New: forking by hand.** `rewound` goes back to the last
# checkpoint (one is kept every 100 turns), `catch_up` plays on to the very turn, exactly as it was, and from there
# something is changed. The old run stays as it is.


# %%
def branch(run, turn, turns, **changes):
    """A fork of `run` at `turn`, with these changes made there, played `turns` turns on. `run` itself is left alone."""
    child = run.rewound(turn)
    for _ in child.catch_up(turn):
        pass
    child.change(**changes)
    for _ in range(turns):
        child.play()
    return child


alone = torch.tensor([branch(run, 200, 300, g_steps=0).look().right for run in games["one step each"]])
print(f"after 300 steps of D alone it is right on {spread(alone)}, the best possible on {could:.2f}")

# %% [markdown]
# So the same network *can* see much more. In the game it does not, because $G$ never stands still: with each turn what
# $D$ has just learned is out of date. (The seeds differ; 300 steps do not bring every $D$ equally far.)
#
# **Now you.** *Be the discriminator*: you see examples of both kinds, then one point after another, and say how sure
# you are that it is real. In the end your curve is set beside the network's and the best possible one, on the same
# points. Against this network you have a fair chance.

# %%
sides = Laboratory(data="ring", panels=["sides"], layers=["real", "fake"])
sides

# %% [markdown]
# Then *be the generator*: drag your points so that a living $D$ takes them for real. You do not see the data. Notice
# what you look at: the ground, its colour and its slope. That is all that $G$ ever gets.
#
# ## 5. Third question: a loss of your own?
#
# A loss is a pair of functions of logits (lesson 02), and any pair that you write appears in the laboratory's list.
# Here are two ideas for $G$, each sensible at first sight. $G$ is paid for a quarter of its fakes only: for those that
# $D$ finds *most* real (do not waste effort on hopeless ones), or for those that it finds *least* real (learn from your
# worst mistakes).


# %%
def best_quarter(real, fake):
    kept = fake.topk(len(fake) // 4, dim=0).values  # the highest logits
    return softplus(-kept).mean()


def worst_quarter(real, fake):
    kept = fake.topk(len(fake) // 4, dim=0, largest=False).values
    return softplus(-kept).mean()


quarters = {
    "best quarter": Loss(d=non_saturating.d, g=best_quarter, name="best quarter"),
    "worst quarter": Loss(d=non_saturating.d, g=worst_quarter, name="worst quarter"),
}

# %%
predict(
    "05.c",
    "200 turns on the ring. G is paid for all of its fakes, for the best quarter, or for the worst quarter. Which games "
    "end furthest from the data?",
    ["All fakes", "The best quarter", "The worst quarter", "No clear difference"],
)

# %%
own = Laboratory(data="ring", loss=quarters, trained=False, panels=["controls", "charts", "timeline", "arena"])
own.arena([{"loss": "non-saturating"}, {"loss": "best quarter"}, {"loss": "worst quarter"}])
own.play(100)
own

# %%
catalogue.add(loss=quarters)
paid = {"all fakes": far["one step each"]} | {name: late_js(play(200, loss=name)) for name in quarters}
fig, ax = plot.figure(width=7.5)
plot.bars(ax, {n: x.mean().item() for n, x in paid.items()}, {n: x.std().item() for n, x in paid.items()},
          "JS to the data", colour=plot.FAKE)  # fmt: skip
for place, x in enumerate(paid.values()):
    ax.plot([place + 0.2] * 4, x, "ok", markersize=4, label="one seed" if place == 0 else None)
ax.axhline(BASELINE, color=plot.MUTED, linestyle="--", label="one Gaussian")
plot.floor(ax, FLOOR, "real points")
ax.legend(fontsize=8, loc="upper left", ncols=3)
ax.set_ylim(0, 0.9)
plot.show(
    fig,
    "Paid for all fakes or for the best quarter, JS ends much alike; paid for the worst quarter it is higher on average, "
    "and its four seeds lie far apart.",
)

# %%
means = [x.mean().item() for x in paid.values()]
reveal(
    "05.c",
    truth=3 if max(means) - min(means) < 0.05 else means.index(max(means)),
    because="; ".join(f"{name} {spread(x)}" for name, x in paid.items())
    + f" (four seeds; one Gaussian {BASELINE:.2f}).",
)

# %% [markdown]
# Leaving out three quarters of the fakes does little harm if the best are kept. Learning from the worst alone is a
# gamble: look at the single seeds. Some games go well and some are wrecked, so that *one* run could have told you
# anything. Sinha et al. (2020), who proposed to throw away the worst fakes (*top-k training*; they start with all of
# them and lower $k$ slowly), looked at such toys, too: an update from the worst ones can push fakes *away* from the
# nearest mode. All of them hang on the same weights, and when only the worst are heard, nobody speaks for the good
# ones.
#
# ### Exercise 05.2 · A loss that looks at pairs
# *medium · core · 10 minutes.* Up to now $G$'s loss ignored its first argument. Here is a game that needs it
# (Jolicoeur-Martineau 2018; in the paired form of Huang et al. 2024, whose *R3GAN* you will meet in lesson 16). $D$ no
# longer says "real" or "fake" of one point. It gets a pair, and should give the real point a *higher logit* than the
# fake: it pays $\text{softplus}(-(r - f))$, averaged over the pairs. $G$ wants the fake to have the higher one. Write
# both losses.


# %%
# exercise 05.2
def pair_d(real, fake):
    """What D pays. real, fake: logits (n, 1); row i of both is one pair. Returns one number."""
    #: solution
    return softplus(fake - real).mean()  # softplus(-(r - f)), as for a classifier whose logit is r - f
    #: stub
    # return ...
    #: end


def pair_g(real, fake):
    """What G pays."""
    #: solution
    return softplus(real - fake).mean()
    #: stub
    # return ...
    #: end


# %%
check("05.2", (pair_d, pair_g))

# %%
# hint("05.2")
# solution("05.2")

# %% [markdown]
# Your game joins the list of losses, as *pairs*. (While the exercise is open, the package's own plays: it is called
# *relativistic*.)

# %%
try:
    pairs = Laboratory(data="ring", loss={"pairs": Loss(d=pair_d, g=pair_g)}, panels=["controls", "charts"])
except (TypeError, ValueError):  # the laboratory takes no loss that is not one
    pairs = Laboratory(data="ring", loss="relativistic", panels=["controls", "charts"])
pairs

# %% [markdown]
# Only differences of logits count now: add 5 to everything that $D$ says, and no loss changes. So the ground is
# coloured around the mean of the logits here; "one half" has no meaning of its own any more.
#
# ## 6. Fourth question: the same run, one thing changed
#
# Should both players learn equally fast? Heusel et al. (2017) say no (lesson 04). To see what a change does, all else
# must be equal: not only data and seed, but the very weights. That is what a fork is for. At turn 200 we fork the
# ordinary games and divide *one* learning rate by five: 0.005 becomes 0.001.

# %%
predict(
    "05.d",
    "Over the next 200 turns, which branch gets nearer to the data than the unchanged one?",
    [
        "The one with the slower D",
        "The one with the slower G",
        "Both: slower is finer",
        "Neither: slower is only slower",
    ],
)

# %%
forks = Laboratory(data="ring", trained=False, panels=["controls", "charts", "timeline", "arena"])
forks.play(200)
for changes in ({"lr_d": 0.001}, {"lr_g": 0.001}):
    forks.do({"op": "focus", "run": 0})  # back to the parent
    forks.fork(200, **changes)
forks.play(100)
forks

# %% [markdown]
# Three runs with one past. (To fork by hand, drag the *Timeline* to a turn, choose what to change, and press *Fork*.)
#
# Again with four seeds. Every branch is compared with the unchanged branch *of the same run*, so that how lucky a seed
# was drops out of the comparison.

# %%
branches = {"unchanged": {}, "slower D": {"lr_d": 0.001}, "slower G": {"lr_g": 0.001}}
after = {}  # JS at turns 250, 300, 350, 400: (4, 4)
for name, changes in branches.items():
    children = [branch(run, 200, 200, **changes) for run in games["one step each"]]
    after[name] = js_curves(children)[:, -4:]
gain = {name: (after[name] - after["unchanged"]).mean(dim=1) for name in ("slower D", "slower G")}
for name, x in gain.items():
    print(f"{name}: JS compared with the unchanged twin, four seeds: {', '.join(f'{v:+.3f}' for v in x)}")

# %%
fig, axes = plot.figure(1, 2, width=10, height=3.2)
colours = {"unchanged": plot.MUTED, "slower D": plot.DIS, "slower G": plot.GEN}
for ax, name in zip(axes, gain, strict=True):
    pair = {"unchanged": after["unchanged"], name: after[name]}
    plot.curves(ax, range(250, 401, 50), pair, ylabel="JS to the data", colours=colours)
    ax.set_ylim(0.2, 0.5)
plot.show(fig, "With a slower D, JS is as in the unchanged games. With a slower G it is lower, in a narrower band.")

# %%
nearer = {name: bool(x.mean() < -0.02 and (x < 0).all()) for name, x in gain.items()}
reveal(
    "05.d",
    truth={(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}[
        nearer["slower D"], nearer["slower G"]
    ],
    because="; ".join(f"{name}: JS changes by {x.mean():+.3f} ± {x.std():.3f}" for name, x in gain.items())
    + f" (it is {after['unchanged'].mean():.2f} in the unchanged branch).",
)

# %% [markdown]
# One rate was divided by five in each branch. What counts is whose. Look at the first point of the right picture: the
# gain is there at once, and the band is narrow. The unchanged games swing, as lesson 04 taught you to expect; a slow
# $G$ does not overshoot, and its $D$ has time to look. As in the first question, it helps if $D$ has more time per step
# of $G$; here at no extra cost. A slower $D$: no clear effect, over these seeds. (This is no law about ratios: they
# depend on the loss, the optimiser and the data. And slowness has its time: the next question has games that are slow
# from the first turn on.)
#
# ### Exercise 05.3 · The comparison that was too good
# *medium · core · 8 minutes · find the planted bug.* A colleague wrote this to measure what a change does, and tried it
# on four games at turn 10. It says that going over to the *least-squares* loss is a great help, on every seed:


# %%
def colleagues_effect(run, turn, turns, **changes):
    """By how much JS changes, if `changes` are made at `turn` and `turns` more turns are played. Below 0 is better."""
    changed = branch(run, turn, turns, **changes)
    return changed.measure().js - run.measure().js


says = [colleagues_effect(run, 10, 140, loss="least squares") for run in play(10)]
print("least squares:", ", ".join(f"{x:+.3f}" for x in says))

# %% [markdown]
# Find what is wrong and mend it. (`branch` is the function above.)


# %%
# exercise 05.3
def effect(run, turn, turns, **changes):
    """By how much JS changes, if `changes` are made at `turn` and `turns` more turns are played. Below 0 is better."""
    changed = branch(run, turn, turns, **changes)
    #: solution
    # `run` stands at another turn: it has learned for less long. Its twin gets the same turns, and no change.
    twin = branch(run, turn, turns)
    return changed.measure().js - twin.measure().js
    #: stub
    # return ...  # in place of changed.measure().js - run.measure().js
    #: end


# %%
check("05.3", effect)

# %%
# hint("05.3")
# solution("05.3")

# %% [markdown]
# ## 7. Fifth question: which loss?
#
# There are hundreds of papers on losses. The arena puts several games side by side: the same data, the same seed, the
# same number of turns, in step. Here are the losses that you know, and two that lesson 08 explains (*least squares*,
# *hinge*). The sixth game keeps the usual loss, but both players learn at a fifth of the rate. (The Wasserstein loss is
# not invited: it means something only with a critic of bounded slope.)

# %%
predict(
    "05.e",
    "Take five losses at the usual pace. Then take the usual loss at four paces: one step each, D five steps, G five "
    "steps, both rates a fifth. Which choice spreads the results wider?",
    ["The choice of the loss", "The choice of the pace", "About equally wide"],
)

# %%
losses = ["non-saturating", "minimax", "least squares", "hinge", "relativistic"]
slow = {"lr_g": 0.001, "lr_d": 0.001}
arena = Laboratory(data="ring", trained=False, panels=["charts", "timeline", "arena"])
arena.arena([{"loss": name} for name in losses] + [slow])
arena.play(100)
arena

# %%
by_loss = {"non-saturating": far["one step each"]} | {name: late_js(play(200, loss=name)) for name in losses[1:]}
by_pace = far | {"both rates a fifth": late_js(play(200, **slow))}

# %%
fig, axes = plot.figure(2, 1, width=8, height=4.4)
for ax, (title, group) in zip(axes, {"another loss": by_loss, "another pace": by_pace}.items(), strict=True):
    for row, x in enumerate(group.values()):
        ax.plot(x, [row] * 4, "^", color=plot.FAKE, markersize=6)
        ax.plot(x.mean(), row, "|", color="black", markersize=16)
    ax.set(
        yticks=range(len(group)), yticklabels=list(group), title=title, xlim=(0, 0.75), ylim=(len(group) - 0.5, -0.5)
    )
    ax.axvline(FLOOR, color=plot.MUTED, linestyle=":", label="floor: real points")
    ax.axvline(BASELINE, color=plot.MUTED, linestyle="--", label="one Gaussian")
axes[0].legend(fontsize=8, loc="lower left")
axes[1].set_xlabel("JS to the data after 200 turns: four seeds, and their mean")
plot.show(
    fig,
    "Above: five losses, most of them close together. Below: four paces, spread over about twice that range.",
)

# %%
widths = [max(x.mean() for x in group.values()) - min(x.mean() for x in group.values()) for group in (by_loss, by_pace)]
reveal(
    "05.e",
    truth=0 if widths[0] > 1.3 * widths[1] else 1 if widths[1] > 1.3 * widths[0] else 2,
    because=f"From the best to the worst mean: over five losses {widths[0]:.2f}, over four paces {widths[1]:.2f}. Within one "
    f"game the seeds have a standard deviation of about {torch.stack(list(by_loss.values())).std(dim=1).mean():.2f}.",
)

# %% [markdown]
# Lucic et al. (2018) asked the same of seven kinds of GAN on images, with far more computing: with enough search over
# the other settings, most reach similar scores. Do not read our picture as a ranking: at another learning rate, or
# after more turns, the order of the five may change. Read it as an order of size. Of the paces here, two are
# bad on purpose. Before you change the loss, look at the pace.
#
# ### Exercise 05.4 · A hand on the tiller
# *hard · extra · 15 minutes.* Rules need not stay as they were. Start from the standard rules on the ring, change what
# you like *while it runs*, and bring JS below 0.24 by turn 1000 (mean of the last four measures up to there): lower
# than any game in the picture above.

# %%
tiller = Laboratory(data="ring", trained=False, panels=["controls", "charts", "truth", "timeline"])
tiller

# %%
# exercise 05.4
#: solution
# Fast while there is far to go; then a slow G, so that D, looking three times a turn, can keep up; slower still at the end.
tiller.play(300)
tiller.change(lr_g=0.001, d_steps=3)
tiller.play(400)
tiller.change(lr_g=0.0003)
tiller.play(300)
steered = tiller.run
#: stub
# steered = ...  # steer in the widget, then write tiller.run in place of the dots
#: end

# %%
check("05.4", steered)

# %%
# hint("05.4")
# solution("05.4")

# %% [markdown]
# ## 8. Sixth question: what cures this game?
#
# Here is the patient that was promised: the *minimax* loss, a $D$ that makes two fast steps a turn, a $G$ with plain
# gradient descent. After 100 turns $D$ is right on all points, or nearly, and the fakes stand still. Lesson 03 explained
# why: minimax passes on only the share $D(G(z))$ of $D$'s slope, and that is next to nothing.

# %%
ward = Laboratory(
    data="ring", loss="minimax", opt_g="SGD", lr_g=0.002, lr_d=0.01, d_steps=2, trained=False,
    panels=["controls", "charts", "timeline", "zoo"],
)  # fmt: skip
ward.play(100)
ward

# %%
predict(
    "05.f",
    "One setting may change, while the game runs; then 150 more turns. Which change brings the fakes nearest to the data?",
    [
        "The non-saturating loss: this is what it is for",
        "R1 with weight 1: it takes the steepness out of D",
        "One step of D in place of two",
        "Adam for G, in place of plain gradient descent",
    ],
)

# %% [markdown]
# Try it in the laboratory first: change one thing, play to turn 250, drag the *Timeline* back to turn 100, fork, and
# try the next. Then with four seeds:

# %%
patient = {"loss": "minimax", "opt_g": "SGD", "lr_g": 0.002, "lr_d": 0.01, "d_steps": 2}
treatments = {
    "non-saturating loss": {"loss": "non-saturating"},
    "R1, weight 1": {"penalties.R1": 1.0},
    "one step of D": {"d_steps": 1},
    "Adam for G": {"opt_g": "Adam"},
}
ill = play(100, **patient)
treated = {name: [branch(run, 100, 150, **change) for run in ill] for name, change in treatments.items()}
print(f"{'before':20}  D is right {spread(torch.tensor([run.look().right for run in ill]))}")
for name, runs in treated.items():
    last = [run.measures.items[-1] for run in runs]
    print(
        f"{name:20}  JS {spread(torch.tensor([m.js for m in last]))}   modes {', '.join(f'{m.modes:.0f}' for m in last)}"
    )

# %%
fig, axes = plot.figure(1, 4, width=11, height=3.2)
for ax, (name, runs) in zip(axes, treated.items(), strict=True):
    plot.scatter(ax, runs[0].view.real, runs[0].look().fakes, runs[0].view.extent)
    ax.set_title(name)
plot.show(
    fig,
    "Seed 0 after each treatment. Non-saturating: all fakes at a few clouds. R1, and one step of D: hardly any "
    "progress. Adam: fakes all round the ring.",
)

# %%
ends = [np.mean([run.measures.items[-1].js for run in runs]) for runs in treated.values()]
reveal(
    "05.f",
    truth=ends.index(min(ends)),
    because="Mean JS over four seeds: " + "; ".join(f"{n} {x:.2f}" for n, x in zip(treated, ends, strict=True)) + ".",
)

# %% [markdown]
# The textbook cure does set the game moving: $G$ now gets the whole of $D$'s steep slope. Before so sure a $D$ that is
# a hard push, and all fakes land on the nearest clouds, one to three of eight: one illness is traded for another. R1
# makes $D$ gentler, but plain gradient descent at this rate still turns a faint gradient into a tiny step. Adam divides
# each gradient by its own recent size, so that a faint signal gives a full step (the "honest remark" of lesson 03, now
# in the plane).
#
# So look at *all* that feeds a step: the loss, the slope of $D$, and the optimiser. And do not take two cures because one
# helped: with Adam *and* the non-saturating loss, some seeds of this patient lose modes again (try it). Now it is your
# turn.
#
# ### Exercise 05.5 · Who has what?
# *medium · core · 8 minutes · diagnose these runs.* Four games on the ring. One is well, three are ill. All causes, in
# measured words:
#
# - `"vanishing gradient"`: $D$ is sure and right, and the fakes stand still;
# - `"mode collapse"`: the fakes lie together, at a mode or two, and go from there to the next;
# - `"D too weak"`: the fakes fly far out of the data and back, all together: $D$ answers too late to hold them;
# - `"oscillation"`: the fakes stay among the data, spread as widely as it, and swing without coming nearer;
# - `"healthy"`.

# %%
from gan_course.checks.patients05 import admit


def signs(run):
    """What one can measure: how often D is right, and the best D; modes; spread, way and distance of the fakes."""
    now, before = run.frames.items[-1], run.frames.items[-6]  # 50 turns apart
    measured = run.measures.items[-1]
    spread_out = np.linalg.norm(now.fakes.std(0))
    way = np.linalg.norm(now.fakes - before.fakes, axis=1).mean()
    return now.right, best_right(*masses(run)), measured.modes, spread_out, way, measured.w1


print("patient  turn   D is right   best possible   modes   spread   way in 50 turns   distance to the data")
for name in "ABCD":
    run = admit(name)
    right, best, modes, spread_out, way, distance = signs(run)
    print(
        f"{name:7} {run.turn:5} {right:12.2f} {best:15.2f} {modes:7.0f} {spread_out:8.2f} {way:17.4f} {distance:22.2f}"
    )
print(f"{'data':40} {8:10} {np.linalg.norm(ring.sample(4000, seed=3).std(0)):8.2f} {'':17} "
      f"{truth.floor(run.toy, run.view.extent).w1:22.2f}")  # fmt: skip

# %%
# exercise 05.5
#: solution
# B: right on all points, and the fakes stand still. D: further from the data than the ring is wide. A: one mode, a small
# spread, and a long way to go in 50 turns. C: all modes, the spread of the data, and the smallest distance.
diagnosis = {"A": "mode collapse", "B": "vanishing gradient", "C": "healthy", "D": "D too weak"}
#: stub
# diagnosis = {"A": ..., "B": ..., "C": ..., "D": ...}
#: end

# %%
check("05.5", diagnosis)

# %%
# hint("05.5")
# solution("05.5")

# %% [markdown]
# ### Exercise 05.6 · Cure them
# *medium · core · 12 minutes.* You may look into their files:
#
# | patient | its rules, where they are not the standard ones |
# |---|---|
# | A | learning rates: $G$ 0.02, $D$ 0.001 |
# | B | minimax; $G$ with SGD, rate 0.002; $D$ two steps, rate 0.01 |
# | C | three steps of $D$ |
# | D | learning rate of $D$ 0.0001 |
#
# Prescribe for each of the three that are ill: at most **two** settings, to be changed while it runs. The check forks
# each patient where it stands, makes your changes, plays 250 turns and measures twice: at least 7 of 8 modes, and JS
# below 0.5 (one Gaussian has 0.47: we ask for a game that is out of danger, not for a good one). The names of settings
# are those of `Setup`: `lr_g`, `lr_d`, `d_steps`, `g_steps`, `loss`, `opt_g`, `opt_d`, `"penalties.R1"`; optimisers are
# `"Adam"`, `"SGD"`, `"RMSprop"`.

# %%
# exercise 05.6
#: solution
# A: D must keep up, so G slows down and D speeds up. B: a faint gradient, and an optimiser that does not mind.
# D: a detective that learns again, fast enough to bring back fakes that are far away.
cures = {"A": {"lr_g": 0.002, "lr_d": 0.005}, "B": {"opt_g": "Adam"}, "D": {"lr_d": 0.01, "d_steps": 3}}
#: stub
# cures = ...  # {"a patient": {"a setting": its value, ...}, ...}
#: end

# %%
check("05.6", cures)

# %%
# hint("05.6")
# solution("05.6")

# %% [markdown]
# The *Failure zoo* of the laboratory has five patients, each with a cure to compare with yours.
#
# ## 9. What is not true
#
# Each line with the figures of this notebook (means of four seeds).

# %%
collapsed, ordinary = table["G five steps"], table["one step each"]
untrue = {
    "A detective must not be too strong": f"with five steps of D, JS was {far['D five steps'].mean():.2f}, against "
    f"{far['one step each'].mean():.2f} with one at the same number of turns; what wrecked the game was five steps of G ({far['G five steps'].mean():.2f})",
    "When the losses reach 1.39 and 0.69, the game is won": f"the collapsed games had {collapsed[2][:, 0].mean():.2f} and "
    f"{collapsed[2][:, 1].mean():.2f}, at JS {far['G five steps'].mean():.2f}",
    "When D is right on only half of the points, there is nothing left to see": f"D was right on {ordinary[0].mean():.0%}, "
    f"the best detective would have been on {ordinary[1].mean():.0%}",
    "G learns most from its worst mistakes": f"paid for its worst quarter it ended at JS {paid['worst quarter'].mean():.2f}, "
    f"paid for all at {paid['all fakes'].mean():.2f}",
    "D and G need equal learning rates": f"with G's divided by five JS changed by {gain['slower G'].mean():+.3f}, with D's "
    f"by {gain['slower D'].mean():+.3f} (below 0 is nearer)",
    "The right loss makes the difference": f"five losses spread over {widths[0]:.2f} of JS, four paces over {widths[1]:.2f}",
    "The non-saturating loss cures a vanishing gradient": f"it brought back {np.mean([r.measures.items[-1].modes for r in treated['non-saturating loss']]):.0f} "
    f"modes of 8, Adam with the old loss {np.mean([r.measures.items[-1].modes for r in treated['Adam for G']]):.0f}",
}
say("\n".join(f"- *{claim}.* Not so, here: {fact}." for claim, fact in untrue.items()))

# %% [markdown]
# "Here" is a ring of eight clouds, small networks and a few hundred turns. Each of these sentences has been true
# somewhere, for somebody. What you take home is not the opposite sentence but the way to find out: fork, one change,
# several seeds, a floor and a baseline.
#
# ## Quiz

# %%
quiz("05")

# %% [markdown]
# ## Recap
#
# | you asked | you found, on this ring |
# |---|---|
# | five turns for the detective? | it helps turn for turn, but not step for step; five turns for the counterfeiter collapse most games |
# | what would the best detective see? | far more than $D$ does: $D$ is always behind, because $G$ moves |
# | a loss of your own? | any pair of functions plays; paid for its worst fakes alone, $G$ wrecks some games and not others |
# | one thing changed? | fork; compare twins at the same turn; a slower $G$ gets nearer, on every seed; a slower $D$ shows no clear effect |
# | which loss? | it matters here less than the pace, when the pace changes fivefold |
# | what cures it? | name the sign first; then who is too fast, too slow, or gets nothing |
#
# - **The best possible $D$** is right on $\tfrac12 + \tfrac14\sum|p - q|$ of the points. A $D$ that is right on
#   one half says something about the fakes only if that number is one half, too.
# - **A fair comparison** has the same weights at the fork, the same turn, several seeds, a floor and a baseline.
# - **A run** is its first rules and its list of changes: these two replay it to the last bit.
#
# Part II of the course takes the illnesses one by one: lesson 06 begins with mode collapse.
#
# ## Sources
#
# - I. Goodfellow, J. Pouget-Abadie, M. Mirza, B. Xu, D. Warde-Farley, S. Ozair, A. Courville, Y. Bengio (2014),
#   *Generative Adversarial Nets*: Algorithm 1 and Proposition 1 (sections 3 and 4).
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter (2017), *GANs Trained by a Two Time-Scale Update
#   Rule Converge to a Local Nash Equilibrium*: unequal learning rates (section 6).
# - Y. Huang, A. Gokaslan, V. Kuleshov, J. Tompkin (2024), *The GAN is dead; long live the GAN! A Modern GAN Baseline*:
#   the relativistic game in pairs (section 5).
# - A. Jolicoeur-Martineau (2018), *The relativistic discriminator: a key element missing from standard GAN* (section
#   5).
# - M. Kahng, N. Thorat, D. H. Chau, F. Viégas, M. Wattenberg (2019), *GAN Lab: Understanding Complex Deep Generative
#   Models using Interactive Visual Experimentation*: the page in the browser (section 1).
# - M. Lucic, K. Kurach, M. Michalski, S. Gelly, O. Bousquet (2018), *Are GANs Created Equal? A Large-Scale Study*
#   (section 7).
# - S. Sinha, Z. Zhao, A. Goyal, C. Raffel, A. Odena (2020), *Top-k Training of GANs: Improving GAN Performance by
#   Throwing Away Bad Samples* (section 5).
