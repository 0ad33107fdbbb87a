# SPDX-License-Identifier: MIT
"""A run of the real kernel, with kills, is one of the model's behaviours; a falsified one is not."""
import os
import random

import pytest

import model
from harness.guest import Guest
from harness.tracer import KINDS, NONE, Tracer, text

# Not in this run: the kernel ends a call (cold starts, poison). A driver takes one back each second,
# in this run or after it.
ABSENT, PERHAPS = {"FAIL"}, {"STAGE_CANCEL"}
# How a server is made to die in a call, and whether that is after it has staged something.
KILLS = [("vfs", False, "cat /boot/manifest"), ("console", False, "echo kept"),
         ("init", False, "services"), ("net", False, "netinfo"), ("vfs", True, "cat /boot/manifest"),
         ("init", True, "services"), ("net", True, "netinfo")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The events of a run in which servers die, from boot on; and how many died."""
    guest = Guest(str(tmp_path_factory.mktemp("guest")), machine="pc", smp=1, gdb=True)
    guest.start()
    try:
        tracer = Tracer(guest)
        guest.boot()
        for name, staged, line in KILLS:
            tracer.kill(name, staged)
            while tracer.wanted or tracer.armed:
                guest.cmd(line)
                assert tracer.error is None
        guest.cmd("kill e1000")
        assert "1 received" in guest.cmd("ping -c 1 10.0.2.2")
        return tracer.stop(), tracer.kills
    finally:
        guest.stop()


@pytest.fixture(scope="module")
def replay(tmp_path_factory):
    """A function that takes events through the model: whether they are one of its behaviours."""
    folder = str(tmp_path_factory.mktemp("replay"))
    checker = model.build(folder, "replay", [], 2000)

    def check(events):
        with open(os.path.join(folder, "trace"), "w", encoding="utf-8") as file:
            file.write(text(events))
        return model.search(checker)[0] == 0

    return check


def test_a_real_run_is_a_behaviour(run, replay):
    events, kills = run
    assert kills == len(KILLS)
    assert set(KINDS) - {event[0] for event in events} - PERHAPS == ABSENT
    assert replay(events)


def matters(events, place):
    """Whether the event takes something along: a commit with outputs; a timer that is armed, was
    not, and expires."""
    kind, _, number, value, _ = events[place]
    if kind == "TIMER_SET":
        alike = [event for event in events if event[2] == number
                 and event[0] in ("TIMER_SET", "EXPIRE")]
        at = next(i for i, event in enumerate(alike) if event is events[place])
        before, after = alike[:at][-1:], alike[at + 1:][:1]
        return value == 1 and not (before and before[0][0] == "TIMER_SET" and before[0][3] == 1) \
            and bool(after) and after[0][0] == "EXPIRE"
    return kind != "COMMIT" or number != NONE


def some(events, kind):
    """Places of a few events of a kind that matter."""
    places = [place for place, event in enumerate(events)
              if event[0] == kind and matters(events, place)]
    assert places, kind
    return random.Random(1).sample(places, min(3, len(places)))


@pytest.mark.parametrize("kind", ["SEND", "SENT", "STAGE_CALL", "STAGE_REPLY", "COMMIT", "ANSWERED",
                                  "TAKE_CALL", "TAKE_REPLY", "TAKE_CANCEL", "TAKE_CLOSED", "CLOSE",
                                  "RESET", "EFFECT", "UNDO", "TIMER_SET"])
def test_an_event_that_is_left_out(run, replay, kind):
    for place in some(run[0], kind):
        assert not replay(run[0][:place] + run[0][place + 1:]), (kind, place)


@pytest.mark.parametrize("kind", ["SEND", "SENT", "ANSWERED", "TAKE_CALL", "TAKE_REPLY", "TAKE_BITS",
                                  "TAKE_CANCEL", "TAKE_CLOSED", "CLOSE", "EFFECT", "UNDO", "EXPIRE"])
def test_an_event_that_comes_twice(run, replay, kind):
    for place in some(run[0], kind):
        assert not replay(run[0][:place] + [run[0][place]] + run[0][place:]), (kind, place)


def test_other_falsehoods(run, replay):
    events = run[0]
    for kind, number, value in [("LEASE", 2, NONE - 200), ("TAKE_BITS", 3, 1 << 20), ("EFFECT", 4, -1),
                                ("TAKE_CALL", 3, 249), ("TAKE_CALL", 4, 3)]:
        for place in some(events, kind):
            changed = list(events[place])
            changed[number] = value
            assert not replay(events[:place] + [tuple(changed)] + events[place + 1:]), (kind, place)
