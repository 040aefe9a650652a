"""The live laboratory: the learner's own networks, data and losses at play, to steer, rewind, fork and compare.

    Laboratory(data="ring", loss=my_loss, panels=["controls", "charts"])

`gan_course.laboratory` holds the runs and knows nothing of widgets; the files in `lab/` draw and take the learner's
wishes; this file stands between them. The games are played on the processor by a thread of their own, which ends when
nothing plays, so other cells still run and every control answers.
"""

import time
from collections import deque

import anywidget
import traitlets
from tqdm.auto import tqdm

from gan_course import plot
from gan_course.device import tune_threads
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.clock import Clock
from gan_course.laboratory.explain import explain
from gan_course.laboratory.lab import Lab, level
from gan_course.laboratory.operations import do
from gan_course.laboratory.packing import charts, frame, names, stage, truths
from gan_course.laboratory.picture import picture
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import Setup
from gan_course.widgets.script import script

LAYERS = ("real", "density", "fake", "verdict", "sheet", "arrows", "optimal")
PANELS = ("controls", "graph", "charts", "truth", "timeline", "arena", "zoo", "sides", "sheet")
FILES = ("words", "paint", "mesh", "stage", "charts", "thumbs", "graph", "sketch", "detective", "counterfeiter",
         "sides", "talk", "fields", "bar", "stages", "controls", "timeline", "panels", "style", "main")  # fmt: skip
IN_FLIGHT = 2  # frames: one being drawn, one on its way
PATIENCE = 0.5  # seconds for a page to say that it drew a frame; a cell that plays can keep Python from hearing it
SILENCE = 30.0  # seconds without a sign of the front end, after which a game pauses: nobody is looking


