"""Drawings of who sees what: boxes for things and players, grey arrows for what is read, coloured for gradients."""

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from .plot import DIS, FAKE, GEN, MUTED, REAL

PLAYERS = ("discriminator", "generator")
_FAINT = "#C8C8C8"
# name: (centre x, centre y, width, words)
_BOXES = {
    "z": (0.6, 1.0, 1.1, "noise $z$"),
    "G": (2.5, 1.0, 1.2, "generator\n$G$"),
    "fake": (4.5, 1.0, 1.3, "fakes\n$G(z)$"),
    "data": (2.5, 2.5, 1.2, "the data"),
    "real": (4.5, 2.5, 1.3, "real\nbatch $x$"),
    "D": (6.7, 1.0, 1.5, "discriminator\n$D$"),
    "logit": (8.8, 1.0, 1.1, "logits"),
    "loss": (10.7, 1.0, 1.2, ""),
}


def turn(ax: Axes, player: str) -> None:
    """One player's turn: what is read (grey), where the gradient flows (its colour), which network moves (bold)."""
    if player not in PLAYERS:
        raise ValueError(f"player must be one of {', '.join(PLAYERS)}; got {player!r}.")
    detective = player == "discriminator"
    colour = DIS if detective else GEN
    edges = {"G": GEN, "D": DIS, "fake": FAKE, "real": REAL, "data": REAL}
    for name, (x, y, width, words) in _BOXES.items():
        unread = not detective and name in ("data", "real")
        moves = name == ("D" if detective else "G")
        words = words or ("loss\n" + (r"$\mathcal{L}_D$" if detective else r"$\mathcal{L}_G$"))
        _box(ax, x, y, width, words, _FAINT if unread else edges.get(name, MUTED), bold=moves, faint=unread)
    for a, b in (("z", "G"), ("G", "fake"), ("fake", "D"), ("D", "logit"), ("logit", "loss")):
        _arrow(ax, _side(a, 1), _side(b, -1), MUTED)
    for a, b in (("data", "real"), ("real", "D")):
        _arrow(ax, _side(a, 1), _side(b, -1) if b != "D" else (6.5, 1.45), MUTED if detective else _FAINT)
    stations = ("loss", "logit", "D") if detective else ("loss", "logit", "D", "fake", "G")
    for a, b in zip(stations, stations[1:], strict=False):
        _arrow(ax, (_BOXES[a][0], 0.5), (_BOXES[b][0], 0.5), colour, bend=-0.35, dashed=True)
    if detective:
        ax.plot([5.55, 5.55], [0.05, 0.75], color=colour, linewidth=3)
        _say(ax, 5.45, 0.15, "detach: the\ngradient stops", colour, align="right")
        _say(ax, 6.7, -0.2, "moves", colour)
        _say(ax, 2.5, 0.42, "stays", MUTED)
        _say(ax, 9.75, 2.3, "wants: a high logit for real,\na low one for fake", colour)
    else:
        _say(ax, 2.5, -0.2, "moves", colour)
        _say(ax, 6.7, -0.2, "stays: the gradient\npasses through", MUTED)
        _say(ax, 4.5, -0.2, "an arrow on\neach fake", colour)
        _say(ax, 5.6, 2.65, "not read in this turn", MUTED, align="left")
        _say(ax, 9.75, 2.3, "wants: a high logit\nfor its fakes", colour)
    ax.set(xlim=(0, 11.4), ylim=(-0.85, 3.0), aspect="equal")
    ax.set_title(f"The {player}'s turn", color=colour, fontsize=11, loc="left")
    ax.axis("off")


def _box(ax, x, y, width, words, edge, *, bold, faint) -> None:
    shape = FancyBboxPatch((x - width / 2, y - 0.42), width, 0.84, boxstyle="round,pad=0.02,rounding_size=0.12",
                           facecolor="white", edgecolor=edge, linewidth=3.5 if bold else 1.5)  # fmt: skip
    ax.add_patch(shape)
    ax.text(x, y, words, ha="center", va="center", fontsize=10, color=_FAINT if faint else "black")


def _side(name: str, which: int) -> tuple[float, float]:
    x, y, width, _ = _BOXES[name]
    return x + which * (width / 2 + 0.03), y


def _arrow(ax, start, end, colour, bend=0.0, dashed=False) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 2 if dashed else 1.4, "shrinkA": 0, "shrinkB": 0}
    style |= {"connectionstyle": f"arc3,rad={bend}", "linestyle": (0, (4, 2)) if dashed else "-"}
    ax.annotate("", xy=end, xytext=start, arrowprops=style)


def _say(ax, x, y, words, colour, align="center") -> None:
    ax.text(x, y, words, ha=align, va="top", fontsize=10, color=colour, style="italic")
