# SPDX-License-Identifier: MIT
"""The models of calls, commits and resets: each holds, and needs every one of its rules."""
import pytest

import model

STATES = {"ipc": 1_000_000, "lease": 1_000_000, "handles": 200_000, "timers": 800_000,
          "packets": 500_000}  # at least
VARIANTS = [(name, rule) for name in model.MODELS for rule in model.variants(name)]


@pytest.mark.parametrize("name", model.MODELS)
def test_it_holds(name):
    errors, states, wrong = model.check(name)
    assert errors == 0, wrong
    assert states > STATES[name]


def test_there_are_variants():
    assert {name: len(model.variants(name)) for name in model.MODELS} == {
        "ipc": 12, "lease": 7, "handles": 10, "timers": 6, "packets": 4}


@pytest.mark.parametrize("name, rule", VARIANTS)
def test_without_the_rule_it_fails(name, rule):
    errors, _, wrong = model.check(name, rule)
    assert (errors, wrong) == (1, model.variants(name)[rule])


@pytest.mark.long
@pytest.mark.parametrize("name, define", [
    ("ipc", "BYTES=3"), ("ipc", "CANCELS=2"), ("ipc", "KILLS=4"), ("lease", "ROUNDS=3"),
    ("lease", "CANCELS=2"), ("handles", "CANCELS=2"), ("handles", "KILLS=4"),
    ("timers", "KILLS=4"), ("packets", "FRAMES=3")])
def test_larger(name, define):
    errors, _, wrong = model.check(name, define, megabytes=8000)
    assert errors == 0, wrong
