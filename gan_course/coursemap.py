"""The map of the course: its parts, their lessons, and which of them are written."""

from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from gan_course.markers import sources
from gan_course.plot import MUTED, REAL

PARTS = {
    "I\nFoundations": {
        "00": "start here",
        "01": "generative or discriminative",
        "02": "the game",
        "03": "what the game computes",
        "04": "will it converge",
        "05": "the laboratory",
    },
    "II\nWhen it breaks": {
        "06": "mode collapse",
        "07": "vanishing gradients, instability",
        "08": "losses and regularisers",
        "09": "measuring",
    },
    "III\nImages and variants": {
        "10": "DCGAN",
        "11": "conditional GAN",
        "12": "latent space",
        "13": "StyleGAN",
        "14": "pix2pix",
        "15": "CycleGAN",
        "16": "a modern baseline",
    },
    "IV\nWhat it is used for": {
        "17": "super-resolution",
        "18": "scarce data, medical images",
        "19": "anomalies, missing values",
        "20": "text to image",
        "21": "video and sound",
        "22": "text",
        "23": "molecules",
        "24": "fashion, terrain, art",
    },
    "V\nIn the world": {
        "25": "adversarial examples",
        "26": "deepfakes, privacy, bias",
        "27": "where it goes; capstone",
    },
}


def written() -> set[str]:
    """The numbers of the lessons that are here to be opened."""
    return {source.stem[:2] for source in sources()}


def draw(ax: Axes, here: set[str]) -> None:
    """One row of boxes for each part; the lessons of ``here`` are blue, those still planned are grey."""
    for row, (part, lessons) in enumerate(PARTS.items()):
        ax.text(-0.1, -row, part, ha="right", va="center", fontsize=10, fontweight="bold", linespacing=1.3)
        for place, (number, title) in enumerate(lessons.items()):
            ready = number in here
            colour, ink = (REAL, "white") if ready else ("#EFEFEF", "#505050")
            box = FancyBboxPatch((place + 0.04, -row - 0.38), 0.92, 0.76, boxstyle="round,pad=0,rounding_size=0.06")
            box.set(facecolor=colour, edgecolor=REAL if ready else MUTED, linestyle="-" if ready else "--")
            ax.add_patch(box)
            inside = {"ha": "center", "va": "center", "color": ink}
            ax.text(place + 0.5, -row + 0.24, number, fontweight="bold", size=10, **inside)
            ax.text(place + 0.5, -row - 0.1, fill(title, 13, break_long_words=False), size=7.8, **inside)
    ax.set(xlim=(-1.7, 8), ylim=(-len(PARTS) + 0.5, 0.5))
    ax.axis("off")
