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

// Where the columns of one set are.
typedef struct {
  int64_t lanes[COLUMNS];  // how many each holds: 64, fewer at the end of a group, 0 if empty
  int64_t group[COLUMNS], lane[COLUMNS];
  V mask;                  // the lanes that hold a vector
} Place;

static Place place_of(const Stimulus *s, const Job *j, int64_t set) {
  Place p;
  for (int u = 0; u < COLUMNS; ++u) {
    p.group[u] = j->group[u];
    p.lane[u] = j->lane[u] + set * j->advance;
    const int64_t left = s->lanes - p.lane[u];
    p.lanes[u] = j->group[u] < 0 || left < 0 ? 0 : left > WORD ? WORD : left;
    p.mask[u] = p.lanes[u] == WORD ? ~0ull : (1ull << p.lanes[u]) - 1;
  }
  return p;
}

#define NARROW(type)                                                                                      \
  do {                                                                                                    \
    for (int i = 0; i < WORD; ++i) out[i] = (uint8_t)(((const type *)from)[i] >> shift);                  \
    return *(const V *)out;                                                                               \
  } while (0)

// Byte `k` of `n` lanes' values; the other lanes read 0.
static inline V gather_bytes(const Signal *g, const char *from, int64_t n, int64_t k) {
  uint8_t out[WORD] __attribute__((aligned(64)));
  const int shift = (int)(8 * k);
  if (n == WORD && g->lane == g->size) {
    if (g->size == 1) return *(const Unaligned *)from;
    if (g->size == 2) NARROW(uint16_t);
    if (g->size == 4) NARROW(uint32_t);
    NARROW(uint64_t);
  }
  if (g->lane == 0) {
    memset(out, from[k], WORD);
    return *(const V *)out;
  }
  memset(out, 0, WORD);
  for (int64_t i = 0; i < n; ++i) out[i] = (uint8_t)from[k + i * g->lane];
  return *(const V *)out;
}

// Bit planes of one signal at one step: plane b goes to at[planes[b] * stride].
static void pack_signal(const Signal *g, const Place *p, int64_t step, V *at, int64_t stride) {
  for (int64_t k = 0; k * 8 < g->bits; ++k) {
    V rows[COLUMNS];
    for (int u = 0; u < COLUMNS; ++u) {
      const char *from = g->base + p->group[u] * g->group + step * g->step + p->lane[u] * g->lane;
      rows[u] = p->lanes[u] ? bit_planes(gather_bytes(g, from, p->lanes[u], k)) : (V){0};
    }
    transpose(rows);
    const int64_t bits = g->bits - k * 8 < 8 ? g->bits - k * 8 : 8;
    for (int64_t b = 0; b < bits; ++b) at[g->planes[k * 8 + b] * stride] = rows[b] & p->mask;
  }
}

// All signals at one step; `before` holds the step before it, or is null.
static void pack(const Stimulus *s, const Place *p, int64_t step, const V *before, V *at, int64_t stride) {
  for (int64_t i = 0; i < s->signals; ++i) {
    const Signal *g = &s->signal[i];
    if (g->step == 0 && before != NULL && step > 0)
      for (int64_t b = 0; b < g->bits; ++b) at[g->planes[b] * stride] = before[g->planes[b] * stride];
    else
      pack_signal(g, p, step, at, stride);
  }
}
