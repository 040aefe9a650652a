"""The judge of exercise 02.4: it looks at the learner's players, watches them play, and counts the bumps they find."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from gan_course import metrics, toy
from gan_course.checks.engine import Wrong

TURNS = 200
_WORLD = toy.mixture([-1.0, 1.0], 0.4)


def _weights(net: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(net.parameters()).detach().clone()


class _Watched:
    """Batches that note, whenever one is drawn, whose weights have changed since the last one."""

    def __init__(self, G: nn.Module, D: nn.Module, seed: int):
        self.players, self.inner, self.moves = (G, D), _WORLD.batches(64, seed), []
        self.last = tuple(map(_weights, self.players))

    def __iter__(self):
        return self

    def __next__(self) -> Tensor:
        if len(self.moves) > 3 * TURNS:
            raise Wrong(
                f"Your loop asked for more than {3 * TURNS} batches in {TURNS} turns. The batches never end: count the "
                "turns with `for turn in range(turns)` and take `next(batches)`.",
                "endless",
            )
        self.look()
        return next(self.inner)

    def look(self) -> None:
        now = tuple(map(_weights, self.players))
        self.moves.append(tuple(not torch.equal(a, b) for a, b in zip(self.last, now, strict=True)))
        self.last = now


def whole_game(answer: Any) -> str:
    players, play = answer
    covered = [_play_once(players, play, seed) for seed in range(3)]
    if min(covered) < 2:
        raise Wrong(
            f"The players alternate, but after {TURNS} turns the fakes reach {covered} of the 2 bumps (three seeds). "
            "Is each gradient cleared first, each label right? Is it Adam with the rate and the betas of the "
            "docstring? Momentum, such as Adam's usual beta of 0.9, makes the players circle each other (lesson 04).",
            "modes",
        )
    return f"Three seeds, {TURNS} turns each: your players found both bumps every time."


def _play_once(players: Any, play: Any, seed: int) -> int:
    torch.manual_seed(seed)
    G, D = players()
    _blame_the_players(G, D)
    batches, draws = _Watched(G, D, seed), []

    def noise(n: int) -> Tensor:
        draws.append(n)
        return torch.randn(n, 1)

    play(G, D, batches, noise, TURNS)
    batches.look()
    _blame_the_loop(batches.moves, len(draws))
    with torch.no_grad():
        counts = metrics.mode_counts(G(torch.randn(1000, 1)), _WORLD)
    return int((counts >= 50).sum())


@torch.no_grad()
def _blame_the_players(G: nn.Module, D: nn.Module) -> None:
    """Judge what the networks *can* give, on copies with random weights: their first weights may mislead."""
    wide = torch.linspace(-1000, 1000, 201)[:, None]
    for who, net, what in (("G", G, "a fake"), ("D", D, "a logit")):
        if net(wide).shape != wide.shape:
            shape = tuple(net(wide).shape)
            raise Wrong(f"{who} must turn each row of (n, 1) into {what}, one number: 201 rows gave {shape}.", "shape")
    fakes, logits = (torch.cat([_at_random(net)(wide) for _ in range(3)], 1) for net in (G, D))
    if bool(((logits >= 0) & (logits <= 1)).all()):
        raise Wrong("D gives probabilities. Leave out the sigmoid at its end: the losses want raw logits.", "sigmoid")
    if bool((fakes.abs() <= 1).all()) or int((fakes == 0).sum()) > 1:
        raise Wrong(
            "G cannot reach every point: there is a bend after its last layer. End with a plain `nn.Linear`.",
            "bent end",
        )
    for who, out in (("G", fakes), ("D", logits)):
        if bool((out.diff(n=2, dim=0).abs() <= 1e-4 * out.abs().amax(0)).all()):
            raise Wrong(
                f"{who} is one straight line. It needs a bend, such as `nn.ReLU()`, between its layers.", "straight"
            )


def _at_random(net: nn.Module) -> nn.Module:
    net = copy.deepcopy(net)
    for p in net.parameters():
        p.copy_(3 * torch.randn_like(p))
    return net


def _blame_the_loop(moves: list[tuple[bool, bool]], noise_draws: int) -> None:
    g_moves, d_moves = (sum(who) for who in zip(*moves, strict=True))
    drawn = len(moves) - 1
    for who, count in (("G", g_moves), ("D", d_moves)):
        if not count:
            raise Wrong(
                f"{who} never moved. Does a gradient reach {who}, and does its own optimiser make a step in each turn?",
                f"{who} never",
            )
    if drawn < TURNS:
        raise Wrong(
            f"In {TURNS} turns your loop took a real batch {drawn} times. D needs a fresh one in each: `next(batches)` "
            "belongs inside the loop.",
            "frozen batch",
        )
    if noise_draws < TURNS:
        raise Wrong(
            f"Your loop drew noise {noise_draws} times in {TURNS} turns. With the same noise again and again G only "
            "learns where to put those few fakes: `noise(n)` belongs inside the loop.",
            "frozen noise",
        )
    if min(g_moves, d_moves) < 0.9 * TURNS:
        raise Wrong(
            f"From one batch to the next, D moved {d_moves} times and G {g_moves} times in {TURNS} turns. The players "
            "alternate in every turn: one step of D, then one step of G. Many steps of one before the other moves is "
            "another game, and a worse one.",
            "epochs",
        )
