// What the cells that a tile uses see while pixels pass them: activations, and the partial sums that enter each row.
//
// A cell sees pixel t a number of cycles after the first cell does; here a step is the same pixel for all. Two steps
// before the first pixel and two behind the last the array is at rest.
#pragma once
#include "vector.h"

enum { REST = 2 };

typedef struct {
  int64_t rows, cols, pixels;  // that the tiles use
  int64_t bits;                // of a partial sum, which wraps
  const int32_t *weights;      // (tiles, rows, cols)
  const int32_t *activations;  // (tiles, rows, pixels)
  const int32_t *psum_in;      // (tiles, cols)
  int32_t *sums;               // (tiles, REST + pixels + REST, rows + 1, cols)
  uint8_t *passing;            // (tiles, REST + pixels + REST, rows, cols)
} Tiles;

static void tile_step(const Tiles *t, const int32_t *weights, const int32_t *activations, int32_t *sums, uint8_t *passing) {
  const int unused = 32 - (int)t->bits;
  for (int64_t r = 0; r < t->rows; ++r, weights += t->cols, sums += t->cols, passing += t->cols) {
    const int32_t a = activations ? activations[r * t->pixels] : 0;
    int32_t *const below = sums + t->cols;
    for (int64_t c = 0; c < t->cols; ++c)
      below[c] = (int32_t)(((uint32_t)sums[c] + (uint32_t)weights[c] * (uint32_t)a) << unused) >> unused;
    memset(passing, (uint8_t)a, (size_t)t->cols);
  }
}

// Fills in tiles `first` to `last` - 1.
extern "C" int tile_streams(const Tiles *t, int64_t first, int64_t last) {
  const int64_t cells = t->rows * t->cols, steps = t->pixels + 2 * REST;
  for (int64_t k = first; k < last; ++k)
    for (int64_t s = 0; s < steps; ++s) {
      int32_t *const sums = t->sums + (k * steps + s) * (cells + t->cols);
      const int64_t pixel = s - REST;
      const int32_t *const at = t->activations + k * t->rows * t->pixels + pixel;
      memcpy(sums, t->psum_in + k * t->cols, (size_t)t->cols * sizeof *sums);
      tile_step(t, t->weights + k * cells, pixel >= 0 && pixel < t->pixels ? at : NULL, sums,
                t->passing + (k * steps + s) * cells);
    }
  return 0;
}
