"""One clock step of a netlist in plain Python: what a prover says is checked against this and against integers."""

from __future__ import annotations

from collections.abc import Mapping

from wattloop.gates.library import Flop
from wattloop.gates.logic import Var, evaluate
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.spec import MacSpec


def registers(spec: MacSpec) -> dict[str, int]:
    return {"w_q": spec.weight_code_bits, "a_q": spec.activation_bits, "p_q": spec.psum_bits}


def step(netlist: Netlist, spec: MacSpec, inputs: Mapping[str, int]) -> dict[str, int]:
    """Output ports, registers after the step, and which register bits no asynchronous control holds at 0 or at 1."""
    values = {**netlist.constants, **dict.fromkeys(netlist.clock_nets, 0)}
    for name, nets in netlist.inputs.items():
        values |= {net: inputs.get(name, 0) >> k & 1 for k, net in enumerate(nets)}
    for name, bits in registers(spec).items():
        for k, net in enumerate(netlist.bus(name, bits)):
            values |= _shown(netlist, net, inputs[name] >> k & 1)
    for instance in (cell for cell in netlist.combinational if netlist.cell(cell).clock_gate is None):
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
    weight, activation = int(spec.weight_of_code(inputs["w_q"])), inputs["a_i"]
    if spec.activation_signed:
        activation -= (activation >> (spec.activation_bits - 1)) << spec.activation_bits
    following = {
        "w_q": inputs["w_i"] if inputs["w_en_i"] else inputs["w_q"],
        "a_q": inputs["a_i"],
        "p_q": (inputs["p_i"] + weight * activation) % (1 << spec.psum_bits),
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


def _holder(netlist: Netlist, net: int) -> tuple[Instance, Flop, bool]:
    """Flip-flop that holds the register bit at `net`, and whether it holds its complement."""
    index, pin = netlist.drivers[net]
    instance = netlist.instances[index]
    flop = netlist.cell(instance).flop
    assert flop is not None
    return instance, flop, netlist.cell(instance).outputs[pin].function == Var(flop.state_n)


def _shown(netlist: Netlist, net: int, bit: int) -> dict[int, int]:
    """Nets at the outputs of the flip-flop while its register bit at `net` is `bit`."""
    instance, flop, complement = _holder(netlist, net)
    state = {flop.state: bit ^ complement, flop.state_n: 1 - (bit ^ complement)}
    shown = {}
    for pin, output in netlist.cell(instance).outputs.items():
        if pin in instance.pins and output.function is not None:
            shown[instance.pins[pin]] = evaluate(output.function, state, 1)
    return shown


def _flop(netlist: Netlist, net: int, values: Mapping[int, int]) -> tuple[int, int, int]:
    """(next value, not held at 0, not held at 1) of the register bit at `net`."""
    instance, flop, complement = _holder(netlist, net)
    state = values[net] ^ complement
    pins = {**_pins(netlist, instance, values), flop.state: state, flop.state_n: 1 - state}
    clear = flop.clear is not None and evaluate(flop.clear, pins, 1) == 1
    preset = flop.preset is not None and evaluate(flop.preset, pins, 1) == 1
    gates = netlist.clock_enables.get(instance.pins[flop.clock_pin])
    ticks = gates is None or any(values[gate] for gate in gates)
    following = 0 if clear else 1 if preset else evaluate(flop.next_state, pins, 1) if ticks else state
    if complement:
        clear, preset = preset, clear
    return following ^ complement, int(not clear), int(not preset)


def _word(bits: list[int]) -> int:
    return sum(bit << k for k, bit in enumerate(bits))
