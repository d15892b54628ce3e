// One thread's share of a run: takes jobs until none is left.
#pragma once
#include "cells.h"
#include "peak.h"
#include "tiles.h"

typedef struct {
  int64_t timed;                // 0: zero delay
  const int32_t *code;          // cells in order
  int64_t cells, nets, planes;
  int64_t room;                 // zero delay: value slots; timed: vectors of all lists
  int64_t constants, probes;
  int64_t moves, held, weighed;  // counts of moves; values held between blocks; are changes weighted
  const int32_t *constant;      // triples: slot or list, net, value
  const int32_t *probe;         // slots or nets whose settled values are copied out
  const uint32_t *table;        // timed only, as is all that follows
  int64_t events;               // room for the events of one cell
  int64_t levels;               // most levels of windows of any cell
  int64_t times;                // change times lie below this; 0: nobody asks for settling times
} Program;

typedef struct {
  Stimulus stimulus;
  const Job *job;
  int64_t jobs;
  int64_t *toggles, *glitches, *high;  // (groups, nets), shared by all threads
  uint64_t *probed;                    // (positions of all jobs, probes, columns), or null
  const int64_t *probed_at;            // first position of each job in `probed`
  uint16_t *settling;                  // (groups, steps, lanes), or null
  int64_t *moves;                      // (groups, counts of moves), or null
  uint32_t *sums;                      // (groups, steps, lanes), or null
  int64_t next;                        // job that nobody has taken yet
} Run;

static void flush(const Job *j, int64_t nets, V *counts, int64_t *into) {
  int together = 1;
  for (int u = 1; u < COLUMNS; ++u) together &= j->group[u] == j->group[0];
  for (int64_t n = 0; n < nets; ++n) {
    if (together) {
      int64_t sum = 0;
      for (int u = 0; u < COLUMNS; ++u) sum += (int64_t)counts[n][u];
      if (sum) __atomic_fetch_add(&into[j->group[0] * nets + n], sum, __ATOMIC_RELAXED);
      counts[n] = (V){0};
      continue;
    }
    for (int u = 0; u < COLUMNS; ++u)
      if (j->group[u] >= 0 && counts[n][u])
        __atomic_fetch_add(&into[j->group[u] * nets + n], (int64_t)counts[n][u], __ATOMIC_RELAXED);
    counts[n] = (V){0};
  }
}

// Whether the counts of two jobs may be added up before they are flushed.
static int same_groups(const Job *a, const Job *b) { return !memcmp(a->group, b->group, sizeof a->group); }

static void copy_probes(const Program *p, const Run *r, int64_t position, const V *values, int64_t stride) {
  for (int64_t i = 0; i < p->probes; ++i)
    memcpy(r->probed + (position * p->probes + i) * COLUMNS, &values[p->probe[i] * stride], sizeof(V));
}

static void zero_job(const Program *p, const Run *r, int64_t job, const Block *b, V *mask) {
  const Stimulus *s = &r->stimulus;
  const Job *j = &r->job[job];
  const int64_t positions = j->sets * s->steps;
  Place place;
  for (int64_t first = 0; first < positions; first += BLOCK) {
    for (int t = 0; t < BLOCK; ++t) {
      const int64_t step = (first + t) % s->steps;
      mask[t] = (V){0};
      if (first + t >= positions) continue;
      if (step == 0) place = place_of(s, j, (first + t) / s->steps);
      if (s->counted[step]) mask[t] = place.mask;
      const V *before = first + t == 0 ? NULL : b->slots + (t ? t - 1 : BLOCK - 1);
      pack(s, &place, step, before, b->slots + t, BLOCK);
    }
    const int32_t *code = p->code;
    V masked = {0};
    for (int t = 0; t < BLOCK; ++t) masked |= ~mask[t];
    const ZeroKernel *kernels = any(masked) ? zero_kernels : whole_kernels;
    for (int64_t c = 0; c < p->cells; ++c) code = kernels[*code](code, b);
    if (r->probed)
      for (int t = 0; t < BLOCK && first + t < positions; ++t)
        copy_probes(p, r, r->probed_at[job] + first + t, b->slots + t, BLOCK);
    for (int64_t t = 0; r->sums && t < BLOCK && first + t < positions; ++t) {
      const Place at = place_of(s, j, (first + t) / s->steps);
      write_sums(s, &at, (first + t) % s->steps, b->sums + t * SUM_BITS, r->sums);
    }
  }
}

static void flush_zero(const Program *p, const Run *r, const Job *j, const Block *b) {
  flush(j, p->moves, b->moves, r->moves);
  flush(j, p->nets, b->toggles, r->toggles);
  flush(j, p->nets, b->high, r->high);
}

// For each lane the last time at which it is set in `settling`, which is cleared.
static void write_settling(const Stimulus *s, const Place *place, int64_t step, V *settling, int64_t times,
                           uint16_t *out) {
  V bits[16] = {{0}};
  for (int64_t time = 0; time < times; ++time) {
    const V changed = settling[time];
    if (!any(changed)) continue;
    for (int b = 0; times >> b; ++b) bits[b] = time >> b & 1 ? bits[b] | changed : bits[b] & ~changed;
    settling[time] = (V){0};
  }
  for (int u = 0; u < COLUMNS; ++u) {
    V low, high;
    for (int b = 0; b < 8; ++b) low[b] = bits[b][u], high[b] = bits[b + 8][u];
    const Bytes l = (Bytes)lane_bytes(low), h = (Bytes)lane_bytes(high);
    uint16_t *to = out + (place->group[u] * s->steps + step) * s->lanes + place->lane[u];
    for (int64_t i = 0; i < place->lanes[u]; ++i) to[i] = (uint16_t)(l[i] | h[i] << 8);
  }
}

