"""Records of a run of any length in a bounded room: when full, every second one goes, and they come half as often."""

from bisect import bisect_right
from typing import Generic, TypeVar

T = TypeVar("T")


class Thinned(Generic[T]):
    """At most `most` items at turns that are multiples of `every`, which doubles each time the room is full."""

    def __init__(self, every: int, most: int):
        self.every, self.first, self.most = every, every, most
        self.turns: list[int] = []
        self.items: list[T] = []

    def due(self, turn: int) -> bool:
        return turn % self.every == 0 and (not self.turns or turn > self.turns[-1])

    def add(self, turn: int, item: T) -> None:
        self.turns.append(turn)
        self.items.append(item)
        while len(self.turns) > self.most:
            self.every *= 2
            kept = [i for i, t in enumerate(self.turns) if t % self.every == 0]
            self.turns, self.items = [self.turns[i] for i in kept], [self.items[i] for i in kept]

    def at(self, turn: int) -> tuple[int, T] | None:
        """The last item not after `turn`, and its turn; None if there is none."""
        place = bisect_right(self.turns, turn)
        return (self.turns[place - 1], self.items[place - 1]) if place else None

    def until(self, turn: int) -> "Thinned[T]":
        """A record of its own with the items not after `turn`, which are shared. It goes on as fine as at first."""
        cut = Thinned(self.first, self.most)
        place = bisect_right(self.turns, turn)
        cut.turns, cut.items = self.turns[:place], self.items[:place]
        return cut
