// 512 lanes as one value, and the few operations that plain C has no operator for.
// GCC's vector extension lowers to whatever the machine has: one AVX-512 register, two AVX2 ones, or plain words.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t V __attribute__((vector_size(64), aligned(64), may_alias));
typedef uint64_t Unaligned __attribute__((vector_size(64), aligned(1), may_alias));
typedef uint8_t Bytes __attribute__((vector_size(64), aligned(64), may_alias));

enum { COLUMNS = 8, WORD = 64, LANES = COLUMNS * WORD };

// Where a value is one register, long unrolled loops pay; elsewhere they only take long to compile.
#if defined(__AVX512F__)
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_FEW _Pragma("GCC unroll 2")
#else
#define UNROLL
#define UNROLL_FEW
#endif

// Ones in each of the eight words apart, so that each word can belong to another group.
static inline V popcount(V x) {
#if defined(__AVX512VPOPCNTDQ__)
  typedef long long Signed __attribute__((vector_size(64)));
  return (V)__builtin_ia32_vpopcountq_v8di((Signed)x);
#else
  x = x - ((x >> 1) & 0x5555555555555555ull);
  x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
  x += x >> 8;  // most machines multiply no vectors of 64-bit words
  x += x >> 16;
  return (x + (x >> 32)) & 0x7f;
#endif
}

static inline int any(V x) {
#if defined(__AVX512F__)
  typedef long long Signed __attribute__((vector_size(64)));
  return __builtin_ia32_ptestmq512((Signed)x, (Signed)x, (unsigned char)-1) != 0;
#else
  uint64_t all = 0;
  for (int i = 0; i < COLUMNS; ++i) all |= x[i];
  return all != 0;
#endif
}

// The bytes of `x` in the order that `order` lists.
static inline V arrange(V x, Bytes order) { return (V)__builtin_shuffle((Bytes)x, order); }

// clang-format off
static const Bytes EXCHANGED = {  // rows and columns of an 8x8 matrix of bytes
    0, 8, 16, 24, 32, 40, 48, 56, 1, 9, 17, 25, 33, 41, 49, 57, 2, 10, 18, 26, 34, 42, 50, 58, 3, 11, 19, 27, 35, 43, 51, 59,
    4, 12, 20, 28, 36, 44, 52, 60, 5, 13, 21, 29, 37, 45, 53, 61, 6, 14, 22, 30, 38, 46, 54, 62, 7, 15, 23, 31, 39, 47, 55, 63};
static const Bytes REVERSED = {  // the bytes of each word
    7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16, 31, 30, 29, 28, 27, 26, 25, 24,
    39, 38, 37, 36, 35, 34, 33, 32, 47, 46, 45, 44, 43, 42, 41, 40, 55, 54, 53, 52, 51, 50, 49, 48, 63, 62, 61, 60, 59, 58, 57, 56};
#define EIGHT(first, step) \
  (first), (first) + (step), (first) + 2 * (step), (first) + 3 * (step), (first) + 4 * (step), (first) + 5 * (step), \
      (first) + 6 * (step), (first) + 7 * (step)
// The first byte of each of the values of 2, 4 or 8 bytes in two vectors, over and over.
static const Bytes PAIRS = {EIGHT(0, 2), EIGHT(16, 2), EIGHT(32, 2), EIGHT(48, 2), EIGHT(64, 2), EIGHT(80, 2), EIGHT(96, 2), EIGHT(112, 2)};
static const Bytes FOURS = {EIGHT(0, 4), EIGHT(32, 4), EIGHT(64, 4), EIGHT(96, 4), EIGHT(0, 4), EIGHT(32, 4), EIGHT(64, 4), EIGHT(96, 4)};
static const Bytes EIGHTS = {EIGHT(0, 8), EIGHT(64, 8), EIGHT(0, 8), EIGHT(64, 8), EIGHT(0, 8), EIGHT(64, 8), EIGHT(0, 8), EIGHT(64, 8)};
// clang-format on

// Each of the eight words is an 8x8 matrix of bits: transposes them.
static inline V transpose_bits(V x) {
#if defined(__GFNI__) && defined(__AVX512F__)
  // The product of a matrix with the eight unit vectors is its columns; this instruction counts rows from the end.
  typedef char Chars __attribute__((vector_size(64)));
  const V units = (V){0} + 0x8040201008040201ull;
  return (V)__builtin_ia32_vgf2p8affineqb_v64qi((Chars)units, (Chars)arrange(x, REVERSED), 0);
#else
  V t;
  t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aaull;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000ccccull;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0ull;
  return x ^ t ^ (t << 28);
#endif
}

// 64 bytes, one a lane, to eight words, one a bit: word b holds bit b of every lane. And back.
static inline V bit_planes(V lanes) { return arrange(transpose_bits(lanes), EXCHANGED); }
static inline V lane_bytes(V planes) { return transpose_bits(arrange(planes, EXCHANGED)); }

// 8x8 words: word u of row b becomes word b of row u.
static inline void transpose(V rows[COLUMNS]) {
  const V low1 = {0, 8, 2, 10, 4, 12, 6, 14}, high1 = {1, 9, 3, 11, 5, 13, 7, 15};
  const V low2 = {0, 1, 8, 9, 4, 5, 12, 13}, high2 = {2, 3, 10, 11, 6, 7, 14, 15};
  const V low4 = {0, 1, 2, 3, 8, 9, 10, 11}, high4 = {4, 5, 6, 7, 12, 13, 14, 15};
#define EXCHANGE(i, j, low, high)                 \
  do {                                            \
    const V a = rows[i], b = rows[j];             \
    rows[i] = __builtin_shuffle(a, b, low);       \
    rows[j] = __builtin_shuffle(a, b, high);      \
  } while (0)
  EXCHANGE(0, 1, low1, high1); EXCHANGE(2, 3, low1, high1); EXCHANGE(4, 5, low1, high1); EXCHANGE(6, 7, low1, high1);
  EXCHANGE(0, 2, low2, high2); EXCHANGE(1, 3, low2, high2); EXCHANGE(4, 6, low2, high2); EXCHANGE(5, 7, low2, high2);
  EXCHANGE(0, 4, low4, high4); EXCHANGE(1, 5, low4, high4); EXCHANGE(2, 6, low4, high4); EXCHANGE(3, 7, low4, high4);
#undef EXCHANGE
}
