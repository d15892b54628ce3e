// Work layout and packing of integers into bit planes.
//
// A column is 64 lanes of one group. A job is eight columns side by side (one vector) over `sets` sets of columns,
// each `steps` long, one set after the other; a position is a step of a set.
#pragma once
#include "vector.h"

typedef struct {
  const char *base;               // first value
  int64_t group, step, lane;      // strides in bytes
  int64_t size;                   // bytes of one value (1, 2, 4 or 8, little-endian)
  int64_t bits;                   // width
  const int32_t *planes;          // input plane of each bit
} Signal;

typedef struct {
  int64_t signals, steps, lanes, groups;
  const Signal *signal;
  const uint8_t *counted;         // by step: do the toggles that end in it count
} Stimulus;

typedef struct {
  int64_t sets;                   // sets of eight columns, one after the other
  int64_t group[COLUMNS];         // group of each column, -1 for an empty one
  int64_t lane[COLUMNS];          // first lane of each column in set 0
  int64_t advance;                // lanes between a column's sets
} Job;

static inline int64_t lanes_in(const Stimulus *s, const Job *j, int u, int64_t set) {
  if (j->group[u] < 0) return 0;
  const int64_t left = s->lanes - (j->lane[u] + set * j->advance);
  return left < 0 ? 0 : left > WORD ? WORD : left;
}

static inline V lane_mask(const Stimulus *s, const Job *j, int64_t set) {
  V mask;
  for (int u = 0; u < COLUMNS; ++u) {
    const int64_t n = lanes_in(s, j, u, set);
    mask[u] = n == WORD ? ~0ull : (1ull << n) - 1;
  }
  return mask;
}

#define NARROW(type)                                                          \
  do {                                                                        \
    const type *wide = (const type *)from;                                    \
    for (int i = 0; i < WORD; ++i) out[i] = (uint8_t)(wide[i] >> (8 * k));    \
  } while (0)

// Byte `k` of `n` lanes' values; the other lanes read 0.
static inline V gather_bytes(const Signal *g, const char *from, int64_t n, int64_t k) {
  uint8_t out[WORD] __attribute__((aligned(64))) = {0};
  const int dense = n == WORD && g->lane == g->size;
  if (dense && g->size == 1) return *(const Unaligned *)from;
  if (g->lane == 0)
    memset(out, from[k], (size_t)n);
  else if (dense && g->size == 2)
    NARROW(uint16_t);
  else if (dense && g->size == 4)
    NARROW(uint32_t);
  else if (dense && g->size == 8)
    NARROW(uint64_t);
  else
    for (int64_t i = 0; i < n; ++i) out[i] = (uint8_t)from[k + i * g->lane];
  return *(const V *)out;
}

// Bit planes of one signal at one position: plane b goes to at[planes[b] * stride].
static void pack_signal(const Stimulus *s, const Signal *g, const Job *j, int64_t set, int64_t step, V *at,
                        int64_t stride) {
  for (int64_t k = 0; k * 8 < g->bits; ++k) {
    const int64_t bits = g->bits - k * 8 < 8 ? g->bits - k * 8 : 8;
    V rows[COLUMNS];
    for (int u = 0; u < COLUMNS; ++u) {
      const int64_t n = lanes_in(s, j, u, set);
      if (n == 0) {
        rows[u] = (V){0};
        continue;
      }
      const char *from =
          g->base + j->group[u] * g->group + step * g->step + (j->lane[u] + set * j->advance) * g->lane;
      rows[u] = bit_planes(gather_bytes(g, from, n, k));
    }
    transpose(rows);
    for (int64_t b = 0; b < bits; ++b) at[g->planes[k * 8 + b] * stride] = rows[b];
  }
}

// All signals at one position; `before` is the position before it in the same job, or null.
static void pack(const Stimulus *s, const Job *j, int64_t set, int64_t step, const V *before, V *at, int64_t stride) {
  for (int64_t i = 0; i < s->signals; ++i) {
    const Signal *g = &s->signal[i];
    if (g->step == 0 && before != NULL && step > 0)
      for (int64_t b = 0; b < g->bits; ++b) at[g->planes[b] * stride] = before[g->planes[b] * stride];
    else
      pack_signal(s, g, j, set, step, at, stride);
  }
}
