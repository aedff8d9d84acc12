#include "order_search.h"

#include <stdlib.h>
#include <string.h>

enum {
  MOST_STATES = 64,    /* in the beam */
  MOST_EFFECTS = 1 << 20 /* looked at by one search, about: wide graphs get a narrower beam */
};

typedef struct task_list {
  int *items;
  int count;
} task_list;

/* The way to a state. */
typedef struct turn {
  const struct turn *before;
  int task;
} turn;

typedef struct state {
  uint64_t *done;     /* a bit per task */
  uint64_t key;       /* of the set that is done */
  int64_t live, peak;
  int *ready;         /* in the order in which they became ready; at one time, the first last */
  int ready_count;
  const turn *last;
} state;

typedef struct choice {
  int state, ready; /* numbers */
  uint64_t key;
  int64_t live, peak;
} choice;

typedef struct search {
  arena *arena, *result_arena; /* the first ends with the search */
  order_problem *problem;
  task_list *before;  /* by task */
  task_list *users;   /* by block: the tasks that touch it, ascending */
  size_t words;       /* of a set of tasks */
  int64_t limit;      /* orders whose peak reaches it are given up; -1: none */
  choice *choices;
  int choice_count;
} search;

static bool is_done(const uint64_t *done, int task) { return done[task / 64] >> (task % 64) & 1; }

/* A number for a task; sums of them tell sets apart (the finaliser of splitmix64, Steele et al.,
 * 2014). */
