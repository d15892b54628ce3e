"""`wattloop reproduce`: the paper's tables and figures, each measured here and held against the paper's own."""
