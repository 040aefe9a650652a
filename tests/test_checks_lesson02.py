"""Lesson 02's exercises: named wrong answers are rejected for their own reason, other right answers are accepted."""

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from gan_course import train
from gan_course.checks.engine import judge
from gan_course.checks.patients02 import CAUSES


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.0, 0.99))


def update(opt, loss):
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.detach()


# --- 02.1 ---


def by_cross_entropy(real, fake):
    logits, labels = torch.cat([real, fake]), torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return 2 * binary_cross_entropy_with_logits(logits, labels)


def overflowing(real, fake):
    return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()


def test_02_1_accepts_cross_entropy_with_labels():
    assert judge("02.1", by_cross_entropy).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda r, f: softplus(r).mean() + softplus(-f).mean(), "swapped"),
        (lambda r, f: -softplus(-r).mean() - softplus(f).mean(), "sign"),
        (lambda r, f: softplus(-r).sum() + softplus(f).sum(), "sum"),
        (lambda r, f: (softplus(-r).mean() + softplus(f).mean()) / 2, "half"),
        (lambda r, f: softplus(-r).mean(), "real only"),
        (lambda r, f: softplus(f).mean(), "fake only"),
        (lambda r, f: softplus(-r.sigmoid()).mean() + softplus(f.sigmoid()).mean(), "twice"),
        (lambda r, f: softplus(-r) + softplus(f), "shape"),
        (lambda r, f: (softplus(-r).mean() + softplus(f).mean()).item(), "shape"),
        (lambda r, f: (softplus(-r).mean() + softplus(f).mean()).detach(), "detached"),
        (lambda r, f: f.mean() - r.mean(), "value"),
        (overflowing, "overflow"),
    ],
)
def test_02_1_names_the_mistake(answer, reason):
    assert judge("02.1", answer).reason == reason


# --- 02.2 ---


def d_loss(D, real, fake):
    return softplus(-D(real)).mean() + softplus(D(fake)).mean()


def d_step_in_one_batch(G, D, opt_d, real, z):
    with torch.no_grad():
        fake = G(z)
    sign = torch.cat([-torch.ones(len(real), 1), torch.ones(len(fake), 1)])
    loss = 2 * softplus(sign * D(torch.cat([real, fake]))).mean()
    for p, g in zip(D.parameters(), torch.autograd.grad(loss, list(D.parameters())), strict=True):
        p.grad = g
    opt_d.step()
    return loss.item()


def d_stale(G, D, opt_d, real, z):
    loss = d_loss(D, real, G(z).detach())
    loss.backward()
    opt_d.step()
    return loss


def d_moves_both(G, D, opt_d, real, z):
    loss = d_loss(D, real, G(z))
    opt_g = torch.optim.SGD(G.parameters(), 0.1)
    opt_g.zero_grad()
    update(opt_d, loss)
    opt_g.step()
    return loss


def d_forgets_to_step(G, D, opt_d, real, z):
    loss = d_loss(D, real, G(z).detach())
    opt_d.zero_grad()
    loss.backward()
    return loss


def d_clears_too_late(G, D, opt_d, real, z):
    loss = d_loss(D, real, G(z).detach())
    loss.backward()
    opt_d.zero_grad()
    opt_d.step()
    return loss


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda G, D, opt, real, z: update(opt, d_loss(D, real, G(z))), "leak"),
        (lambda G, D, opt, real, z: update(opt, d_loss(D, G(z).detach(), real)), "swapped"),
        (lambda G, D, opt, real, z: update(opt, -d_loss(D, real, G(z).detach())), "sign"),
        (lambda G, D, opt, real, z: update(opt, softplus(-D(real)).mean()), "real only"),
        (lambda G, D, opt, real, z: update(opt, softplus(-D(G(z).detach())).mean()), "G's loss"),
        (lambda G, D, opt, real, z: update(opt, d_loss(D, real, torch.randn_like(real))), "value"),
        (lambda G, D, opt, real, z: 0 * update(opt, d_loss(D, real, G(z).detach())), "returned"),
        (lambda G, D, opt, real, z: print("no return", update(opt, d_loss(D, real, G(z).detach()))), "unsolved"),
        (d_stale, "stale"),
        (d_moves_both, "moved G"),
        (d_forgets_to_step, "no step"),
        (d_clears_too_late, "no step"),
    ],
)
def test_02_2_names_the_mistake(answer, reason):
    assert judge("02.2", answer).reason == reason


