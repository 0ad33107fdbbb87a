# SPDX-License-Identifier: MIT
"""Kills from outside at chosen instructions while everything works: nobody notices."""
import pytest

from harness.campaign import Campaign, complain_never


@pytest.mark.parametrize("seed,smp", [(1, 1), (2, 2)])
def test_sample(machine, tmp_path, seed, smp):
    campaign = Campaign(machine, tmp_path, seed, smp=smp)
    campaign.run(kills=60, seconds=60)
    complain_never(campaign)
    assert len(campaign.injector.kills) >= 20
