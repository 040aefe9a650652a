"""Placeholder by the lead until helper B's zoo lands: overwrite it."""

from collections.abc import Callable
from dataclasses import dataclass

from gan_course.laboratory.setup import Setup


@dataclass(frozen=True)
class Illness:
    key: str
    title: str
    story: str
    setup: Setup
    turns: int
    cure: dict
    cure_story: str
    cure_turns: int
    sign: str
    ill: Callable


_V = Setup(loss="minimax", lr_g=1e-5, lr_d=0.02, d_steps=10)
ILLNESSES = {
    "vanishing": Illness("vanishing", "Vanishing gradient", "D is sure of everything.", _V, 300,
                         {"loss": "non-saturating", "lr_g": 0.005, "d_steps": 1, "penalties.R1": 0.5}, "It helps.", 400,
                         "G's gradient", lambda run: run.look().g_gradient < 1e-3),
}  # fmt: skip
