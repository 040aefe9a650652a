"""The state behind the laboratory: up to six runs, which one is steered, and what goes on.

What takes long (a head start, a fork far back, a file) is a *job*, done in slices by `work`. `operations.py` says what
can be done to it. Nothing here knows of threads or widgets.
"""

from collections.abc import Iterator

from gan_course.health import NonFinite
from gan_course.laboratory import sides, slow
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup
from gan_course.laboratory.zoo import Illness

HEAD_START = 400  # turns


class Lab:
    """See the module. `trained`: a fresh run plays HEAD_START turns at once, so that there is something to see."""

    def __init__(self, catalogue: Catalogue, setup: Setup, trained: bool = False):
        self.catalogue, self.trained = catalogue, trained
        self.playing, self.speed, self.looking = False, 0.0, None
        self.notice, self.busy, self.saved = "", -1.0, ""
        self.slow, self.moments, self.moment_index = False, [], 0
        self.side: sides.Detective | sides.Counterfeiter | None = None
        self.patient: Illness | None = None
        self._job: Iterator[float] | None = None
        self.runs, self.focus = [Run(setup, catalogue, name="A")], 0
        self.begin_anew()

    @property
    def run(self) -> Run:
        """The run that is steered."""
        return self.runs[self.focus]

    @property
    def turn(self) -> int:
        """Turns of the run that has gone furthest."""
        return max(run.turn for run in self.runs)

    @property
    def moment(self) -> slow.Moment | None:
        """The sub-step shown in slow motion."""
        return self.moments[self.moment_index] if self.slow and self.moments else None

    def works(self) -> bool:
        """Whether `work` has something to do."""
        return self._job is not None or self.playing or isinstance(self.side, sides.Counterfeiter)

    def delay(self) -> float:
        """Seconds to wait before the next `work`: 0 unless the learner chose a pace."""
        if self._job is not None:
            return 0.0
        if isinstance(self.side, sides.Counterfeiter):
            return 0.04
        return 1.25 if self.slow else 1 / self.speed if self.speed else 0.0

    def work(self) -> None:
        """One slice: a turn of the runs that lag, or of all if they are level; or a piece of the job."""
        try:
            if self._job is not None:
                self.busy = next(self._job, -1.0)
                if self.busy < 0:
                    self._job = None
                    self.show_now()  # what was looked at meanwhile may be of a run that is no longer steered
            elif isinstance(self.side, sides.Counterfeiter):
                self.side.tick(5)
            elif self.slow:
                self.next_moment()
            else:
                self._turn()
        except Exception as error:
            self.rest()
            self.notice = excuse(error)

    def finish(self) -> None:
        """Do the whole of the job at hand."""
        while self._job is not None:
            self.work()

    def rest(self) -> None:
        """Stop what plays: nobody is looking."""
        self.playing, self.side, self._job, self.busy = False, None, None, -1.0

    def _turn(self) -> None:
        least = min(run.turn for run in self.runs)
        for run in self.runs:
            if run.turn == least:
                run.play()

    def next_moment(self) -> None:
        """The next sub-step; after the last one of a turn, the first of the next turn."""
        if self.moment_index + 1 < len(self.moments):
            self.moment_index += 1
        else:
            self.moments, self.moment_index = slow.moments(self.run), 0

    def start(self, job: Iterator[float]) -> None:
        """A newer job takes the place of an older one: the last wish counts."""
        self._job, self.busy = job, 0.0

    def show_now(self) -> None:
        self.looking, self.moments, self.moment_index = None, [], 0

    def begin_anew(self, head_start: int | None = None) -> None:
        """After runs were made afresh: forget what belonged to the old ones, and give the head start."""
        self.show_now()
        self.side = None
        turns = (HEAD_START if self.trained else 0) if head_start is None else head_start
        self._job, self.busy = None, -1.0
        if turns:
            self.start(level(self.runs, turns))


def excuse(error: BaseException) -> str:
    """One sentence for the learner."""
    words = str(error).strip() or "no reason was given"
    if isinstance(error, NonFinite):
        found = words.partition(". ")[0]
        return f"{found}: it was not played. Look back, and fork before the trouble with a lower rate; or reset."
    return words if isinstance(error, ValueError) else f"{type(error).__name__}: {words}"


def level(runs: list[Run], turn: int) -> Iterator[float]:
    """Play all of them, in step, up to `turn`; gives the share that is done."""
    first = min(run.turn for run in runs)
    while (least := min(run.turn for run in runs)) < turn:
        for run in runs:
            if run.turn == least:
                run.play()
        yield (least + 1 - first) / (turn - first)