class Laboratory(anywidget.AnyWidget):
    """The widget. The traits are what the front end draws; learners and lessons use the methods.

    data, loss, penalty, generator, discriminator: a name from the lists, or the learner's own (see `Catalogue.add`);
    of losses and penalties several at once, as {"mine": loss}. panels: those of PANELS to show. layers: of LAYERS.
    trained: begin with a head start. rules: any other field of `Setup`, such as lr_d=0.01 or penalties={"R1": 0.5}.
    Raises ValueError or TypeError with one sentence where a game cannot be made of it.
    """

    _esm = script(*(f"lab/{name}.js" for name in FILES))

    _clock: Clock | None = None
    names = traitlets.Dict().tag(sync=True)
    stage = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    charts = traitlets.Dict().tag(sync=True)
    truth = traitlets.Dict().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    notice = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Float(-1.0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    trained = traitlets.Bool(True).tag(sync=True)
    speed = traitlets.Float(0.0).tag(sync=True)
    looking = traitlets.Int(-1).tag(sync=True)
    slow = traitlets.Dict().tag(sync=True)
    side = traitlets.Dict().tag(sync=True)
    saved = traitlets.Unicode().tag(sync=True)
    layers = traitlets.List(traitlets.Enum(LAYERS)).tag(sync=True)
    panels = traitlets.List(traitlets.Enum(PANELS)).tag(sync=True)

    def __init__(self, data=None, loss=None, penalty=None, generator=None, discriminator=None, *, trained=True,
                 panels=PANELS, layers=("real", "fake", "verdict", "arrows"), **rules):  # fmt: skip
        tune_threads()  # networks this small are done before a second thread has woken up
        catalogue, chosen = Catalogue(), {}
        for kind, thing in (("data", data), ("loss", loss), ("generator", generator), ("discriminator", discriminator)):
            if isinstance(thing, str):
                chosen[kind] = thing
            elif thing is not None:
                chosen |= catalogue.add(**{kind: thing})
        chosen |= catalogue.add(penalty=penalty)
        self._lab = Lab(catalogue, Setup().but(**rules).but(**chosen), trained)
        self._lab.finish()
        self._clock = Clock(self._lab, self._tick)
        self._views, self._acked, self._heard = 0, 0, time.monotonic()
        self._next_frame = self._next_look = 0.0
        super().__init__(panels=list(panels), layers=list(layers), names=names(catalogue), trained=trained)
        self._told: tuple = ()
        self._acted: deque[int] = deque(maxlen=64)
        self._tell()
        self.on_msg(self._hear)
        self.observe(lambda _: self._tell_slowly(), "layers")

    # What a lesson uses.

    @property
    def run(self) -> Run:
        """The run that is steered."""
        return self._lab.run

    @property
    def runs(self) -> list[Run]:
        """All runs, at most six."""
        return self._lab.runs

    def do(self, op: dict) -> None:
        """Carry out one operation (see `gan_course.laboratory.operations`), to its end. A ValueError says why not."""
        with self._clock.first():
            do(self._lab, op)
            self._lab.finish()
            self._tell()
        if self._lab.notice:
            raise ValueError(self._lab.notice)

    def play(self, turns: int) -> None:
        """Play all runs `turns` turns on from the one that has gone furthest. Until then the cell runs, and JupyterLab
        keeps back what is done in the widget; a game played by its own button answers at once."""
        lab, first = self._lab, self._lab.turn
        with self._clock.first():
            lab.show_now()
            lab.notice = ""
            lab.start(level(lab.runs, first + turns))
        try:
            # The clock plays and this cell only waits, so that the kernel's stop button ends it between two turns.
            with tqdm(total=turns, unit="turn", leave=False) as bar:
                while lab.busy >= 0:
                    self._heard = time.monotonic()  # this cell is looking
                    time.sleep(0.01)
                    bar.update(max(0, min(run.turn for run in lab.runs) - first - bar.n))
        finally:  # an interrupted cell, too, leaves the page with what is true
            with self._clock.first():
                if lab.busy >= 0:
                    lab.rest()
                self._tell()
        if lab.notice:
            raise ValueError(lab.notice)

    def change(self, **changes) -> None:
        """Change settings of the steered run: change(d_steps=5)."""
        for name, value in changes.items():
            self.do({"op": "set", "name": name, "value": value})

    def fork(self, turn: int, **changes) -> None:
        """A branch from `turn` of the steered run with something changed. It becomes the steered one."""
        self.do({"op": "fork", "turn": turn, "changes": changes})

    def arena(self, changes: list[dict]) -> None:
        """Games with the same data and seed, one for each dict of changes."""
        self.do({"op": "arena", "changes": changes})

    def ill(self, key: str) -> None:
        """Fall ill: "collapse", "oscillation", "vanishing", "too_strong" or "too_weak"."""
        self.do({"op": "ill", "key": key})

    def cure(self) -> None:
        """Give the patient its cure, and let it work."""
        self.do({"op": "cure"})

    def close(self) -> None:
        """Stop playing, end the thread, and leave the front end."""
        if self._clock is not None:  # None: the arguments were refused, and Python takes back what was begun
            with self._clock.first():
                self._lab.rest()
            self._clock.join()
        super().close()

    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        with self._clock.first():
            alt = f"The laboratory at turn {self._lab.turn}. {explain(self.run)}"
            data |= {"image/png": plot.png(picture(self.run)), "text/plain": alt}
        return data, {**metadata, "image/png": {"alt": alt}}

    # The talk with the front end.

    def _hear(self, _, message: dict, __) -> None:
        self._heard = time.monotonic()
        if "drawn" in message:
            self._acked = max(self._acked, message["drawn"])
            return
        with self._clock.first():
            if "here" in message:
                self._views, self._acked = self._views + 1, self.frame["n"]
            if "gone" in message:
                self._views = max(0, self._views - 1)
                if not self._views:
                    self._lab.rest()
            if (n := message.get("n")) not in self._acted:  # the page asks again where an answer was slow
                for op in message.get("ops", []):
                    do(self._lab, op)
            self._tell_quickly()
            if n is not None:
                self._acted.append(n)
                self.send({"done": n})
            self._next_look = 0.0
            if not self._lab.works():  # else the clock tells it soon
                self._tell_slowly()

    def _tick(self, last: bool) -> None:
        """Between slices of play: a frame if one is due and the page keeps up; now and then the rest."""
        now = time.monotonic()
        if self._lab.works() and now - self._heard > SILENCE:
            self._lab.rest()
            last = True
        late = 0.0 if self.frame["n"] - self._acked < IN_FLIGHT else PATIENCE
        if last:
            self._tell()
        elif self._views and now >= self._next_frame + late:
            self._tell_frame()
            if now >= self._next_look:
                self._tell_slowly()
                self._next_look = time.monotonic() + max(0.3, 4 * (time.monotonic() - now))
            # Looking takes at most half of the time: six runs are drawn less often than one.
            self._next_frame = time.monotonic() + max(1 / 50, time.monotonic() - now)

    def _tell_frame(self) -> None:
        self.frame = frame(self._lab, self.frame.get("n", 0) + 1, self._clock.rate)
        lab = self._lab
        if lab.moment is not None:
            told = lab.moment._asdict()
            del told["frame"]
            self.slow = {**told, "lit": list(told["lit"]), "of": len(lab.moments)}
        else:
            self.slow = {"on": True} if lab.slow else {}
        self.side = lab.side.state() if lab.side else {}
        self.busy = lab.busy

    def _tell_slowly(self) -> None:
        self.charts = charts(self._lab)
        self.truth = truths(self._lab, "optimal" in self.layers)
        self.said = explain(self.run)

    def _tell(self) -> None:
        self._tell_quickly()
        self._tell_slowly()

    def _tell_quickly(self) -> None:
        lab = self._lab
        with self.hold_sync():
            told = self._told_of(lab)
            if told != self._told:
                self._told, self.stage = told, stage(lab)
            self.playing, self.trained, self.speed, self.notice = lab.playing, lab.trained, lab.speed, lab.notice
            self.looking = -1 if lab.looking is None else lab.looking
            self.saved = lab.saved
            self._tell_frame()

    @staticmethod
    def _told_of(lab: Lab) -> tuple:
        """Changes when the stage does."""
        return lab.focus, [(id(run), run.name, run.setup, list(run.log)) for run in lab.runs]
