# SPDX-License-Identifier: MIT
"""Bochs, where hardware is stricter than in QEMU: one and two processors."""
import pytest

from harness.bochs import Bochs
from harness.expected import SERVICES, assert_files, assert_running


@pytest.mark.parametrize("smp", [1, 2])
def test_bochs(tmp_path, smp):
    guest = Bochs(str(tmp_path / "bochs"), smp=smp).start()
    try:
        guest.boot(timeout=300)
        assert_running(guest, [name for name in SERVICES if name != "aiproxy"])
        assert_files(guest)
    finally:
        guest.stop()
