# SPDX-License-Identifier: MIT
"""Fixtures of all system tests. `machine(...)` boots; what it started ends with the test."""
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tools")]

from harness import lan  # noqa: E402
from harness.guest import Guest  # noqa: E402
from harness.web import Web  # noqa: E402

NOTE = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the long campaigns too")


def pytest_collection_modifyitems(config, items):
    """Long tests and those that the host does not allow are deselected, not skipped: a skip would
    look like a result."""
    without_tap = lan.missing() if any("tap" in item.keywords for item in items) else ""
    out = [item for item in items if without_tap and "tap" in item.keywords
           or "long" in item.keywords and not config.getoption("--long")]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]
    config.stash[NOTE] = [f"left out for want of a TAP device ({without_tap}): {item.name}"
                          for item in out if "tap" in item.keywords and without_tap]


def pytest_report_collectionfinish(config):
    """What was left out because of the host."""
    return config.stash.get(NOTE, [])


@pytest.fixture
def machine(tmp_path, request):
    """A function that starts a machine with harness.guest.Guest's options."""
    guests = []

    def start(**options):
        guest = Guest(str(tmp_path / f"guest{len(guests)}"), **options)
        guests.append(guest)
        return guest.start()

    yield start
    for guest in guests:
        guest.stop()


@pytest.fixture
def web(tmp_path):
    """An HTTP server on the host, with an empty folder."""
    server = Web(tmp_path / "web")
    yield server
    server.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of each console."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for guest in Guest.living:
            report.sections.append((f"console of {guest.name}", guest.console_text()[-6000:]))
