// One thread's share of a zero-delay run.
#pragma once
#include "zero.h"

typedef struct {
  const int32_t *code;      // cells in order
  int64_t cells, nets, slots, constants, probes;
  const int32_t *constant;  // pairs: slot, value
  const int32_t *probe;     // slots to be copied out
} Program;

typedef struct {
  Stimulus stimulus;
  const Job *job;
  int64_t jobs;
  int64_t *toggles, *high;  // (groups, nets), shared by all threads
  uint64_t *probed;         // (jobs' positions, probes, columns), or null
  const int64_t *probed_at; // first position of each job in `probed`
  int64_t next;             // job that nobody has taken yet
} Run;

static void flush(const Job *j, int64_t nets, V *counts, int64_t *into) {
  for (int64_t n = 0; n < nets; ++n) {
    for (int u = 0; u < COLUMNS; ++u)
      if (j->group[u] >= 0 && counts[n][u])
        __atomic_fetch_add(&into[j->group[u] * nets + n], (int64_t)counts[n][u], __ATOMIC_RELAXED);
    counts[n] = (V){0};
  }
}

static void zero_job(const Program *p, const Run *r, int64_t job, Block *b, V *mask) {
  const Stimulus *s = &r->stimulus;
  const Job *j = &r->job[job];
  const int64_t positions = j->sets * s->steps;
  for (int64_t first = 0; first < positions; first += BLOCK) {
    for (int t = 0; t < BLOCK; ++t) {
      const int64_t position = first + t;
      if (position >= positions) {
        mask[t] = (V){0};
        continue;
      }
      const int64_t set = position / s->steps, step = position % s->steps;
      mask[t] = s->counted[step] ? lane_mask(s, j, set) : (V){0};
      const V *before = position == 0 ? NULL : t ? b->slots + t - 1 : b->slots + BLOCK - 1;
      pack(s, j, set, step, before, b->slots + t, BLOCK);
    }
    const int32_t *code = p->code;
    for (int64_t c = 0; c < p->cells; ++c) code = zero_kernels[*code](code, b);
    if (r->probed)
      for (int t = 0; t < BLOCK && first + t < positions; ++t)
        for (int64_t i = 0; i < p->probes; ++i)
          memcpy(r->probed + ((r->probed_at[job] + first + t) * p->probes + i) * COLUMNS,
                 &b->slots[(int64_t)p->probe[i] * BLOCK + t], sizeof(V));
  }
  flush(j, p->nets, b->toggles, r->toggles);
  flush(j, p->nets, b->high, r->high);
}

int run_zero(const Program *p, Run *r) {
  const size_t vectors = (size_t)(p->slots * BLOCK + 3 * p->nets + BLOCK);
  V *memory = (V *)aligned_alloc(64, vectors * sizeof(V));
  if (!memory) return 1;
  memset(memory, 0, vectors * sizeof(V));
  V *mask = memory + p->slots * BLOCK;
  Block b = {mask, memory, mask + BLOCK, mask + BLOCK + p->nets, mask + BLOCK + 2 * p->nets};
  for (int64_t i = 0; i < p->constants; ++i)
    memset(&b.slots[(int64_t)p->constant[2 * i] * BLOCK], p->constant[2 * i + 1] ? 0xff : 0, BLOCK * sizeof(V));
  for (;;) {
    const int64_t job = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED);
    if (job >= r->jobs) break;
    zero_job(p, r, job, &b, mask);
  }
  free(memory);
  return 0;
}
