"""Plays the ports of an array cycle by cycle; the bench around it observes the cells."""

from __future__ import annotations

from pathlib import Path

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.triggers import FallingEdge

from drivers import reset, start_clock

PORTS = ("w_i", "w_en_i", "a_i", "p_i", "count_i")


@cocotb.test()
async def play_the_ports(dut: HierarchyObject) -> None:
    """Every line of ports.txt is a cycle: the ports' values in hexadecimal, and whether the counters are due then."""
    cycles = [line.split() for line in Path("ports.txt").read_text().splitlines()]
    assert cycles
    for name in (*PORTS, "dump_i"):
        getattr(dut, name).value = 0
    start_clock(dut)
    await reset(dut)
    outputs = []
    for *values, due in cycles:
        for name, value in zip(PORTS, values, strict=True):
            getattr(dut, name).value = int(value, 16)
        await FallingEdge(dut.clk_i)
        outputs.append(int(dut.p_o.value))
        if due == "1":
            dut.count_i.value = 0
            dut.dump_i.value = 1
            await FallingEdge(dut.clk_i)
            dut.dump_i.value = 0
    Path("outputs.txt").write_text("".join(f"{value:x}\n" for value in outputs))
