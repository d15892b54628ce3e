"""A Liberty library small enough to check by hand: an inverter, a NAND, a half adder and two flip-flops.

Its units are unusual on purpose: time in 10 ps, capacitance in 2 fF, leakage in 1 nW, voltage in 100 mV.
"""

SMALL_LIBRARY = """
library (small) {
  /* units that are none of ours */
  time_unit : "10ps";
  voltage_unit : "100mV";
  leakage_power_unit : "1nW";
  capacitive_load_unit (2, ff);
  nom_voltage : 9;
  default_operating_conditions : typical;
  operating_conditions (typical) { process : 1; temperature : 25; voltage : 8; }
  default_input_pin_cap : 0.25;
  lu_table_template (delay) {
    variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance;
    index_1 ("1, 3");
    index_2 ("2, 4, 8");
  }
  lu_table_template (turned) {
    variable_1 : total_output_net_capacitance;
    variable_2 : input_net_transition;
    index_1 ("2, 4, 8");
    index_2 ("1, 3");
  }
  lu_table_template (check) {
    variable_1 : constrained_pin_transition;
    variable_2 : related_pin_transition;
    index_1 ("1, 3");
    index_2 ("1, 3");
  }
  power_lut_template (energy) {
    variable_1 : input_transition_time;
    index_1 ("1, 3");
  }
  cell (INV) {
    area : 1.5;
    cell_leakage_power : 4;
    leakage_power () { when : "!A"; value : 3; }
    leakage_power () { when : "A"; value : 5; }
    pin (A) {
      direction : input;
      capacitance : 0.5;
      rise_capacitance_range (0.4, 0.75);
      fall_capacitance_range (0.4, 0.625);
      internal_power () { rise_power (energy) { values ("2, 4"); } fall_power (scalar) { values ("1"); } }
    }
    pin (ZN) {
      direction : output;
      function : "!A";
      timing () {
        related_pin : "A";
        cell_rise (delay) { values ("1, 2, 4", \\
                                    "3, 4, 6"); }
        cell_fall (turned) { index_1 ("1, 2, 3"); values ("1, 2", "3, 4", "5, 6"); }
        rise_transition (delay) { values ("1, 1, 1", "1, 1, 1"); }
        fall_transition (scalar) { values ("2"); }
      }
    }
  }
  cell (NAND2) {
    area : 2;
    pin (A, B) { direction : input; capacitance : 1; rise_capacitance : 1.5; }
    pin (Z) {
      direction : output;
      function : "(A B)'";
      timing () {
        related_pin : "A B";
        cell_rise (scalar) { values ("1"); }
        cell_fall (scalar) { values ("2"); }
        rise_transition (scalar) { values ("0.5"); }
        fall_transition (scalar) { values ("0.5"); }
      }
    }
  }
  cell (HA) {
    area : 3;
    pin (A) { direction : input; }
    pin (B) { direction : input; }
    pin (C) { direction : output; function : "A * B"; }
    pin (S) { direction : output; function : "A ^ B"; }
  }
  cell (DFFR) {
    area : 6;
    ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; clear : "!RN"; }
    pin (CK) { direction : input; clock : true; capacitance : 1; }
    pin (RN) { direction : input; capacitance : 1; }
    pin (D) {
      direction : input;
      capacitance : 1;
      timing () {
        related_pin : "CK";
        timing_type : setup_rising;
        rise_constraint (check) { values ("1, 2", "3, 4"); }
        fall_constraint (check) { values ("2, 2", "2, 2"); }
      }
    }
    pin (Q) {
      direction : output;
      function : "IQ";
      timing () {
        related_pin : "CK";
        timing_type : rising_edge;
        timing_sense : non_unate;
        cell_rise (scalar) { values ("3"); }
        cell_fall (scalar) { values ("4"); }
        rise_transition (scalar) { values ("1"); }
        fall_transition (scalar) { values ("1"); }
      }
    }
    pin (QN) { direction : output; function : "IQN"; }
  }
  cell (DFFE) {
    area : 8;
    ff (IQ, IQN) { next_state : "(E D) | (!E IQ)"; clocked_on : "!CKN"; preset : "S"; }
    pin (CKN) { direction : input; }
    pin (D) { direction : input; }
    pin (E) { direction : input; }
    pin (S) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; }
  }
  cell (LATCH) {
    latch (IQ, IQN) { data_in : "D"; enable : "G"; }
    pin (D) { direction : input; }
    pin (G) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; }
  }
  cell (TRI) {
    pin (A) { direction : input; }
    pin (EN) { direction : input; }
    pin (Z) { direction : output; function : "A"; three_state : "!EN"; }
  }
  cell (ODD) {
    pin (A) { direction : input; }
    pin (Z) { direction : output; function : "A ? B"; }
  }
}
"""
