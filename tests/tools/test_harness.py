# SPDX-License-Identifier: MIT
"""The harness itself."""
from harness.guest import plain


def test_plain_text_of_a_terminal():
    assert plain("ab\bc\r\n") == "ac\n"
    assert plain("\b\bx\x1b[7Dyz\b\b") == "x"
