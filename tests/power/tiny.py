"""A library and a netlist small enough to compute by hand.

    a_i --+
          NAND -- n -- INV -- y -- DFF -- q = p_o
    p_i --+

Supply 2 V, so that 1/2 C V^2 is 2 fJ a fF. Energies are constants, but
INV's output: 1 fJ + 1 fJ a fF of load + 1 fJ for 50 ps (rise) or 25 ps (fall) of slew. NAND's output has slews of 10 ps
(rise) and 30 ps (fall), all others of 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wattloop.activity.result import Activity
from wattloop.gates.liberty import read_liberty
from wattloop.gates.library import Library
from wattloop.gates.netlist import Instance, Netlist

LIBRARY = """
library (tiny) {
  time_unit : "1ps"; voltage_unit : "1V"; leakage_power_unit : "1pW"; current_unit : "1mA";
  capacitive_load_unit (1, ff);
  nom_voltage : 2.0;
  power_lut_template (by_load) {
    variable_1 : input_transition_time; variable_2 : total_output_net_capacitance;
    index_1 ("0, 100"); index_2 ("0, 10");
  }
  cell (INV) {
    area : 1; cell_leakage_power : 20;
    leakage_power () { when : "I"; value : 10; }
    leakage_power () { when : "!I"; value : 30; }
    pin (I) { direction : input; capacitance : 1; }
    pin (Z) { direction : output; function : "!I";
      internal_power () { related_pin : "I";
        rise_power (by_load) { values ("1, 11", "3, 13"); }
        fall_power (by_load) { values ("1, 11", "5, 15"); }
      }
      TIMING("I", "negative_unate", "combinational", "0", "0")
    }
  }
  cell (NAND) {
    area : 1; cell_leakage_power : 40;
    pin (A) { direction : input; capacitance : 2; }
    pin (B) { direction : input; capacitance : 3; }
    pin (Z) { direction : output; function : "!(A & B)";
      internal_power () { related_pin : "A";
        rise_power (scalar) { values ("4"); } fall_power (scalar) { values ("2"); }
      }
      internal_power () { related_pin : "B";
        rise_power (scalar) { values ("8"); } fall_power (scalar) { values ("6"); }
      }
      TIMING("A", "negative_unate", "combinational", "10", "30")
      TIMING("B", "negative_unate", "combinational", "10", "30")
    }
  }
  cell (DFF) {
    area : 1; cell_leakage_power : 50;
    ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; }
    pin (D) { direction : input; capacitance : 4;
      internal_power () { rise_power (scalar) { values ("0.5"); } fall_power (scalar) { values ("1.5"); } }
    }
    pin (CK) { direction : input; clock : true; capacitance : 5;
      internal_power () { rise_power (scalar) { values ("6"); } fall_power (scalar) { values ("4"); } }
    }
    pin (Q) { direction : output; function : "IQ";
      internal_power () { related_pin : "CK";
        rise_power (scalar) { values ("3"); } fall_power (scalar) { values ("5"); }
      }
      TIMING("CK", "non_unate", "rising_edge", "0", "0")
    }
  }
}
"""

_TIMING = r"""timing () {{ related_pin : "{0}"; timing_sense : {1}; timing_type : {2};
        cell_rise (scalar) {{ values ("1"); }} cell_fall (scalar) {{ values ("1"); }}
        rise_transition (scalar) {{ values ("{3}"); }} fall_transition (scalar) {{ values ("{4}"); }}
      }}"""

NETS = ("clk_i", "a_i", "p_i", "n", "y", "q")
CLK, A, P, N, Y, Q = range(6)


def library(folder: Path, text: str = LIBRARY) -> Library:
    path = folder / "tiny.lib"
    path.write_text(re.sub(r"TIMING\((.*)\)", lambda call: _TIMING.format(*re.findall(r'"(\w+)"', call[1])), text))
    return read_liberty(path)


def netlist(folder: Path, text: str = LIBRARY) -> Netlist:
    return Netlist(
        name="tiny",
        library=library(folder, text),
        nets=NETS,
        aliases={name: net for net, name in enumerate(NETS)},
        inputs={"clk_i": (CLK,), "a_i": (A,), "p_i": (P,)},
        outputs={"p_o": (Q,)},
        constants={},
        instances=(
            Instance("u_nand", "NAND", {"A": A, "B": P, "Z": N}),
            Instance("u_inv", "INV", {"I": N, "Z": Y}),
            Instance("u_dff", "DFF", {"D": Y, "CK": CLK, "Q": Q}),
        ),
    )


def activity(toggles: Mapping[int, int], high: Mapping[int, int], transitions: int = 100) -> Activity:
    """One group; nets that are not named stand still at 0."""
    counts = np.zeros((2, 1, len(NETS)), np.int64)
    for kind, values in enumerate((toggles, high)):
        for net, value in values.items():
            counts[kind, 0, net] = value
    return Activity(NETS, tuple(range(1, len(NETS))), counts[0], counts[1], transitions, "by hand")
