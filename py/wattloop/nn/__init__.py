"""Networks: quantisation-aware training, constraints, traces; on integer levels."""

import os

# OpenMP threads that wait by spinning make small networks 20 times slower when another process holds a core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
