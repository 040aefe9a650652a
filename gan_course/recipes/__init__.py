"""Larger experiments as commands, `python -m gan_course.run NAME`, and how the trained weights in data/ were made.

Each recipe is a short file that composes the course's own pieces; `ALL` names them. `first_generator` is run with
``python -m gan_course.recipes.first_generator``.
"""

from . import conditional_fashion, dcgan_mnist, r3gan_32, stacked_mnist

ALL = {
    "dcgan-mnist": dcgan_mnist.RECIPE,
    "stacked-mnist": stacked_mnist.RECIPE,
    "conditional-fashion": conditional_fashion.RECIPE,
    "r3gan-32": r3gan_32.RECIPE,
}
