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
  int full;                // all do
} Place;

static Place place_of(const Stimulus *s, const Job *j, int64_t set) {
  Place p;
  p.full = 1;
  for (int u = 0; u < COLUMNS; ++u) {
    p.group[u] = j->group[u];
    p.lane[u] = j->lane[u] + set * j->advance;
    const int64_t left = s->lanes - p.lane[u];
    p.lanes[u] = j->group[u] < 0 || left < 0 ? 0 : left > WORD ? WORD : left;
    p.full &= p.lanes[u] == WORD;
    p.mask[u] = p.lanes[u] == WORD ? ~0ull : (1ull << p.lanes[u]) - 1;
  }
  return p;
}

// Byte `k` of 64 lanes' values that lie side by side.
template <int SIZE> static inline V side_by_side(const char *from, int k) {
  const Unaligned *const at = (const Unaligned *)from;
#if defined(__AVX512VBMI__)
  if (SIZE == 2) return (V)__builtin_shuffle((Bytes)at[0], (Bytes)at[1], PAIRS + (uint8_t)k);
  if (SIZE == 4) {
    const Bytes low = __builtin_shuffle((Bytes)at[0], (Bytes)at[1], FOURS + (uint8_t)k);
    const Bytes high = __builtin_shuffle((Bytes)at[2], (Bytes)at[3], FOURS + (uint8_t)k);
    return __builtin_shuffle((V)low, (V)high, (V){0, 1, 2, 3, 8, 9, 10, 11});
  }
  if (SIZE == 8) {
    V half[2];
    for (int h = 0; h < 2; ++h) {
      const Bytes low = __builtin_shuffle((Bytes)at[4 * h], (Bytes)at[4 * h + 1], EIGHTS + (uint8_t)k);
      const Bytes high = __builtin_shuffle((Bytes)at[4 * h + 2], (Bytes)at[4 * h + 3], EIGHTS + (uint8_t)k);
      half[h] = __builtin_shuffle((V)low, (V)high, (V){0, 1, 8, 9, 0, 1, 8, 9});
    }
    return __builtin_shuffle(half[0], half[1], (V){0, 1, 2, 3, 8, 9, 10, 11});
  }
#endif
  if (SIZE == 1) return at[0];
  uint8_t out[WORD] __attribute__((aligned(64)));
  for (int i = 0; i < WORD; ++i) out[i] = (uint8_t)from[SIZE * i + k];
  return *(const V *)out;
}

// Byte `k` of `n` lanes' values, wherever they lie; the other lanes read 0.
static inline V gather_bytes(const Signal *g, const char *from, int64_t n, int64_t k) {
  uint8_t out[WORD] __attribute__((aligned(64)));
  memset(out, g->lane == 0 ? from[k] : 0, WORD);
  for (int64_t i = 0; g->lane && i < n; ++i) out[i] = (uint8_t)from[k + i * g->lane];
  return *(const V *)out;
}

// Eight columns of byte `k` to planes: plane b goes to at[planes[b] * stride].
static inline void put_planes(const Signal *g, V rows[COLUMNS], int64_t k, V mask, V *at, int64_t stride) {
  transpose(rows);
  const int64_t bits = g->bits - k * 8;
  const int32_t *const planes = g->planes + k * 8;
  if (bits >= 8)
    for (int b = 0; b < 8; ++b) at[planes[b] * stride] = rows[b] & mask;
  else
    for (int b = 0; b < bits; ++b) at[planes[b] * stride] = rows[b] & mask;
}

template <int SIZE>
static void pack_full(const Signal *g, const char *const from[COLUMNS], V *at, int64_t stride) {
  for (int k = 0; k * 8 < g->bits; ++k) {
    V rows[COLUMNS];
    for (int u = 0; u < COLUMNS; ++u) rows[u] = bit_planes(side_by_side<SIZE>(from[u], k));
    put_planes(g, rows, k, ~(V){0}, at, stride);
  }
}

// Bit planes of one signal at one step.
static void pack_signal(const Signal *g, const Place *p, int64_t step, V *at, int64_t stride) {
  const char *from[COLUMNS];
  for (int u = 0; u < COLUMNS; ++u) from[u] = g->base + p->group[u] * g->group + step * g->step + p->lane[u] * g->lane;
  if (p->full && g->lane == g->size) {
    if (g->size == 1) return pack_full<1>(g, from, at, stride);
    if (g->size == 2) return pack_full<2>(g, from, at, stride);
    if (g->size == 4) return pack_full<4>(g, from, at, stride);
    return pack_full<8>(g, from, at, stride);
  }
  for (int64_t k = 0; k * 8 < g->bits; ++k) {
    V rows[COLUMNS];
    for (int u = 0; u < COLUMNS; ++u)
      rows[u] = p->lanes[u] ? bit_planes(gather_bytes(g, from[u], p->lanes[u], k)) : (V){0};
    put_planes(g, rows, k, p->mask, at, stride);
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
