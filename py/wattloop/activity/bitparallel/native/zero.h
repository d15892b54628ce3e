// Zero-delay mode: every cell over BLOCK positions at a time, so that the interpreter's cost per cell is spread.
#pragma once
#include "stimulus.h"

enum { BLOCK = 16 };

typedef struct {
  const V *mask;        // BLOCK vectors: lanes whose transition into this position counts
  V *slots;             // BLOCK vectors a slot
  V *last;              // by net: value at the end of the block before
  V *toggles, *high;    // by net: counts of each column
  V *moves;             // counts of moves between states of cells
  V *held;              // values at the end of the block before, of whoever else keeps some
  V *sums;              // by position: planes of each lane's weighted changes
} Block;

// A cell's code is: kernel, net, output slot, input slots.
typedef const int32_t *(*ZeroKernel)(const int32_t *code, const Block *b);

#define SLOT(i) (b->slots + (int64_t)code[i] * BLOCK)

#define ZERO_LOOP(name, fan_in, loads, function, store, masked)             \
  static const int32_t *name(const int32_t *code, const Block *b) {         \
    const int32_t net = code[1];                                            \
    V *out = SLOT(2);                                                       \
    loads;                                                                  \
    V last = b->last[net], toggles = {0}, high = {0};                       \
    UNROLL for (int t = 0; t < BLOCK; ++t) {                                \
      const V now = function;                                               \
      store;                                                                \
      toggles += popcount(masked(now ^ last));                              \
      high += popcount(masked(now));                                        \
      last = now;                                                           \
    }                                                                       \
    b->last[net] = last;                                                    \
    b->toggles[net] += toggles;                                             \
    b->high[net] += high;                                                   \
    return code + 3 + fan_in;                                               \
  }

#define MASKED(x) ((x) & b->mask[t])
#define WHOLE(x) (x)

// Most blocks count every lane of every position: those need no mask.
#define ZERO_KERNEL(name, fan_in, loads, function, store)                   \
  ZERO_LOOP(name, fan_in, loads, function, store, MASKED)                   \
  ZERO_LOOP(name##_whole, fan_in, loads, function, store, WHOLE)

// An input: its slot is filled already, only its toggles are to be counted.
ZERO_KERNEL(zero_source, 0, (void)0, out[t], (void)0)

// Without delay nothing settles later than anything else.
static const int32_t *zero_observer(const int32_t *code, const Block *) { return code; }
