"""What the front end needs to know, as plain numbers and bytes (float32, little-endian; probabilities as 0..255)."""

import numpy as np
import torch

from gan_course.laboratory import truth
from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.frame import View
from gan_course.laboratory.history import Thinned
from gan_course.laboratory.lab import Lab
from gan_course.laboratory.run import Run
from gan_course.laboratory.setup import LIMITS, RESTARTS
from gan_course.laboratory.zoo import ILLNESSES


def names(catalogue: Catalogue) -> dict:
    """What can be chosen, and within which limits."""
    zoo = [{"key": i.key, "title": i.title, "story": i.story, "cure": i.cure_story} for i in ILLNESSES.values()]
    limits = {name: list(pair) for name, pair in LIMITS.items()}
    return {**catalogue.names(), "zoo": zoo, "restarts": sorted(RESTARTS), "limits": limits}


def stage(lab: Lab) -> dict:
    """What stays the same from frame to frame."""
    return {"focus": lab.focus, "runs": [_scene(i, run) for i, run in enumerate(lab.runs)]}


def _scene(place: int, run: Run) -> dict:
    view = run.view
    return {
        "id": place,
        "name": run.name,
        "extent": list(view.extent),
        "real": floats(view.real),
        "z": floats(view.z) if view.z.shape[1] <= 2 else None,
        "z_dim": view.z.shape[1],
        "sheet_dim": 0 if view.sheet_z is None else view.z.shape[1],
        "density": _density(run, view),
        "setup": run.setup.to_json(),
        "start": run.start.to_json(),
        "log": [{"turn": change.turn, "values": dict(change.values)} for change in run.log],
        "parent": list(run.parent) if run.parent else None,
    }


def _density(run: Run, view: View) -> bytes:
    """The true density at the cells of D's verdict; the root, as a share of the highest, lets the tails show."""
    p = run.toy.pdf(view.grid).sqrt()
    return (255 * p / p.max()).round().to(torch.uint8).numpy().tobytes()


def frame(lab: Lab, n: int, rate: float) -> dict:
    """One picture of each run: now, in slow motion, or at the turn that the learner looks back to."""
    return {"n": n, "rate": round(rate, 1), "runs": [_picture(lab, i, run) for i, run in enumerate(lab.runs)]}


def _picture(lab: Lab, place: int, run: Run) -> dict:
    if lab.moment is not None and run is lab.run:
        shown, picture = run.turn, lab.moment.frame
    else:
        shown, picture = run.moment(run.turn if lab.looking is None else lab.looking)
    return {"id": place, "turn": run.turn, "shown": shown, **picture.packed()}


def charts(lab: Lab) -> dict:
    """The curves of each run, and what real data would score in the steered one."""
    runs = [{"id": i, "curves": _curves(run), "measures": _measures(run)} for i, run in enumerate(lab.runs)]
    return {"runs": runs, "floor": numbers(truth.floor(lab.run.toy, lab.run.view.extent))}


def _curves(run: Run) -> dict:
    return _columns(run.curves, ("d_loss", "g_loss"))


def _measures(run: Run) -> dict:
    return _columns(run.measures, truth.Measured._fields)


def _columns(kept: Thinned, names: tuple[str, ...]) -> dict:
    table = np.asarray(kept.items, np.float32).reshape(-1, len(names))
    return {"turns": floats(kept.turns), **{name: floats(table[:, i]) for i, name in enumerate(names)}}


def truths(lab: Lab, with_field: bool) -> dict:
    """What is true of the steered run now; `with_field`: the best discriminator's verdict, too."""
    run = lab.run
    told = {
        "numbers": numbers(run.recent()),
        "floor": numbers(truth.floor(run.toy, run.view.extent)),
        "modes_total": None if run.toy.modes is None else len(run.toy.modes),
    }
    if with_field:
        verdict, known = truth.optimal(run.game, run.toy, run.view.extent)
        told |= {"optimal": verdict.tobytes(), "known": known.astype(np.uint8).tobytes()}
    return told


def numbers(measured: truth.Measured) -> dict:
    """NaN is no JSON: what does not exist is None."""
    return {name: None if value != value else round(value, 6) for name, value in measured._asdict().items()}


def floats(x) -> bytes:
    return np.ascontiguousarray(x, np.float32).tobytes()
