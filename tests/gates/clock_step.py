"""One clock step of a netlist in plain Python: what a prover says is checked against this and against integers."""

from __future__ import annotations

from collections.abc import Mapping

from wattloop.gates.logic import evaluate
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.spec import MacSpec


def registers(spec: MacSpec) -> dict[str, int]:
    return {"w_q": spec.weight_bits, "a_q": spec.activation_bits, "p_q": spec.psum_bits}


def step(netlist: Netlist, spec: MacSpec, inputs: Mapping[str, int]) -> dict[str, int]:
    """Output ports, registers after the step, and which register bits no asynchronous control holds at 0 or at 1."""
    buses = {**netlist.inputs, **{name: netlist.bus(name, bits) for name, bits in registers(spec).items()}}
    values = dict(netlist.constants)
    for name, nets in buses.items():
        values |= {net: inputs.get(name, 0) >> k & 1 for k, net in enumerate(nets)}
    for instance in netlist.combinational:
        for pin, spec_of_pin in netlist.cell(instance).outputs.items():
            if pin in instance.pins and spec_of_pin.function is not None:
                values[instance.pins[pin]] = evaluate(spec_of_pin.function, _pins(netlist, instance, values), 1)
    found = {port: _word([values[net] for net in nets]) for port, nets in netlist.outputs.items()}
    for name, bits in registers(spec).items():
        states = [_flop(netlist, net, values) for net in netlist.bus(name, bits)]
        for k, suffix in enumerate(("", ".clear_n", ".preset_n")):
            found[name + suffix] = _word([state[k] for state in states])
    return found


def expected(spec: MacSpec, inputs: Mapping[str, int]) -> dict[str, int]:
    """The same of the cell as its documentation defines it, in integers."""
    weight, bits = inputs["w_q"], spec.weight_bits
    weight -= (weight >> (bits - 1)) << bits
    following = {
        "w_q": inputs["w_i"] if inputs["w_en_i"] else inputs["w_q"],
        "a_q": inputs["a_i"],
        "p_q": (inputs["p_i"] + weight * inputs["a_i"]) % (1 << spec.psum_bits),
    }
    reset = not inputs["rst_ni"]
    found = {"a_o": inputs["a_q"], "p_o": inputs["p_q"]}
    for name, width in registers(spec).items():
        ones = (1 << width) - 1
        found[name] = 0 if reset else following[name]
        found[name + ".clear_n"] = 0 if reset and spec.reset == "async" else ones
        found[name + ".preset_n"] = ones
    return found


def _pins(netlist: Netlist, instance: Instance, values: Mapping[int, int]) -> dict[str, int]:
    return {pin: values[net] for pin, net in instance.pins.items() if pin in netlist.cell(instance).inputs}


def _flop(netlist: Netlist, net: int, values: Mapping[int, int]) -> tuple[int, int, int]:
    """(next value, not held at 0, not held at 1) of the register bit at `net`, a flip-flop's uninverted output."""
    instance = netlist.instances[netlist.drivers[net][0]]
    flop = netlist.cell(instance).flop
    assert flop is not None
    pins = {**_pins(netlist, instance, values), flop.state: values[net], flop.state_n: 1 - values[net]}
    clear = flop.clear is not None and evaluate(flop.clear, pins, 1) == 1
    preset = flop.preset is not None and evaluate(flop.preset, pins, 1) == 1
    following = 0 if clear else 1 if preset else evaluate(flop.next_state, pins, 1)
    return following, int(not clear), int(not preset)


def _word(bits: list[int]) -> int:
    return sum(bit << k for k, bit in enumerate(bits))