def test_02_2_accepts_one_batch_and_gradients_set_by_hand():
    assert judge("02.2", d_step_in_one_batch).ok


# --- 02.3 ---


def g_step_from_the_arrows(G, D, opt_g, z):
    fake = G(z)
    points = fake.detach().requires_grad_()
    loss = -nn.functional.logsigmoid(D(points)).mean()
    (pull,) = torch.autograd.grad(loss, points)
    opt_g.zero_grad()
    fake.backward(pull)
    opt_g.step()
    return loss


def g_stale(G, D, opt_g, z):
    loss = softplus(-D(G(z))).mean()
    loss.backward()
    opt_g.step()
    return loss


def g_detached_and_stale(G, D, opt_g, z):
    loss = softplus(-D(G(z).detach())).mean()
    loss.backward()
    opt_g.step()
    return loss


def g_forgets_to_step(G, D, opt_g, z):
    loss = softplus(-D(G(z))).mean()
    opt_g.zero_grad()
    loss.backward()
    return loss


def g_moves_d(G, D, opt_g, z):
    loss = softplus(-D(G(z))).mean()
    opt_d = torch.optim.SGD(D.parameters(), 0.1)
    opt_d.zero_grad()
    update(opt_g, loss)
    opt_d.step()
    return loss


def g_leaves_d_frozen(G, D, opt_g, z):
    D.requires_grad_(False)
    return update(opt_g, softplus(-D(G(z))).mean())


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda G, D, opt, z: update(opt, softplus(-D(G(z).detach())).mean()), "detached"),
        (lambda G, D, opt, z: update(opt, -softplus(D(G(z))).mean()), "saturating"),
        (lambda G, D, opt, z: update(opt, softplus(D(G(z))).mean()), "uphill"),
        (lambda G, D, opt, z: update(opt, -softplus(-D(G(z))).mean()), "sign"),
        (lambda G, D, opt, z: update(opt, softplus(-D(G(z))).sum()), "sum"),
        (lambda G, D, opt, z: update(opt, softplus(-D(G(torch.randn_like(z)))).mean()), "value"),
        (g_stale, "stale"),
        (g_detached_and_stale, "only stale"),
        (g_forgets_to_step, "no step"),
        (g_moves_d, "moved D"),
        (g_leaves_d_frozen, "frozen D"),
    ],
)
def test_02_3_names_the_mistake(answer, reason):
    assert judge("02.3", answer).reason == reason


def test_02_3_accepts_a_step_from_the_arrows_alone():
    assert judge("02.3", g_step_from_the_arrows).ok


# --- 02.4 ---


def mlp(*widths, bend=nn.ReLU, end=()):
    layers = [part for a, b in zip(widths, widths[1:], strict=False) for part in (nn.Linear(a, b), bend())]
    return nn.Sequential(*layers[:-1], *end)


def players():
    return mlp(1, 32, 32, 1), mlp(1, 32, 32, 1, bend=lambda: nn.LeakyReLU(0.2))


def other_players():
    return mlp(1, 64, 64, 1, bend=nn.SiLU), mlp(1, 64, 64, 1, bend=nn.SiLU)


def by_name(G, D, batches, noise, turns):
    for _ in train(G, D, batches, noise=noise, steps=turns):
        pass


def loop(G, D, batches, noise, turns, *, once=(), swap=False, detach=False, wrong_opt=False):
    """The right loop, and with one of its options a wrong one."""
    opt_g, opt_d = adam(G), adam(D)
    real, z = next(batches), noise(64)
    for _ in range(turns):
        real = real if "batch" in once else next(batches)
        n = len(real)
        fake = G(z if "noise" in once else noise(n)).detach()
        update(opt_d, d_loss(D, fake, real) if swap else d_loss(D, real, fake))
        fake = G(z if "noise" in once else noise(n))
        loss = softplus(-D(fake.detach() if detach else fake)).mean()
        update(opt_d if wrong_opt else opt_g, loss)


