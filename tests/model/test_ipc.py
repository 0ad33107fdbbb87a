# SPDX-License-Identifier: MIT
"""The model of calls, commits and resets: it holds, and needs every one of its rules."""
import pytest

import model


def test_protocol_holds():
    errors, states, wrong = model.check()
    assert errors == 0, wrong
    assert states > 1_000_000


def test_the_model_has_variants():
    assert len(model.variants()) == 12


@pytest.mark.parametrize("rule", model.variants())
def test_without_the_rule_it_fails(rule):
    errors, _, wrong = model.check(rule)
    assert errors == 1 and "assert" in wrong


@pytest.mark.long
@pytest.mark.parametrize("defines", [("BYTES=3",), ("CANCELS=2",), ("KILLS=4",)])
def test_larger(defines):
    errors, _, wrong = model.check(*defines, megabytes=8000)
    assert errors == 0, wrong
