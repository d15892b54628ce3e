// How fast this core is at what the kernels are made of, each alone: the limits that they are held against.
#pragma once
#include "vector.h"

enum { CHAINS = 16, L1 = 256 };  // independent chains hide the latency; 256 vectors lie in any first-level cache

// One exclusive or and one addition in each of CHAINS chains, `rounds` times.
static uint64_t peak_logic(int64_t rounds) {
  V x[CHAINS], step = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < CHAINS; ++i) x[i] = step + (uint64_t)i;
  for (int64_t r = 0; r < rounds; ++r)
    _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; ++i) x[i] = (x[i] ^ step) + x[i];
  V all = {0};
  for (int i = 0; i < CHAINS; ++i) all ^= x[i];
  return all[0];
}

// One population count in each chain; the exclusive or that carries the chain runs beside it.
static uint64_t peak_count(int64_t rounds) {
  V x[CHAINS], step = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < CHAINS; ++i) x[i] = step + (uint64_t)i;
  for (int64_t r = 0; r < rounds; ++r)
    _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; ++i) x[i] = popcount(x[i]) ^ step;
  V all = {0};
  for (int i = 0; i < CHAINS; ++i) all ^= x[i];
  return all[0];
}

// Reads L1 vectors from the first-level cache, `rounds` times.
static uint64_t peak_load(int64_t rounds) {
  static V data[L1];
  memset(data, 1, sizeof data);  // pages of its own: unwritten ones are all the same page, which the cache dislikes
  V x[CHAINS] = {{0}};
  for (int64_t r = 0; r < rounds; ++r) {
    const V *from = data;
    __asm__ volatile("" : "+r"(from) : : "memory");  // or the compiler would read them once
    for (const V *end = from + L1; from < end; from += CHAINS)
      _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; ++i) x[i] ^= from[i];
  }
  V all = {0};
  for (int i = 0; i < CHAINS; ++i) all ^= x[i];
  return all[0];
}

// Runs loop `kind` and returns a number that depends on all of it.
extern "C" uint64_t peak(int kind, int64_t rounds) {
  return kind == 0 ? peak_logic(rounds) : kind == 1 ? peak_count(rounds) : peak_load(rounds);
}