def in_epochs(G, D, batches, noise, turns, epoch=20):
    opt_g, opt_d = adam(G), adam(D)
    for _ in range(turns // epoch):
        for _ in range(epoch):
            real = next(batches)
            update(opt_d, d_loss(D, real, G(noise(len(real))).detach()))
        for _ in range(epoch):
            update(opt_g, softplus(-D(G(noise(64)))).mean())


def over_all_batches(G, D, batches, noise, turns):
    opt_d = adam(D)
    for real in batches:
        update(opt_d, d_loss(D, real, G(noise(len(real))).detach()))


def only_d(G, D, batches, noise, turns):
    opt_d = adam(D)
    for _ in range(turns):
        real = next(batches)
        update(opt_d, d_loss(D, real, G(noise(len(real))).detach()))


@pytest.mark.parametrize(
    "answer, reason",
    [
        (lambda *a: loop(*a, once=("batch",)), "frozen batch"),
        (lambda *a: loop(*a, once=("noise",)), "frozen noise"),
        (lambda *a: loop(*a, swap=True), "modes"),
        (lambda *a: loop(*a, detach=True), "G never"),
        (lambda *a: loop(*a, wrong_opt=True), "G never"),
        (in_epochs, "epochs"),
        (over_all_batches, "endless"),
        (only_d, "G never"),
        (lambda G, D, batches, noise, turns: ..., "unsolved"),
    ],
)
def test_02_4_names_the_mistake_in_the_loop(answer, reason):
    assert judge("02.4", (players, answer)).reason == reason


@pytest.mark.parametrize(
    "pair, reason",
    [
        (lambda: (mlp(1, 8, 1), mlp(1, 8, 1, end=[nn.Sigmoid()])), "sigmoid"),
        (lambda: (mlp(1, 8, 1, end=[nn.ReLU()]), mlp(1, 8, 1)), "bent end"),
        (lambda: (mlp(1, 8, 1, end=[nn.Tanh()]), mlp(1, 8, 1)), "bent end"),
        (lambda: (mlp(1, 8, 1, bend=nn.Identity), mlp(1, 8, 1)), "straight"),
        (lambda: (mlp(1, 8, 1), mlp(1, 8, 1, bend=nn.Identity)), "straight"),
        (lambda: (mlp(1, 8, 2), mlp(1, 8, 1)), "shape"),
        (lambda: (mlp(1, 8, 1), mlp(1, 8, 2)), "shape"),
        (lambda: (mlp(2, 8, 1), mlp(1, 8, 1)), "unusable"),
        (lambda: ..., "unsolved"),
    ],
)
def test_02_4_names_the_mistake_in_the_players(pair, reason):
    assert judge("02.4", (pair, loop)).reason == reason


@pytest.mark.parametrize("answer", [(players, by_name), (other_players, loop)])
def test_02_4_accepts_other_players_and_the_loop_by_name(answer):
    verdict = judge("02.4", answer)
    assert verdict.ok, verdict


# --- 02.5 ---

RIGHT = {patient: cause for cause, patient in CAUSES.items()}


def exchanged(a, b):
    return {**RIGHT, a: RIGHT[b], b: RIGHT[a]}


def test_02_5_accepts_the_diagnosis_in_any_order():
    assert judge("02.5", dict(reversed(RIGHT.items()))).ok


@pytest.mark.parametrize(
    "answer, reason",
    [
        (exchanged("A", "E"), "confused"),  # the two whose G stands still
        (exchanged("C", "B"), "sent home"),
        ({**RIGHT, "A": RIGHT["E"]}, "twice"),
        ({**RIGHT, "A": "bad luck"}, "unknown"),
        ({"A": RIGHT["A"]}, "form"),
        ("A", "form"),
        ({**RIGHT, "B": ...}, "unsolved"),
    ],
)
def test_02_5_names_the_mistake(answer, reason):
    assert judge("02.5", answer).reason == reason


def test_02_3_says_more_than_torch_when_the_way_back_is_cut():
    def under_no_grad(G, D, opt_g, z):
        opt_g.zero_grad()
        fake = G(z)
        with torch.no_grad():
            logits = D(fake)
        loss = softplus(-logits).mean()
        loss.backward()
        opt_g.step()
        return loss

    verdict = judge("02.3", under_no_grad)
    assert verdict.reason == "no way back" and "travel through it" in verdict.message


def test_02_1_names_item_and_not_the_mean():
    verdict = judge("02.1", lambda real, fake: (softplus(-real).mean() + softplus(fake).mean()).item())
    assert verdict.reason == "shape" and "`.item()`" in verdict.message and ".mean()" not in verdict.message
