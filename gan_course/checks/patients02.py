"""Five turns of the game for exercise 02.5: one is healthy, four have a bug. Which is which is the exercise.

Each is called as `turn(G, D, opt_g, opt_d, real, noise)` and plays one turn. Read this file only to cheat.
"""

from torch.nn.functional import softplus


def _update(loss, opt, clean=True) -> None:
    if clean:
        opt.zero_grad()
    loss.backward()
    opt.step()


def _d_loss(real, fake):
    return softplus(-real).mean() + softplus(fake).mean()


def _turn_1(G, D, opt_g, opt_d, real, noise):
    _update(_d_loss(D(real), D(G(noise(len(real))).detach())), opt_d, clean=False)
    _update(softplus(-D(G(noise(len(real))))).mean(), opt_g, clean=False)


def _turn_2(G, D, opt_g, opt_d, real, noise):
    _update(_d_loss(D(real), D(G(noise(len(real))).detach())), opt_d)
    _update(softplus(-D(G(noise(len(real))).detach())).mean(), opt_g)


def _turn_3(G, D, opt_g, opt_d, real, noise):
    _update(_d_loss(D(real), D(G(noise(len(real))).detach())), opt_d)
    _update(softplus(-D(G(noise(len(real))))).mean(), opt_g)


def _turn_4(G, D, opt_g, opt_d, real, noise):
    _update(_d_loss(D(real), D(G(noise(len(real))).detach())), opt_d)
    opt_g.zero_grad()
    softplus(-D(G(noise(len(real))))).mean().backward()
    opt_d.step()


def _turn_5(G, D, opt_g, opt_d, real, noise):
    _update(_d_loss(D(G(noise(len(real))).detach()), D(real)), opt_d)
    _update(softplus(-D(G(noise(len(real))))).mean(), opt_g)


PATIENTS = {"A": _turn_4, "B": _turn_1, "C": _turn_3, "D": _turn_5, "E": _turn_2}
CAUSES = {
    "healthy": "C",
    "fakes detached in G's turn": "E",
    "labels swapped in D's loss": "D",
    "zero_grad missing": "B",
    "G's turn steps D's optimiser": "A",
}
