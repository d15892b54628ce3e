"""One small library in the dialects of four process kits: the same cells, other units, quotes, tables and company.

Delays, slews and energies are linear in slew and load, so that any tables of them say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Linear = tuple[float, float, float]  # a + b * slew (ps) + c * load (fF)

SUPPLY_V = 0.8


@dataclass(frozen=True)
class Dialect:
    """How a kit writes Liberty.

    Attributes:
        time_ps, cap_ff, leak_pw: its units.
        header: the library's attributes.
        quote: around names and words.
        slews, loads: axes in ps and fF.
        load_first: loads are the first axis.
        in_table: axes stand in the tables, not in the templates.
        supplies: names of the supply pins, of which the second draws nothing.
        extra: other cells, which no netlist here uses.
    """

    time_ps: float
    cap_ff: float
    leak_pw: float
    header: str
    quote: str = ""
    slews: tuple[float, ...] = (5, 10, 40, 160)
    loads: tuple[float, ...] = (0.5, 2, 8)
    load_first: bool = False
    in_table: bool = True
    supplies: tuple[str, ...] = ()
    extra: str = ""

    def text(self) -> str:
        """The library."""
        cells = self._inverter() + self._nand() + self._flop()
        return f"library ({self.name('kit')}) {{\n{self.header}\n{self._templates()}\n{cells}\n{self.extra}\n}}\n"

    def name(self, word: str) -> str:
        """A word, quoted where the dialect does so."""
        return f"{self.quote}{word}{self.quote}"

    @property
    def energy_fj(self) -> float:
        """Its unit of energy: capacitance times voltage squared."""
        return self.cap_ff

    def _templates(self) -> str:
        axes = [("input_net_transition", self.slews, self.time_ps), (_LOAD, self.loads, self.cap_ff)]
        axes = axes[::-1] if self.load_first else axes
        power = [("input_transition_time" if name != _LOAD else name, points, unit) for name, points, unit in axes]
        # One name for both kinds: they have name spaces of their own.
        return "".join(
            f"{kind} ({self.name(name)}) {{\n{_axes(which)}}}\n"
            for kind, name, which in (
                ("lu_table_template", "grid", axes),
                ("power_lut_template", "grid", power),
                ("power_lut_template", "line", [("input_transition_time", self.slews, self.time_ps)]),
            )
        )

    def table(self, kind: str, what: Linear, unit: float, *, line: bool = False) -> str:
        """A table of `what`, over the slew alone if it is a `line`."""
        a, b, c = what
        rows = [[(a + b * s + c * load) / unit for load in ((0,) if line else self.loads)] for s in self.slews]
        if line:
            rows = [[row[0] for row in rows]]
        elif self.load_first:
            rows = [list(column) for column in zip(*rows, strict=True)]
        axes = ""
        if self.in_table:
            points = [(self.slews, self.time_ps)] + ([] if line else [(self.loads, self.cap_ff)])
            axes = "".join(
                f"index_{k + 1} ({_numbers([x / u for x in xs])});"
                for k, (xs, u) in enumerate(points[::-1] if self.load_first else points)
            )
        values = ", \\\n".join(_numbers(row) for row in rows)
        return f"{kind} ({self.name('line' if line else 'grid')}) {{ {axes} values ( \\\n{values} \\\n); }}\n"

    def power(self, rise: Linear, fall: Linear, extra: str = "", *, line: bool = False) -> str:
        """An `internal_power` group for each supply."""
        groups = []
        for k, supply in enumerate(self.supplies or ("",)):
            of = f"related_pg_pin : {self.name(supply)};" if supply else ""
            tables = "".join(
                self.table(f"{edge}_power", (0, 0, 0) if k else what, self.energy_fj, line=line)
                for edge, what in (("rise", rise), ("fall", fall))
            )
            groups.append(f"internal_power () {{ {extra} {of} {tables} }}\n")
        return "".join(groups)

    def leakage(self, states: Sequence[tuple[str, float]]) -> str:
        """`leakage_power` groups."""
        groups = ""
        for k, supply in enumerate(self.supplies or ("",)):
            of = f"related_pg_pin : {self.name(supply)};" if supply else ""
            for when, pw in states:
                value = 0 if k else pw / self.leak_pw
                groups += f'leakage_power () {{ {of} value : {self.name(f"{value:.9g}")}; when : "{when}"; }}\n'
        return groups

    def pin(self, name: str, direction: str, cap_ff: float, body: str) -> str:
        """A pin; its capacitance stands where the dialect has room for it."""
        cap = f"capacitance : {cap_ff / self.cap_ff:.9g};\n" if direction == "input" else ""
        supply = f"related_power_pin : {self.name(self.supplies[0])};\n" if self.supplies else ""
        return f"pin ({self.name(name)}) {{\n direction : {self.name(direction)};\n {cap}{supply}{body}}}\n"

    def timing(self, related: str, sense: str, kind: str, delay: Linear, slew: Linear) -> str:
        """A `timing` group, rise and fall alike."""
        tables = "".join(
            self.table(name, what, self.time_ps)
            for edge in ("rise", "fall")
            for name, what in ((f"cell_{edge}", delay), (f"{edge}_transition", slew))
        )
        words = f'related_pin : "{related}"; timing_sense : {self.name(sense)}; timing_type : {self.name(kind)};'
        return f"timing () {{ {words}\n{tables} }}\n"

    def cell(self, name: str, body: str) -> str:
        """A cell with its supply pins."""
        pins = "".join(
            f"pg_pin ({self.name(s)}) {{ pg_type : {self.name(kind)}; voltage_name : {self.name(s)}; }}\n"
            for s, kind in zip(self.supplies, ("primary_power", "primary_ground"), strict=False)
        )
        return f"cell ({self.name(name)}) {{\n area : 1;\n{pins}{body}}}\n"

    def _inverter(self) -> str:
        out = self.timing("A", "negative_unate", "combinational", (5, 0.1, 2), (4, 0.05, 3))
        out += self.power((0.5, 0.001, 0.02), (0.3, 0.002, 0.01), 'related_pin : "A";')
        body = self.leakage([("A", 40), ("!A", 90)])
        return self.cell(
            "INV", body + self.pin("A", "input", 1.0, "") + self.pin("Y", "output", 0, f'function : "!A"; {out}')
        )

    def _nand(self) -> str:
        out = ""
        for pin, delay in (("A", 6.0), ("B", 7.0)):
            out += self.timing(pin, "negative_unate", "combinational", (delay, 0.1, 2), (5, 0.1, 3))
            out += self.power((delay / 10, 0.001, 0.02), (0.4, 0.002, 0.01), f'related_pin : "{pin}";')
        body = self.leakage([("A&B", 50), ("A & !B", 60), ("!A * B", 70), ("!A B'", 80)])
        body += "".join(self.pin(p, "input", 1.2, self.power((0.1, 0, 0), (0.2, 0, 0), line=True)) for p in "AB")
        return self.cell("NAND2", body + self.pin("Y", "output", 0, f'function : "!(A*B)"; {out}'))

    def _flop(self) -> str:
        out = self.timing("CK", "non_unate", "rising_edge", (30, 0.1, 2), (8, 0.0, 3))
        out += self.power((2, 0, 0.05), (3, 0, 0.05), 'related_pin : "CK"; when : "D";')
        out += self.power((4, 0, 0.05), (5, 0, 0.05), 'related_pin : "CK"; when : "!D";')
        body = f'ff ({self.name("IQ")}, {self.name("IQN")}) {{ clocked_on : "CK"; next_state : "D"; clear : "!RN"; }}\n'
        body += self.leakage([("CK&D&Q", 100), ("CK&D&!Q", 110), ("CK&!D", 120), ("!CK", 130)])
        clock = f"clock : {self.name('true')};" + self.power((1.5, 0, 0), (0.5, 0, 0), 'when : "!D&!Q";', line=True)
        clock += self.power((2.5, 0, 0), (0.5, 0, 0), 'when : "D + Q";', line=True)
        body += self.pin("CK", "input", 0.9, clock) + self.pin("RN", "input", 0.7, "")
        setup = f'timing () {{ related_pin : "CK"; timing_type : {self.name("setup_rising")}; '
        setup += "".join(f"{e}_constraint (scalar) {{ values ({_numbers([6 / self.time_ps])}); }}" for e in _EDGES)
        body += self.pin("D", "input", 1.1, self.power((0.2, 0.001, 0), (0.3, 0.001, 0), line=True) + setup + " }\n")
        return self.cell("DFF", body + self.pin("Q", "output", 0, f'function : "IQ"; {out}'))


_LOAD = "total_output_net_capacitance"
_EDGES = ("rise", "fall")


def _numbers(values: Sequence[float]) -> str:
    return '"' + ", ".join(f"{value:.12g}" for value in values) + '"'


def _axes(axes: Sequence[tuple[str, Sequence[float], float]]) -> str:
    return "".join(
        f" variable_{k + 1} : {name};\n index_{k + 1} ({_numbers([x / unit for x in points])});\n"
        for k, (name, points, unit) in enumerate(axes)
    )


# Cells that nothing here can simulate or even read; none of them may stop a run that does not use it.
_LATCH = """
cell ("dlxtp") { area : 1; latch ("IQ", "IQ_N") { data_in : "D"; enable : "GATE"; }
  pin ("D") { direction : "input"; capacitance : 1; } pin ("GATE") { direction : "input"; capacitance : 1; }
  pin ("Q") { direction : "output"; function : "IQ"; } }
