// A flip-flop with its state cut off: what would be stored comes out.
(* techmap_celltype = "$dff" *)
module cut_dff (CLK, D, Q);
  parameter WIDTH = 1;
  parameter CLK_POLARITY = 1;
  input CLK;
  input [WIDTH-1:0] D;
  output [WIDTH-1:0] Q;
  assign Q = D;
endmodule
