/* The search for an order of tasks: the peak that it finds against the lowest that there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "order_search.h"
#include "tensor.h"

/* ---- problems -------------------------------------------------------------------------------- */

static order_problem *problem_new(arena *a) { return arena_new_of(a, order_problem); }

static int add_task(arena *a, order_problem *p) {
  arena_push(a, p->tasks, p->task_count) = (order_task){0};
  return p->task_count - 1;
}

static int add_block(arena *a, order_problem *p, int64_t bytes) {
  arena_push(a, p->blocks, p->block_count) = (order_block){.bytes = bytes};
  return p->block_count - 1;
}

static void touch(arena *a, order_problem *p, int task, int block) {
  order_task *t = &p->tasks[task];
  for (int i = 0; i < t->block_count; i++)
    if (t->blocks[i] == block) return;
  arena_push(a, t->blocks, t->block_count) = block;
}

/* A task that makes a block of these bytes from those of earlier tasks, -1 for none. Block numbers are
 * task numbers. */
static int make(arena *a, order_problem *p, int64_t bytes, int x, int y) {
  int task = add_task(a, p), inputs[2] = {x, y};
  touch(a, p, task, add_block(a, p, bytes));
  for (int i = 0; i < 2; i++) {
    if (inputs[i] < 0) continue;
    touch(a, p, task, inputs[i]);
    order_task *from = &p->tasks[inputs[i]];
    arena_push(a, from->next, from->next_count) = task;
  }
  return task;
}

static void pair(arena *a, order_problem *p, int from, int task) {
  order_task *t = &p->tasks[task];
  arena_push(a, t->pairs, t->pair_count) = (order_pair){.from = from, .to = task};
}

/* ---- what an order takes, by its definition ---------------------------------------------------- */

enum { MOST_TASKS = 16 };

static bool touches(const order_task *t, int block) {
  for (int i = 0; i < t->block_count; i++)
    if (t->blocks[i] == block) return true;
  return false;
}

/* Bytes that are live while a task runs and after it, when those of a set are done. */
static void live_bytes(const order_problem *p, unsigned done, int task, int64_t *during,
                       int64_t *after) {
  bool begins[MOST_TASKS] = {0}, ends[MOST_TASKS] = {0}, taken[MOST_TASKS] = {0};
  const order_task *t = &p->tasks[task];
  *during = *after = 0;
  for (int b = 0; b < p->block_count; b++) {
    bool before = false, later = p->blocks[b].kept;
    for (int i = 0; i < p->task_count; i++) {
      if (i == task || !touches(&p->tasks[i], b)) continue;
      if (done >> i & 1)
        before = true;
      else
        later = true;
    }
    bool now = touches(t, b);
    begins[b] = now && !before;
    ends[b] = now && !later;
    if (before ? now || later : now) *during += p->blocks[b].bytes;
    if ((before || now) && later) *after += p->blocks[b].bytes;
  }
  for (int i = 0; i < t->pair_count; i++) {
    const order_pair *q = &t->pairs[i];
    if (taken[q->from] || taken[q->to] || !ends[q->from] || begins[q->from] || !begins[q->to])
      continue;
    taken[q->from] = taken[q->to] = true;
    *during -= p->blocks[q->to].bytes;
  }
}

static bool is_ready(const order_problem *p, unsigned done, int task) {
  if (done >> task & 1) return false;
  for (int i = 0; i < p->task_count; i++)
    for (int k = 0; k < p->tasks[i].next_count; k++)
      if (p->tasks[i].next[k] == task && !(done >> i & 1)) return false;
  return true;
}

/* The lowest peak of all orders: over every set of tasks that can be done first. */
static int64_t lowest_peak(arena *a, const order_problem *p) {
  unsigned all = (1u << p->task_count) - 1;
  int64_t *peak = arena_array_of(a, all + 1, int64_t);
  for (unsigned set = 1; set <= all; set++) peak[set] = INT64_MAX;
  for (unsigned set = 0; set < all; set++) {
    for (int task = 0; task < p->task_count && peak[set] < INT64_MAX; task++) {
      int64_t during, after;
      if (!is_ready(p, set, task)) continue;
      live_bytes(p, set, task, &during, &after);
      int64_t then = during > peak[set] ? during : peak[set];
      unsigned next = set | 1u << task;
      if (then < peak[next]) peak[next] = then;
    }
  }
  return peak[all];
}

/* The peak of an order; fails where it is none. */
static int64_t peak_of(const order_problem *p, const int *tasks) {
  unsigned done = 0;
  int64_t peak = 0;
  for (int i = 0; i < p->task_count; i++) {
    int64_t during, after;
    assert_true(is_ready(p, done, tasks[i]));
    live_bytes(p, done, tasks[i], &during, &after);
    if (during > peak) peak = during;
    done |= 1u << tasks[i];
  }
  return peak;
}

/* ---- known ones ------------------------------------------------------------------------------ */

static void expect_peak(arena *a, order_problem *p, int64_t peak) {
  order_result r = order_search(a, p);
  assert_non_null(r.tasks);
  assert_int_equal(r.peak, peak);
  assert_true(r.bound <= peak);
  if (p->task_count <= MOST_TASKS) {
    assert_int_equal(peak_of(p, r.tasks), peak);
    assert_int_equal(lowest_peak(a, p), peak);
  }
}

static void nothing_needs_nothing(void **state) {
  (void)state;
  arena *a = arena_new();
  assert_int_equal(order_search(a, problem_new(a)).peak, 0);
  arena_free(a);
}