"""
_CLOCK_GATE = """
cell ("dlclkp") { area : 1; clock_gating_integrated_cell : "latch_posedge";
  statetable ("CLK GATE", "M0") { table : "L L : - : L, \\
    L H : - : H, \\
    H - : - : N"; }
  pin ("CLK") { clock : "true"; clock_gate_clock_pin : "true"; direction : "input"; capacitance : 1; }
  pin ("GATE") { clock_gate_enable_pin : "true"; direction : "input"; capacitance : 1; }
  pin ("M0") { direction : "internal"; internal_node : "M0"; }
  pin ("GCLK") { clock_gate_out_pin : "true"; direction : "output"; state_function : "CLK&M0";
    timing () { related_pin : "CLK"; timing_type : "combinational"; timing_sense : "positive_unate";
      cell_rise (scalar) { values ("1"); } rise_transition (scalar) { values ("1"); } } } }
"""
_TRISTATE = """
cell (ebufn) { area : 1; pin (A, TE_B) { direction : input; capacitance : 1; }
  pin (Z) { direction : output; function : "A"; three_state : "TE_B"; } }
"""
_MEMORY = """
type (word) { base_type : array; data_type : bit; bit_width : 8; bit_from : 7; bit_to : 0; downto : true; }
cell (ram) { area : 1; is_macro_cell : true; memory () { type : ram; address_width : 4; word_width : 8; }
  bus (DOUT) { bus_type : word; direction : output; pin (DOUT[7:0]) { timing () { related_pin : "CLK"; } } }
  pin (CLK) { direction : input; capacitance : 1; } }
"""
_SCAN = """
cell (sdfbbp) { area : 1; ff (IQ, IQN) { clocked_on : "CLK"; next_state : "(SE*SI)+(!SE*D)";
    clear : "!R"; preset : "!S"; clear_preset_var1 : H; clear_preset_var2 : L; power_down_function : "(!VDD) + (VSS)"; }
  test_cell () { ff (IQ, IQN) { clocked_on : "CLK"; next_state : "D"; } pin (D) { direction : input; }
    pin (SI) { direction : input; signal_type : test_scan_in; } pin (Q) { direction : output; function : "IQ"; } }
  pin (CLK, D, SE, SI, R, S) { direction : input; capacitance : 1; }
  pin (Q) { direction : output; function : "IQ"; } pin (Q_N) { direction : output; function : "IQN"; } }
"""
_BROKEN = """
cell (odd_axis) { area : 1; pin (A) { direction : input; capacitance : 1; }
  pin (Y) { direction : output; function : "A"; timing () { related_pin : "A";
    cell_rise (nowhere) { values ("1, 2"); } } } }
cell (pad) { area : 1; pad_cell : true; pin (PAD) { direction : inout; is_pad : true; capacitance : 1; } }
cell (filler) { area : 1; dont_use : true; dont_touch : true; }
"""

DIALECTS: dict[str, Callable[[], Dialect]] = {
    "sky130": lambda: Dialect(
        time_ps=1000,
        cap_ff=1000,
        leak_pw=1000,
        quote='"',
        supplies=("VPWR", "VGND"),
        extra=_LATCH + _CLOCK_GATE + _TRISTATE,
        header="""
 define(def_sim_opt,library,string); define(driver_model,library,string);
 library_features("report_delay_calculation"); define_cell_area(bond_pads,pad_slots); technology("cmos");
 revision : 1.0000000000;; delay_model : "table_lookup"; time_unit : "1ns"; voltage_unit : "1V";
 capacitive_load_unit(1.0000000000, "pf"); leakage_power_unit : "1nW"; current_unit : "1mA";
 pulling_resistance_unit : "1kohm"; nom_voltage : 0.9; default_cell_leakage_power : 0.0; default_input_pin_cap : 0.0;
 voltage_map("VPWR", 0.8000000000); voltage_map("VGND", 0.0000000000);
 operating_conditions ("tt_025C_0v80") { voltage : 0.8; process : 1.0; tree_type : "balanced_tree"; }
 operating_conditions ("ff") { voltage : 1.1; ; } default_operating_conditions : "tt_025C_0v80";
 lu_table_template ("driver_waveform_template") { variable_1 : "input_net_transition";
   variable_2 : "normalized_voltage"; index_1 ("1, 2"); index_2 ("0, 1"); }
 normalized_driver_waveform ("driver_waveform_template") { index_1 ("1, 2"); index_2 ("0, 1"); values("0, 1", "0, 2"); }
""",
    ),
    "asap7": lambda: Dialect(
        time_ps=1,
        cap_ff=1,
        leak_pw=1,
        supplies=("VDD", "VSS"),
        slews=(5, 10, 20, 320),
        extra=_MEMORY + _SCAN,
        header="""
 comment : ""; date : "$Date: Sat Jan 22 16:27:05 2022 $"; delay_model : table_lookup; capacitive_load_unit (1,ff);
 leakage_power_unit : "1pW"; time_unit : "1ps"; voltage_unit : "1V"; current_unit : "1mA";
 voltage_map (VDD, 0.8); voltage_map (VSS, 0); voltage_map (GND, 0); nom_voltage : 0.8; default_output_pin_cap : 0;
 output_voltage (default_VDD_VSS_output) { vol : 0; voh : 0.7; vomin : 0; vomax : VDD + 0.5; }
 operating_conditions (PVT_0P8V_25C) { process : 1; voltage : 0.8; }; default_operating_conditions : PVT_0P8V_25C;
""",
    ),
    "ihp": lambda: Dialect(
        time_ps=1000,
        cap_ff=1000,
        leak_pw=1,
        in_table=False,
        loads=(1, 20, 300),
        extra=_SCAN + _BROKEN,
        header="""
 /* a comment /* that holds "quotes" and ; */ delay_model : table_lookup; capacitive_load_unit (1,pf);
 leakage_power_unit : "1pW"; time_unit : "1ns"; voltage_unit : "1V"; current_unit : "1uA"; nom_voltage : 0.8
 default_inout_pin_cap : 0.006; default_input_pin_cap : 0.006; default_output_pin_cap : 0; default_fanout_load : 1;
 wire_load("0_1k") { capacitance: 0.1; resistance: 0.0035; area : 0.36; slope : 10.83; fanout_length(1, 6.43); }
 wire_load_selection ("4_metls_routing") { wire_load_from_area (0, 635, 0_1k); } default_wire_load : "0_1k";
 operating_conditions (typ) { process : 1; temperature : 25; voltage : 0.8; } default_operating_conditions : typ;
""",
    ),
    "gf180": lambda: Dialect(
        time_ps=100,
        cap_ff=10,
        leak_pw=1e6,
        quote='"',
        load_first=True,
        slews=(10, 100),
        extra=_BROKEN + _LATCH + _MEMORY,
        header="""
 delay_model : "table_lookup"; time_unit : "100ps"; voltage_unit : "1V"; current_unit : "1uA";
 leakage_power_unit : "1uW"; capacitive_load_unit(10, "ff"); nom_voltage : 0.8; k_volt_cell_rise : 0.5;
 k_process_cell_rise : 0; k_temp_internal_power : 1; default_leakage_power_density : 0.0;
 type ("bus8") { base_type : "array"; data_type : "bit"; bit_width : 8; bit_from : 0; bit_to : 7; }
""",
    ),
}
