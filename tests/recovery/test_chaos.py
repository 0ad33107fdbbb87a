# SPDX-License-Identifier: MIT
"""Kills from outside at chosen instructions while everything works: nobody notices. `tools/chaos`
runs the same with other seeds and numbers."""
import pytest

from harness.clients import Worker
from harness.campaign import Campaign, complain_never, sabotage
from harness.injector import EVENTS, SERVICES
from harness.outcome import record, summary


def test_sample(machine, tmp_path):
    campaign = Campaign(machine, tmp_path, 1, smp=1)
    campaign.run(kills=50, seconds=600)
    complain_never(campaign)
    assert len(campaign.injector.kills) >= 50


@pytest.mark.parametrize("broken", ["", "arena_rollback"])
def test_a_kernel_that_does_not_roll_back_is_noticed(machine, tmp_path, broken):
    """init is killed at the end of the turn in which it has counted a crash of vfs: without a roll
    back it counts again."""
    campaign = Campaign(machine, tmp_path, 1, smp=1)
    if broken:
        sabotage(campaign.guest, broken)
    injector = campaign.injector
    while not injector.kill_at_commit("vfs"):
        pass
    turn = injector.programs["init"].turn
    while injector.reach("init", turn, wait=60)["rax"] != EVENTS.index("call"):
        pass
    assert injector.kill_at_commit("init", wait=60)
    injector.leave()
    campaign.settle()
    if broken:
        assert any("crashes were ours" in complaint for complaint in campaign.complaints)
    else:
        complain_never(campaign)


@pytest.mark.parametrize("broken", ["", "staged_rollback"])
def test_a_kernel_that_releases_what_a_dead_turn_staged_is_noticed(machine, tmp_path, broken):
    """The console is killed when it has staged bytes for COM1: they come twice if they are not
    forgotten."""
    campaign = Campaign(machine, tmp_path, 1, smp=1)
    if broken:
        sabotage(campaign.guest, broken, "staged_commit")
    typist = Worker(campaign.repeat, campaign.type)
    injector = campaign.injector
    turn = injector.programs["console"].turn
    while len(injector.kills) < 10 and not campaign.ended.is_set():
        injector.kill_after_staging("console")
        for _ in range(3):  # it gets on
            injector.reach("console", turn)
        injector.leave()
    campaign.ended.set()
    typist.done()
    if broken:
        assert any(complaint.startswith("type ") for complaint in campaign.complaints)
    else:
        complain_never(campaign)


@pytest.mark.long
@pytest.mark.parametrize("server", ["vfs", "net", "console"])
def test_every_instruction_of_a_call(machine, tmp_path, server):
    """Killed at the first instruction of a turn, in another at the second, and so on."""
    campaign = Campaign(machine, tmp_path, 1, smp=1)
    campaign.run(300, 1800, lambda: campaign.injector.sweep(server))
    complain_never(campaign)
    assert len(campaign.injector.kills) == 300


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1008))
def test_campaign(machine, tmp_path, seed):
    """Half an hour at most, two machines at a time; more of them: `tools/chaos --machines`."""
    campaign = Campaign(machine, tmp_path, seed, smp=1 + seed % 2)
    campaign.run(kills=250, seconds=240)
    print("\n".join(summary([record(campaign, seconds=240)])))
    complain_never(campaign)
    assert {kill.service for kill in campaign.injector.kills} == set(SERVICES)
