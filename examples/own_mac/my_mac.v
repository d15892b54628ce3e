// A multiply-accumulate cell as somebody else writes it: Verilog-2001, one clocked process, names of its own, a reset
// that is active high.
module my_mac #(
  parameter W = 8,   // weight
  parameter A = 8,   // activation
  parameter P = 22   // partial sum
) (
  input                     clk,
  input                     rst,
  input                     load,
  input  signed     [W-1:0] wgt,
  input             [A-1:0] x,
  input  signed     [P-1:0] acc_in,
  output reg        [A-1:0] x_out,
  output reg signed [P-1:0] acc_out
);

  reg signed [W-1:0] stored;

  always @(posedge clk or posedge rst)
    if (rst) begin
      stored  <= 0;
      x_out   <= 0;
      acc_out <= 0;
    end else begin
      if (load) stored <= wgt;
      x_out   <= x;
      acc_out <= acc_in + $signed({1'b0, x}) * stored;
    end

endmodule
