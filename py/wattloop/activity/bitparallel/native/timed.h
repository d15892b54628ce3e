// Timed mode: every cell over the whole clock cycle at once, one position (a transition of 512 lanes) at a time.
//
// A net's waveform is a list: its value before the cycle, then its value after each of its possible change times. The
// times themselves are static (sums of delays), so a cell's code carries, for each event of its inputs, which entry
// of each input's list holds then.
//
// Inertial delay: an event of the cell's function survives if no other follows it within less than the delay. The
// followers of an event are a static range of events; the changes over such a range are the OR of at most three
// windows of 1, 3 or 9 changes, whose positions the table holds too.
#pragma once
#include "stimulus.h"

typedef struct {
  const uint32_t *table;  // entries of all cells, in bytes
  const V *planes;        // inputs of this position
  V lanes;                // lanes that hold a vector
  V *lists;               // waveforms
  V *state;               // by net: settled value
  uint32_t *moved;        // by net: all ones if any lane changed in this cycle, else 0
  V *changes;             // scratch of one cell: a zero, then windows of 1, of 3 and of 9
  int64_t room;           // events that one level of `changes` holds
  V *toggles, *glitches, *high;
  V *settling;            // by time: lanes in which an observed net changed
  V *moves;               // counts of moves between states of cells
  V *sums;                // planes of each lane's weighted changes
} Cycle;

// A cell's code is: kernel, net, list, events, levels of windows (0: none needed), table, then list and net of each input.
typedef const int32_t *(*TimedKernel)(const int32_t *code, Cycle *b);
enum { HEAD = 6 };

#define LIST(i) (b->lists + code[HEAD + 2 * (i)])
#define MOVED(i) (b->moved[code[HEAD + 2 * (i) + 1]])
#define STATE(i) (b->state[code[HEAD + 2 * (i) + 1]])
#define AT(list, offset) (*(const V *)((const char *)(list) + (offset)))

static inline void close_cycle(Cycle *b, int32_t net, V before, V after, V toggles, V moved) {
  const V functional = popcount(before ^ after);
  b->toggles[net] += functional;
  b->glitches[net] += toggles - functional;
  b->high[net] += popcount(after & b->lanes);
  b->state[net] = after;
  b->moved[net] = any(moved) ? ~0u : 0;
}

// Second pass: from the changes of the function to the net's waveform.
static inline void inertial(Cycle *b, int32_t net, V *out, int64_t events, const uint32_t *entry) {
  const V before = b->state[net];
  const V *const changes = b->changes;
  V value = before, last = before, toggles = {0}, moved = {0};
  out[0] = before;
  UNROLL_FEW for (int64_t j = 0; j < events; ++j, entry += 3) {
    value ^= changes[1 + j];
    const V later = AT(changes, entry[0]) | AT(changes, entry[1]) | AT(changes, entry[2]);
    const V now = (last & later) | (value & ~later);
    const V change = now ^ last;
    toggles += popcount(change);
    moved |= change;
    out[j + 1] = last = now;
  }
  close_cycle(b, net, before, last, toggles, moved);
}

// An input's code is: kernel, net, list, 1, 0, 0, plane.
static const int32_t *timed_source(const int32_t *code, Cycle *b) {
  const int32_t net = code[1];
  V *out = b->lists + code[2];
  const V before = b->state[net], now = b->planes[code[HEAD]];
  out[0] = before;
  out[1] = now;
  close_cycle(b, net, before, now, popcount(now ^ before), now ^ before);
  return code + HEAD + 1;
}

static const int32_t *settled_source(const int32_t *code, Cycle *b) {
  b->state[code[1]] = b->planes[code[HEAD]];
  return code + HEAD + 1;
}

// The code of an observed net is: kernel, net, list, events, 0, table of its change times.
static const int32_t *timed_observer(const int32_t *code, Cycle *b) {
  const V *list = b->lists + code[2];
  const uint32_t *time = b->table + code[5];
  if (b->moved[code[1]])
    for (int64_t j = 0; j < code[3]; ++j) b->settling[time[j]] |= list[j + 1] ^ list[j];
  return code + HEAD;
}

static const int32_t *settled_observer(const int32_t *code, Cycle *b) {
  (void)b;
  return code + HEAD;
}

// No input moved in any lane: the net keeps its value, and whoever reads its list reads entry 0.
static inline const int32_t *quiet(const int32_t *code, Cycle *b, int fan_in) {
  const int32_t net = code[1];
  b->lists[code[2]] = b->state[net];
  b->high[net] += popcount(b->state[net] & b->lanes);
  b->moved[net] = 0;
  return code + HEAD + 2 * fan_in;
}

#define TIMED_KERNEL(name, fan_in, any_moved, loads, at_event, at_rest)            \
  static const int32_t *name(const int32_t *code, Cycle *b) {                      \
    if (!(any_moved)) return quiet(code, b, fan_in);                               \
    const int32_t net = code[1];                                                   \
    const int64_t events = code[3];                                                \
    const int levels = code[4];                                                    \
    V *const out = b->lists + code[2];                                             \
    const uint32_t *entry = b->table + code[5];                                    \
    loads;                                                                         \
    const V before = b->state[net];                                                \
    V last = before;                                                               \
    if (levels == 0) {                                                             \
      V toggles = {0}, moved = {0};                                                \
      out[0] = before;                                                             \
      for (int64_t j = 0; j < events; ++j, entry += fan_in) {                      \
        const V now = at_event, change = now ^ last;                               \
        toggles += popcount(change);                                               \
        moved |= change;                                                           \
        out[j + 1] = last = now;                                                   \
      }                                                                            \
      close_cycle(b, net, before, last, toggles, moved);                           \
    } else if (levels == 1) {                                                      \
      V *const changes = b->changes + 1;                                           \
      for (int64_t j = 0; j < events; ++j, entry += fan_in) {                      \
        const V now = at_event;                                                    \
        changes[j] = now ^ last;                                                   \
        last = now;                                                                \
      }                                                                            \
      inertial(b, net, out, events, entry);                                        \
    } else {                                                                       \
      V *const changes = b->changes + 1, *const threes = changes + b->room;        \
      V older = {0}, old = {0};                                                    \
      for (int64_t j = 0; j < events; ++j, entry += fan_in) {                      \
        const V now = at_event, change = now ^ last;                               \
        changes[j] = change;                                                       \
        threes[j - 2] = change | old | older;                                      \
        older = old;                                                               \
        old = change;                                                              \
        last = now;                                                                \
      }                                                                            \
      V *wide = threes;                                                            \
      for (int64_t reach = 3, level = 2; level < levels; ++level, reach *= 3) {    \
        V *const wider = wide + b->room;                                           \
        for (int64_t j = 0; j + 3 * reach <= events; ++j)                          \
          wider[j] = wide[j] | wide[j + reach] | wide[j + 2 * reach];              \
        wide = wider;                                                              \
      }                                                                            \
      inertial(b, net, out, events, entry);                                        \
    }                                                                              \
    return code + HEAD + 2 * fan_in;                                               \
  }                                                                                \
  static const int32_t *name##_settle(const int32_t *code, Cycle *b) {             \
    b->state[code[1]] = at_rest;                                                   \
    return code + HEAD + 2 * fan_in;                                               \
  }

