"""Plays the ports of an array cycle by cycle; the bench around it observes the cells."""

from __future__ import annotations

from pathlib import Path

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.triggers import FallingEdge

from drivers import reset, start_clock


@cocotb.test()
async def play_the_ports(dut: HierarchyObject) -> None:
    """Below the ports' names every line of ports.txt is a cycle: their values in hexadecimal, and if counts are due."""
    (*ports, _), *cycles = [line.split() for line in Path("ports.txt").read_text().splitlines()]
    assert cycles
    for name in (*ports, "dump_i"):
        getattr(dut, name).value = 0
    start_clock(dut)
    await reset(dut)
    outputs = []
    for *values, due in cycles:
        for name, value in zip(ports, values, strict=True):
            getattr(dut, name).value = int(value, 16)
        await FallingEdge(dut.clk_i)
        outputs.append(int(dut.p_o.value))
        if due == "1":
            dut.count_i.value = 0
            dut.dump_i.value = 1
            await FallingEdge(dut.clk_i)
            dut.dump_i.value = 0
    Path("outputs.txt").write_text("".join(f"{value:x}\n" for value in outputs))