static uint64_t key_of(int task) {
  uint64_t x = ((uint64_t)task + 1) * UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* ---- what a task does to memory -------------------------------------------------------------- */

static bool begins(const search *s, const uint64_t *done, int block) {
  const task_list *users = &s->users[block];
  for (int i = 0; i < users->count; i++)
    if (is_done(done, users->items[i])) return false;
  return true;
}

static bool ends(const search *s, const uint64_t *done, int block, int task) {
  const task_list *users = &s->users[block];
  if (s->problem->blocks[block].kept) return false;
  for (int i = users->count - 1; i >= 0; i--)
    if (users->items[i] != task && !is_done(done, users->items[i])) return false;
  return true;
}

static bool is_taken(const order_pair *pairs, const bool *used, int count, int from, int to) {
  for (int i = 0; i < count; i++)
    if (used[i] && (pairs[i].from == from || pairs[i].to == to)) return true;
  return false;
}

enum { MOST_PAIRS = 32 };

/* The bytes that pairs save; used[i]: pair i is one of them. */
static int64_t pair_bytes(const search *s, const uint64_t *done, int task, bool used[MOST_PAIRS]) {
  const order_task *t = &s->problem->tasks[task];
  int64_t bytes = 0;
  for (int i = 0; i < t->pair_count && i < MOST_PAIRS; i++) {
    const order_pair *p = &t->pairs[i];
    used[i] = !is_taken(t->pairs, used, i, p->from, p->to) && ends(s, done, p->from, task) &&
              !begins(s, done, p->from) && begins(s, done, p->to);
    if (used[i]) bytes += s->problem->blocks[p->to].bytes;
  }
  return bytes;
}

/* Bytes live during the task and after it. */
static void effect_of(const search *s, const state *at, int task, int64_t *during, int64_t *after) {
  const order_task *t = &s->problem->tasks[task];
  bool used[MOST_PAIRS];
  *during = *after = at->live;
  for (int i = 0; i < t->block_count; i++) {
    int64_t bytes = s->problem->blocks[t->blocks[i]].bytes;
    if (begins(s, at->done, t->blocks[i])) {
      *during += bytes;
      *after += bytes;
    }
    if (ends(s, at->done, t->blocks[i], task)) *after -= bytes;
  }
  *during -= pair_bytes(s, at->done, task, used);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void add_ready(const search *s, arena *a, state *at, int task) {
  const task_list *before = &s->before[task];
  if (is_done(at->done, task)) return;
  for (int i = 0; i < before->count; i++)
    if (!is_done(at->done, before->items[i])) return;
  for (int i = 0; i < at->ready_count; i++)
    if (at->ready[i] == task) return;
  arena_push(a, at->ready, at->ready_count) = task;
}

static state first_state(const search *s, arena *a) {
  state first = {.done = arena_array_of(a, s->words, uint64_t)};
  for (int task = s->problem->task_count - 1; task >= 0; task--)
    if (s->before[task].count == 0) add_ready(s, a, &first, task);
  return first;
}

static state next_state(const search *s, arena *a, const state *from, const choice *c) {
  int task = from->ready[c->ready];
  state to = {.key = c->key, .live = c->live, .peak = c->peak};
  to.done = arena_grow(a, from->done, s->words, s->words, sizeof *to.done);
  to.done[task / 64] |= UINT64_C(1) << (task % 64);
  for (int i = 0; i < from->ready_count; i++)
    if (i != c->ready) arena_push(a, to.ready, to.ready_count) = from->ready[i];
  const order_task *t = &s->problem->tasks[task];
  for (int i = t->next_count - 1; i >= 0; i--) add_ready(s, a, &to, t->next[i]);
  turn *last = arena_new_of(s->arena, turn);
  *last = (turn){from->last, task};
  to.last = last;
  return to;
}

/* ---- the beam -------------------------------------------------------------------------------- */

/* Adds what may follow a state. */
static void add_choices(search *s, arena *a, const state *at, int number) {
  int first = s->choice_count;
  for (int i = at->ready_count - 1; i >= 0; i--) {
    int64_t during, after;
    effect_of(s, at, at->ready[i], &during, &after);
    bool free = after <= at->live && during <= at->peak;
    int64_t peak = during > at->peak ? during : at->peak;
    if (s->limit >= 0 && peak >= s->limit) continue;
    if (free) s->choice_count = first;
    arena_push(a, s->choices, s->choice_count) =
        (choice){number, i, at->key + key_of(at->ready[i]), after, peak};
    if (free) return;
  }
}

/* Best first; then the earlier state, and the task that was enabled last. */
static int compare_choices(const void *x, const void *y) {
  const choice *b = x, *c = y;
  if (b->peak != c->peak) return b->peak < c->peak ? -1 : 1;
  if (b->live != c->live) return b->live < c->live ? -1 : 1;
  return b->state != c->state ? b->state - c->state : c->ready - b->ready;
}

static bool is_known(const state *states, int count, uint64_t key) {
  for (int i = 0; i < count; i++)
    if (states[i].key == key) return true;
  return false;
}

/* One more task in every state; returns how many states there are then. */
static int advance(search *s, arena *a, const state *from, int count, state *to, int width) {
  int next = 0;
  s->choices = NULL;
  s->choice_count = 0;
  for (int i = 0; i < count; i++) add_choices(s, a, &from[i], i);
  if (s->choice_count) qsort(s->choices, (size_t)s->choice_count, sizeof *s->choices, compare_choices);
  for (int i = 0; i < s->choice_count && next < width; i++) {
    const choice *c = &s->choices[i];
    if (!is_known(to, next, c->key)) to[next++] = next_state(s, a, &from[c->state], c);
  }
  return next;
}

/* How many states the next turn may hold. */
static int width_of(const search *s, const state *states, int count, int most) {
  int ready = 1;
  for (int i = 0; i < count; i++)
    if (states[i].ready_count > ready) ready = states[i].ready_count;
  int width = MOST_EFFECTS / s->problem->task_count / ready;
  if (width > most) width = most;
  return width > 1 ? width : 1;
}

/* Runs a beam of at most so many states; true where it got to the end with a peak below the limit. */
static bool run_beam(search *s, int most, order_result *r) {
  int count = s->problem->task_count, states = 1;
  arena *room = arena_new();
  state *from = arena_array_of(room, most, state);
  from[0] = first_state(s, room);
  for (int i = 0; i < count && states > 0; i++) {
    arena *next = arena_new();
    state *to = arena_array_of(next, most, state);
    states = advance(s, next, from, states, to, width_of(s, from, states, most));
    arena_free(room);
    room = next;
    from = to;
  }
  if (states > 0) {
    r->tasks = arena_array_of(s->result_arena, count, int);
    r->peak = from[0].peak;
    const turn *t = from[0].last;
    for (int i = count - 1; i >= 0; i--, t = t->before) r->tasks[i] = t->task;
  }
  arena_free(room);
  return states > 0;
}

/* ---- bounds and pairs ------------------------------------------------------------------------ */

static int64_t bound_of(const search *s) {
  const order_problem *p = s->problem;
  int64_t bound = 0;
  for (int i = 0; i < p->block_count; i++)
    if (p->blocks[i].kept && s->users[i].count) bound += p->blocks[i].bytes;
  for (int task = 0; task < p->task_count; task++) {
    const order_task *t = &p->tasks[task];
    bool used[MOST_PAIRS];
    int64_t bytes = 0;
    for (int i = 0; i < t->block_count; i++) bytes += p->blocks[t->blocks[i]].bytes;
    for (int i = 0; i < t->pair_count && i < MOST_PAIRS; i++) {
      used[i] = !is_taken(t->pairs, used, i, t->pairs[i].from, t->pairs[i].to);
      if (used[i]) bytes -= p->blocks[t->pairs[i].to].bytes;
    }
    if (bytes > bound) bound = bytes;
  }
  return bound;
}

static void mark_pairs(search *s, const order_result *r) {
  uint64_t *done = arena_array_of(s->arena, s->words, uint64_t);
  for (int i = 0; i < s->problem->task_count; i++) {
    int task = r->tasks[i];
    const order_task *t = &s->problem->tasks[task];
    bool used[MOST_PAIRS] = {0};
    pair_bytes(s, done, task, used);
    for (int k = 0; k < t->pair_count; k++) t->pairs[k].used = k < MOST_PAIRS && used[k];
    done[task / 64] |= UINT64_C(1) << (task % 64);
  }
}

static void find_neighbours(search *s) {
  const order_problem *p = s->problem;
  s->before = arena_array_of(s->arena, p->task_count, task_list);
  s->users = arena_array_of(s->arena, p->block_count, task_list);
  for (int task = 0; task < p->task_count; task++) {
    const order_task *t = &p->tasks[task];
    for (int i = 0; i < t->next_count; i++) {
      task_list *before = &s->before[t->next[i]];
      arena_push(s->arena, before->items, before->count) = task;
    }
    for (int i = 0; i < t->block_count; i++) {
      task_list *users = &s->users[t->blocks[i]];
      arena_push(s->arena, users->items, users->count) = task;
    }
  }
}

order_result order_search(arena *a, order_problem *p) {
  search s = {.arena = arena_new(), .result_arena = a, .problem = p, .limit = -1};
  order_result r = {0};
  s.words = (size_t)p->task_count / 64 + 1;
  find_neighbours(&s);
  r.bound = bound_of(&s);
  if (run_beam(&s, 1, &r)) {
    s.limit = r.peak;
    if (r.peak > r.bound) run_beam(&s, MOST_STATES, &r);
    mark_pairs(&s, &r);
  }
  arena_free(s.arena);
  return r;
}
