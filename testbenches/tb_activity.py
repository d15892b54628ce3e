"""Plays the groups of an activity bench; the bench itself reads the stimulus and counts."""

import os

import cocotb
from cocotb.triggers import Timer

_GROUPS_PER_WAKE = 64


@cocotb.test()
async def play_groups(dut: cocotb.handle.HierarchyObject) -> None:
    """Start the bench until all groups are played; the simulator stops being busy between the calls only."""
    left = int(os.environ["WATTLOOP_GROUPS"])
    dut.go_i.value = 0
    await Timer(1, "ns")
    while left:
        groups = min(left, _GROUPS_PER_WAKE)
        left -= groups
        dut.groups_i.value = groups
        await Timer(1, "ns")
        dut.go_i.value = 1
        await Timer(1, "ns")
        dut.go_i.value = 0
        await Timer(1, "ns")
        assert not int(dut.failed_o.value), "the bench could not read its stimulus to the end"
