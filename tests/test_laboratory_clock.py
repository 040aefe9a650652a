"""The thread that plays: it lets controls go first, and leaves nothing behind."""

import threading
import time

import pytest

from gan_course.laboratory.catalogue import Catalogue
from gan_course.laboratory.clock import Clock
from gan_course.laboratory.lab import Lab
from gan_course.laboratory.operations import do
from gan_course.laboratory.setup import Setup

SMALL = Setup(g_layers=1, g_width=8, d_layers=1, d_width=8, batch=16)


def started() -> tuple[Lab, Clock, list[bool]]:
    lab, shown = Lab(Catalogue(), SMALL), []
    return lab, Clock(lab, shown.append), shown


def ours() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "gan_course laboratory"]


def wait_for(condition) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it did not happen within 30 s"
        time.sleep(0.005)


def test_it_plays_while_the_main_thread_does_other_things_and_ends_with_pause():
    lab, clock, shown = started()
    with clock.first():
        do(lab, {"op": "play"})
    wait_for(lambda: lab.turn > 50)
    assert len(ours()) == 1
    with clock.first():
        do(lab, {"op": "pause"})
    clock.join()
    assert ours() == [] and shown[-1] is True and shown[0] is False
    turn = lab.turn
    with clock.first():
        do(lab, {"op": "play"})
    wait_for(lambda: lab.turn > turn + 20)
    with clock.first():
        lab.rest()
    clock.join()
    assert ours() == []


def test_controls_from_many_threads_all_get_their_turn():
    lab, clock, _ = started()
    with clock.first():
        do(lab, {"op": "play"})
    seen = []

    def control(k: int) -> None:
        for i in range(20):
            with clock.first():
                do(lab, {"op": "set", "name": "lr_d", "value": 0.001 * (1 + i + k)})
                seen.append(lab.notice)

    threads = [threading.Thread(target=control, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with clock.first():
        lab.rest()
    clock.join()
    assert seen == [""] * 80
    turns = [change.turn for change in lab.run.log]
    assert turns == sorted(set(turns)) and lab.turn > 0


def test_a_pace_is_kept():
    lab, clock, _ = started()
    with clock.first():
        do(lab, {"op": "speed", "value": 20})
        do(lab, {"op": "play"})
    wait_for(lambda: lab.turn >= 4)
    began, turn = time.monotonic(), lab.turn
    wait_for(lambda: lab.turn >= turn + 10)
    assert time.monotonic() - began > 0.4  # 10 turns at 20 a second cannot take less than about half a second
    with clock.first():
        lab.rest()
    clock.join()


def test_an_error_in_the_game_ends_the_thread_and_says_why():
    lab, clock, _ = started()

    def breaks():
        raise RuntimeError("the dog ate it")

    lab.run.play = breaks
    with clock.first():
        do(lab, {"op": "play"})
    clock.join()
    assert lab.notice == "RuntimeError: the dog ate it" and ours() == [] and not lab.playing


def test_a_job_needs_no_play():
    lab, clock, _ = started()
    with clock.first():
        do(lab, {"op": "start", "trained": True})
    clock.join()
    assert lab.turn == 400 and lab.busy == -1 and ours() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_in_what_shows_it_ends_the_thread_and_play_can_begin_again():
    lab, shown, broken = Lab(Catalogue(), SMALL), [], [True]

    def show(last: bool) -> None:
        if broken:
            raise RuntimeError("no paper")
        shown.append(last)

    clock = Clock(lab, show)
    with clock.first():
        do(lab, {"op": "play"})
    clock.join()
    assert lab.notice == "RuntimeError: no paper" and not lab.playing and ours() == []
    broken.clear()
    with clock.first():
        do(lab, {"op": "play"})
    wait_for(lambda: len(shown) > 3)
    with clock.first():
        lab.rest()
    clock.join()
    assert ours() == []
