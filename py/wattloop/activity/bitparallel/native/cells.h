// What a program counts on request beside toggles: moves of a cell's inputs between states, and weighted changes.
#pragma once
#include "timed.h"
#include "zero.h"

enum { SUM_BITS = 32 };

// Lanes in each state of N inputs: minterm s holds where input i is bit i of s.
template <int N> static inline void minterms(const V *inputs, V lanes, V *out) {
  out[0] = lanes;
  for (int i = 0; i < N; ++i)
    for (int s = 0; s < 1 << i; ++s) {
      out[s | 1 << i] = out[s] & inputs[i];
      out[s] = out[s] & ~inputs[i];
    }
}

// Counts are a matrix (state before, state after); the diagonal counts settled states at the end of vectors instead.
template <int N> static inline void count_moves(const V *before, const V *after, V *counts) {
  for (int f = 0; f < 1 << N; ++f)
    for (int t = 0; t < 1 << N; ++t)
      if (f != t) counts[f << N | t] += popcount(before[f] & after[t]);
}

template <int N> static inline void count_settled(const V *after, V *counts) {
  for (int s = 0; s < 1 << N; ++s) counts[s << N | s] += popcount(after[s]);
}

// A cell's code is: kernel, first count, first held value, then its input slots.
template <int N> static const int32_t *zero_moves(const int32_t *code, const Block *b) {
  V *const counts = b->moves + code[1], *const held = b->held + code[2];
  V before[1 << N], after[1 << N], inputs[N];
  minterms<N>(held, ~(V){0}, before);
  for (int t = 0; t < BLOCK; ++t) {
    for (int i = 0; i < N; ++i) inputs[i] = SLOT(3 + i)[t];
    minterms<N>(inputs, b->mask[t], after);
    count_moves<N>(before, after, counts);
    count_settled<N>(after, counts);
    minterms<N>(inputs, ~(V){0}, before);
  }
  for (int i = 0; i < N; ++i) held[i] = inputs[i];
  return code + 3 + N;
}

// The code is that of a gate, with the first count in place of the list.
template <int N> static const int32_t *timed_moves(const int32_t *code, Cycle *b) {
  V *const counts = b->moves + code[2];
  V states[2][1 << N], inputs[N];
  const uint32_t *entry = b->table + code[5];
  uint32_t moved = 0;
  for (int i = 0; i < N; ++i) {
    inputs[i] = *LIST(i);
    moved |= MOVED(i);
  }
  minterms<N>(inputs, b->lanes, states[0]);
  const int64_t events = moved ? code[3] : 0;
  for (int64_t j = 0; j < events; ++j, entry += N) {
    V changed = {0};
    for (int i = 0; i < N; ++i) {
      const V now = AT(LIST(i), entry[i] & MOVED(i));
      changed |= now ^ inputs[i];
      inputs[i] = now;
    }
    V *const before = states[j & 1], *const after = states[~j & 1];
    minterms<N>(inputs, b->lanes, after);
    if (any(changed)) count_moves<N>(before, after, counts);
  }
  count_settled<N>(states[events & 1], counts);
  return code + HEAD + 2 * N;
}

template <int N> static const int32_t *settled_moves(const int32_t *code, Cycle *) { return code + HEAD + 2 * N; }

// Adds `weight` to the numbers of the lanes in `which`; plane k of `sums` holds bit k of each lane's number.
static inline void add(V *sums, V which, uint32_t weight) {
  if (!any(which)) return;
  V carry = {0};
  for (int k = 0; k < SUM_BITS; ++k, weight >>= 1) {
    const V sum = sums[k];
    if (weight & 1) {
      sums[k] = sum ^ which ^ carry;
      carry = (sum & which) | (carry & (sum | which));
    } else {
      sums[k] = sum ^ carry;
      carry &= sum;
      if (weight == 0 && !any(carry)) break;
    }
  }
}

// The code is: kernel, weight, held value, slot.
static const int32_t *zero_weigh(const int32_t *code, const Block *b) {
  const V *now = SLOT(3);
  V last = b->held[code[2]];
  for (int t = 0; t < BLOCK; ++t) {
    add(b->sums + t * SUM_BITS, (now[t] ^ last) & b->mask[t], (uint32_t)code[1]);
    last = now[t];
  }
  b->held[code[2]] = last;
  return code + 4;
}

// The code is: kernel, net, list, events, weight, 0.
static const int32_t *timed_weigh(const int32_t *code, Cycle *b) {
  const V *list = b->lists + code[2];
  if (b->moved[code[1]])
    for (int64_t j = 0; j < code[3]; ++j) add(b->sums, list[j + 1] ^ list[j], (uint32_t)code[4]);
  return code + HEAD;
}

static const int32_t *settled_weigh(const int32_t *code, Cycle *) { return code + HEAD; }

// The lanes' numbers at one step; clears `sums`.
static void write_sums(const Stimulus *s, const Place *place, int64_t step, V *sums, uint32_t *out) {
  for (int u = 0; u < COLUMNS; ++u) {
    Bytes bytes[SUM_BITS / 8];
    for (int k = 0; k < SUM_BITS / 8; ++k) {
      V planes;
      for (int b = 0; b < 8; ++b) planes[b] = sums[8 * k + b][u];
      bytes[k] = (Bytes)lane_bytes(planes);
    }
    uint32_t *to = out + (place->group[u] * s->steps + step) * s->lanes + place->lane[u];
    for (int64_t i = 0; i < place->lanes[u]; ++i)
      to[i] = bytes[0][i] | (uint32_t)bytes[1][i] << 8 | (uint32_t)bytes[2][i] << 16 | (uint32_t)bytes[3][i] << 24;
  }
  memset(sums, 0, SUM_BITS * sizeof *sums);
}