static void timed_job(const Program *p, const Run *r, int64_t job, Cycle *b, V *planes) {
  const Stimulus *s = &r->stimulus;
  const Job *j = &r->job[job];
  for (int64_t set = 0, position = 0; set < j->sets; ++set) {
    const Place place = place_of(s, j, set);
    for (int64_t step = 0; step < s->steps; ++step, ++position) {
      V *now = planes + (position & 1) * p->planes;
      pack(s, &place, step, position ? planes + (~position & 1) * p->planes : NULL, now, 1);
      b->planes = now;
      b->lanes = place.mask;
      const TimedKernel *kernels = s->counted[step] ? timed_kernels : settled_kernels;
      const int32_t *code = p->code;
      for (int64_t c = 0; c < p->cells; ++c) code = kernels[*code](code, b);
      if (r->probed) copy_probes(p, r, r->probed_at[job] + position, b->state, 1);
      if (r->settling && s->counted[step]) write_settling(s, &place, step, b->settling, p->times, r->settling);
      if (r->sums) write_sums(s, &place, step, b->sums, r->sums);
    }
  }
}

static void flush_timed(const Program *p, const Run *r, const Job *j, const Cycle *b) {
  flush(j, p->moves, b->moves, r->moves);
  flush(j, p->nets, b->toggles, r->toggles);
  flush(j, p->nets, b->glitches, r->glitches);
  flush(j, p->nets, b->high, r->high);
}

// Jobs until none is left. A flush takes as long as a tenth of a short job: one serves all jobs of the same groups.
template <class Work, class Flush> static void take_jobs(Run *r, Work work, Flush flush_of) {
  const Job *done = NULL;
  for (int64_t job; (job = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED)) < r->jobs; done = &r->job[job]) {
    if (done && !same_groups(done, &r->job[job])) flush_of(done);
    work(job);
  }
  if (done) flush_of(done);
}

static int run_zero(const Program *p, Run *r) {
  const int64_t sums = p->weighed ? BLOCK * SUM_BITS : 0;
  const size_t vectors = (size_t)(p->room * BLOCK + 3 * p->nets + BLOCK + p->moves + p->held + sums);
  V *memory = (V *)aligned_alloc(64, vectors * sizeof(V));
  if (!memory) return 1;
  memset(memory, 0, vectors * sizeof(V));
  V *mask = memory + p->room * BLOCK, *by_net = mask + BLOCK;
  V *const moves = by_net + 3 * p->nets, *const held = moves + p->moves;
  const Block b = {mask, memory, by_net, by_net + p->nets, by_net + 2 * p->nets, moves, held, held + p->held};
  for (int64_t i = 0; i < p->constants; ++i)
    memset(&b.slots[(int64_t)p->constant[3 * i] * BLOCK], p->constant[3 * i + 2] ? 0xff : 0, BLOCK * sizeof(V));
  take_jobs(r, [&](int64_t job) { zero_job(p, r, job, &b, mask); }, [&](const Job *j) { flush_zero(p, r, j, &b); });
  free(memory);
  return 0;
}

static int run_timed(const Program *p, Run *r) {
  const int64_t changes = p->levels * p->events + 1;
  const int64_t sums = p->weighed ? SUM_BITS : 0;
  const size_t vectors = (size_t)(2 * p->planes + p->room + 5 * p->nets + changes + p->times + p->moves + sums);
  V *memory = (V *)aligned_alloc(64, vectors * sizeof(V));
  uint32_t *moved = (uint32_t *)calloc((size_t)p->nets, sizeof *moved);
  if (memory && moved) {
    memset(memory, 0, vectors * sizeof(V));
    Cycle b = {.table = p->table, .moved = moved, .room = p->events};
    b.lists = memory + 2 * p->planes;
    b.state = b.lists + p->room;
    b.toggles = b.state + p->nets;
    b.glitches = b.toggles + p->nets;
    b.high = b.glitches + p->nets;
    b.changes = b.high + p->nets;
    b.settling = b.changes + changes;
    b.moves = b.settling + p->times;
    b.sums = b.moves + p->moves;
    for (int64_t i = 0; i < p->constants; ++i) {
      const V value = (V){0} - (uint64_t)p->constant[3 * i + 2];
      b.lists[p->constant[3 * i]] = b.state[p->constant[3 * i + 1]] = value;
    }
    take_jobs(
        r, [&](int64_t job) { timed_job(p, r, job, &b, memory); }, [&](const Job *j) { flush_timed(p, r, j, &b); });
  }
  const int failed = !memory || !moved;
  free(memory);
  free(moved);
  return failed;
}

// Returns 0, or 1 where there is not enough memory.
extern "C" int run(const Program *p, Run *r) { return p->timed ? run_timed(p, r) : run_zero(p, r); }