static void chains(void **state) {
  (void)state;
  arena *a = arena_new();
  for (int in_place = 0; in_place < 2; in_place++) {
    order_problem *p = problem_new(a);
    for (int i = 0; i < 10; i++) {
      make(a, p, 100, i - 1, -1);
      if (in_place && i > 0) pair(a, p, i - 1, i);
    }
    expect_peak(a, p, in_place ? 100 : 200);
  }
  arena_free(a);
}

/* A sum of four branches, each of which needs much on its way to a small result. */
static void branches_go_one_after_the_other(void **state) {
  (void)state;
  arena *a = arena_new();
  order_problem *p = problem_new(a);
  int sum = -1;
  for (int i = 0; i < 4; i++) {
    int wide = make(a, p, 1000, -1, -1), narrow = make(a, p, 10, wide, -1);
    sum = i == 0 ? narrow : make(a, p, 10, sum, narrow);
  }
  expect_peak(a, p, 1020);
  arena_free(a);
}

/* Sethi and Ullman: the branch that needs more comes first, though it leaves more behind. */
static void the_hungry_branch_goes_first(void **state) {
  (void)state;
  arena *a = arena_new();
  order_problem *p = problem_new(a);
  int small = make(a, p, 60, make(a, p, 60, -1, -1), -1);
  int large = make(a, p, 100, make(a, p, 200, -1, -1), -1);
  make(a, p, 1, small, large);
  expect_peak(a, p, 300);
  arena_free(a);
}

/* A long tree of sums, as deep as it is wide: too many sets for the beam, a known peak all the same. */
static void balanced_trees_need_their_depth(void **state) {
  (void)state;
  arena *a = arena_new();
  enum { DEPTH = 7 };
  order_problem *p = problem_new(a);
  int level[1 << DEPTH];
  for (int i = 0; i < 1 << DEPTH; i++) level[i] = make(a, p, 64, -1, -1);
  for (int count = 1 << (DEPTH - 1); count >= 1; count /= 2)
    for (int i = 0; i < count; i++) level[i] = make(a, p, 64, level[2 * i], level[2 * i + 1]);
  expect_peak(a, p, 64 * (DEPTH + 2));
  arena_free(a);
}

/* Forward values that the way back reads in reverse: all of them are alive at the turn. */
static void reverse_sweeps_keep_what_they_read(void **state) {
  (void)state;
  arena *a = arena_new();
  enum { LAYERS = 2000 };
  order_problem *p = problem_new(a);
  for (int i = 0; i < LAYERS; i++) make(a, p, 64, i - 1, -1);
  int back = LAYERS - 1;
  for (int i = LAYERS - 2; i >= 0; i--) back = make(a, p, 64, back, i);
  expect_peak(a, p, 64 * (LAYERS + 1));
  arena_free(a);
}

static void tasks_in_a_circle_have_no_order(void **state) {
  (void)state;
  arena *a = arena_new();
  order_problem *p = problem_new(a);
  make(a, p, 1, -1, -1);
  make(a, p, 1, 0, -1);
  arena_push(a, p->tasks[1].next, p->tasks[1].next_count) = 0;
  assert_null(order_search(a, p).tasks);
  arena_free(a);
}

/* ---- random ones ----------------------------------------------------------------------------- */

static uint32_t draw(uint64_t seed, uint64_t i, uint32_t end) {
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  return philox_element(key, i, 0) % end;
}

static order_problem *random_problem(arena *a, uint64_t seed, int tasks) {
  order_problem *p = problem_new(a);
  for (int i = 0; i < tasks; i++) {
    uint64_t at = 8 * (uint64_t)i;
    uint32_t inputs = draw(seed, at, 4);
    int x = i > 0 && inputs > 0 ? (int)draw(seed, at + 1, (uint32_t)i) : -1;
    int y = i > 0 && inputs > 1 ? i - 1 - (int)draw(seed, at + 2, i < 3 ? (uint32_t)i : 3) : -1;
    int task = make(a, p, 64 * (1 + draw(seed, at + 3, 6)), x, y);
    p->blocks[task].kept = draw(seed, at + 4, 8) == 0;
    if (x >= 0 && p->blocks[x].bytes == p->blocks[task].bytes) pair(a, p, x, task);
    if (y >= 0 && y != x && p->blocks[y].bytes == p->blocks[task].bytes) pair(a, p, y, task);
  }
  return p;
}

static void random_problems_are_solved(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 300; seed++) {
    arena *a = arena_new();
    order_problem *p = random_problem(a, seed, 5 + (int)(seed % 8));
    order_result r = order_search(a, p);
    int64_t peak = peak_of(p, r.tasks), lowest = lowest_peak(a, p);
    if (!(r.peak == peak && peak == lowest && r.bound <= peak))
      fail_msg("seed %d: the order has the peak %lld, says %lld, the bound is %lld, the lowest "
               "peak is %lld", (int)seed, (long long)peak, (long long)r.peak, (long long)r.bound,
               (long long)lowest);
    arena_free(a);
  }
}

/* Two searches give the same order. */
static void searches_repeat(void **state) {
  (void)state;
  arena *a = arena_new();
  order_result r[2];
  for (int i = 0; i < 2; i++) r[i] = order_search(a, random_problem(a, 77, 400));
  assert_memory_equal(r[0].tasks, r[1].tasks, 400 * sizeof(int));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_needs_nothing),
      cmocka_unit_test(chains),
      cmocka_unit_test(branches_go_one_after_the_other),
      cmocka_unit_test(the_hungry_branch_goes_first),
      cmocka_unit_test(balanced_trees_need_their_depth),
      cmocka_unit_test(reverse_sweeps_keep_what_they_read),
      cmocka_unit_test(tasks_in_a_circle_have_no_order),
      cmocka_unit_test(random_problems_are_solved),
      cmocka_unit_test(searches_repeat),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
