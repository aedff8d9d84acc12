/* Memory plans: places, their check, and the order of kernels. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "graph_case.h"
#include "order.h"
#include "pass.h"
#include "plan.h"
#include "plan_check.h"
#include "run_module.h"

static int value(arena *a, plan *p, int64_t bytes) {
  const char *name = arena_printf(a, "v%d", p->value_count);
  return plan_add_value(a, p, plan_value_of(name, NULL, bytes));
}

/* A step that reads two values (-1: none) and writes one. */
static void step(arena *a, plan *p, int x, int y, int result) {
  plan_step *s = plan_add_step(a, p, "step");
  if (x >= 0) plan_add_read(a, s, x);
  if (y >= 0) plan_add_read(a, s, y);
  plan_add_write(a, s, result);
}

static void chains_use_two_buffers(void **state) {
  (void)state;
  arena *a = arena_new();
  plan p = {0};
  int last = value(a, &p, 1000);
  step(a, &p, -1, -1, last);
  for (int i = 0; i < 10; i++) {
    int next = value(a, &p, 1000);
    step(a, &p, last, -1, next);
    last = next;
  }
  plan_place(&p);
  assert_null(plan_check(a, &p));
  assert_int_equal(p.scratch_bytes, 2 * 1024);
  assert_int_equal(p.bound, 2 * 1024);
  arena_free(a);
}

static void sharing_uses_one(void **state) {
  (void)state;
  arena *a = arena_new();
  plan p = {0};
  int x = value(a, &p, 640), y = value(a, &p, 640);
  p.values[y].shares = x;
  step(a, &p, -1, -1, x);
  step(a, &p, x, -1, y);
  plan_place(&p);
  assert_null(plan_check(a, &p));
  assert_int_equal(p.scratch_bytes, 640);
  p.values[y].place.offset = 640;
  p.scratch_bytes = 1280;
  assert_non_null(plan_check(a, &p)); /* it says that it shares, and does not */
  arena_free(a);
}

/* Random programs: the plan holds, and any two values that live together lie apart. */
static plan random_plan(arena *a, uint32_t seed) {
  plan p = {0};
  uint32_t key[2] = {seed, 0};
  for (int i = 0; i < 40; i++) {
    uint32_t draw = philox_element(key, (uint64_t)i, 0);
    int v = value(a, &p, 1 + draw % 5000);
    step(a, &p, i > 0 ? (int)(draw / 7 % (uint32_t)i) : -1,
         i > 0 ? i - 1 - (int)(draw / 77 % (uint32_t)(i < 4 ? i : 4)) : -1, v);
  }
  plan_place(&p);
  return p;
}

static void random_plans_hold(void **state) {
  (void)state;
  double used = 0, needed = 0;
  for (uint32_t seed = 0; seed < 200; seed++) {
    arena *a = arena_new();
    plan p = random_plan(a, seed);
    const char *fault = plan_check(a, &p);
    if (fault) fail_msg("seed %u: %s", seed, fault);
    assert_true(p.scratch_bytes >= p.bound);
    used += (double)p.scratch_bytes;
    needed += (double)p.bound;
    arena_free(a);
  }
  assert_true(used < 1.02 * needed);
}

/* ---- what the check must catch --------------------------------------------------------------- */

static plan three_values(arena *a) {
  plan p = {0};
  int x = value(a, &p, 100), y = value(a, &p, 100), z = value(a, &p, 100);
  step(a, &p, -1, -1, x);
  step(a, &p, -1, -1, y);
  step(a, &p, x, y, z);
  plan_place(&p);
  assert_null(plan_check(a, &p));
  return p;
}

static void an_overlap_is_caught(void **state) {
  (void)state;
  arena *a = arena_new();
  for (int moved = 0; moved < 3; moved++) {
    for (int onto = 0; onto < 3; onto++) {
      plan p = three_values(a);
      if (moved == onto) continue;
      p.values[moved].place = p.values[onto].place;
      assert_non_null(plan_check(a, &p));
    }
  }
  arena_free(a);
}

static void a_partial_overlap_is_caught(void **state) {
  (void)state;
  arena *a = arena_new();
  plan p = three_values(a);
  int high = p.values[0].place.offset > p.values[1].place.offset ? 0 : 1;
  p.values[high].place.offset -= 64;
  assert_non_null(plan_check(a, &p));
  arena_free(a);
}

static void bad_places_are_caught(void **state) {
  (void)state;
  arena *a = arena_new();
  plan p = three_values(a);
  p.values[2].place.offset += 4; /* not aligned */
  assert_non_null(plan_check(a, &p));
  p = three_values(a);
  p.values[2].place.offset += 1024; /* outside */
  assert_non_null(plan_check(a, &p));
  arena_free(a);
}

static void values_that_are_not_there_are_caught(void **state) {
  (void)state;
  arena *a = arena_new();
  plan p = three_values(a);
  int next = value(a, &p, 100);
  step(a, &p, 2, -1, next);
  p.values[next].place = p.values[0].place;
  assert_null(plan_check(a, &p));
  p.values[0].final = true; /* but it was overwritten */
  assert_non_null(plan_check(a, &p));
  p = three_values(a);
  p.steps[0].write_count = 0; /* nobody writes what step 2 reads */
  assert_non_null(plan_check(a, &p));
  arena_free(a);
}

/* Two parts, their whole, and readers of the whole and of a part. */
static plan joined_parts(arena *a) {
  plan p = {0};
  int x = value(a, &p, 128), y = value(a, &p, 64), whole = value(a, &p, 192);
  for (int part = x; part <= y; part++) {
    p.values[part].whole = whole;
    p.values[part].start = part == x ? 0 : 128;
    step(a, &p, -1, -1, part);
  }
  step(a, &p, x, y, whole);
  p.steps[2].join = true;
  step(a, &p, whole, y, value(a, &p, 64));
  plan_place(&p);
  assert_null(plan_check(a, &p));
  return p;
}

static void joins_take_no_room(void **state) {
  (void)state;
  arena *a = arena_new();
  plan p = joined_parts(a);
  assert_int_equal(p.scratch_bytes, 256);
  assert_int_equal(p.values[1].place.offset, p.values[2].place.offset + 128);
  arena_free(a);
}

static void wrong_joins_are_caught(void **state) {
  (void)state;
  arena *a = arena_new();
  plan p = joined_parts(a);
  p.values[1].start = 64; /* it lies elsewhere */
  assert_non_null(plan_check(a, &p));
  p.values[1].place.offset -= 64; /* there, but over the other part */
  assert_non_null(plan_check(a, &p));
  p = joined_parts(a);
  p.values[0].bytes = 64; /* a gap */
  assert_non_null(plan_check(a, &p));
  p = joined_parts(a);
  p.steps[2].read_count = 1; /* a part is missing */
  assert_non_null(plan_check(a, &p));
  p = joined_parts(a);
  p.steps[2].join = false; /* a kernel would write over what it reads */
  assert_non_null(plan_check(a, &p));
  p = joined_parts(a);
  p.steps[2].join = false; /* or write the whole beside its parts */
  p.steps[2].read_count = 0;
  assert_non_null(plan_check(a, &p));
  p = joined_parts(a);
  p.values[3].place = p.values[0].place; /* the last result, before its operands end */
  assert_non_null(plan_check(a, &p));
  arena_free(a);
}

/* ---- order ----------------------------------------------------------------------------------- */

static order *ordered(arena *a, const char *text, const fusion **f) {
  graph *g = pass_run(graph_from_text(a, text), graph_pass_count, graph_passes, NULL);
  *f = fuse(a, g, test_target(a), (fuse_runs){1, 1, NULL});
  return order_groups(a, *f);
}

static int turn_of(const order *o, const node *n) {
  for (int i = 0; i < o->count; i++)
    if (o->steps[i].group && group_output(o->steps[i].group, n) >= 0) return i;
  fail_msg("no kernel stores node %d", n->id);
  return -1;
}

static void readers_come_before_the_writer(void **state) {
  (void)state;
  arena *a = arena_new();
  const fusion *f;
  /* w' does not need y, which reads the old w. */
  const order *o = ordered(
      a,
      "entry f(x: f32[4, 6], g: f32[6, 6]) { %2 = slot \"w\": f32[6, 6] %3 = sub %2, %1: f32[6, 6] "
      "%4 = dot %0, %2 left_contract=[1] right_contract=[0]: f32[4, 6] return y = %4 "
      "update \"w\" = %3 }",
      &f);
  assert_int_equal(o->home[f->graph->updates[0].node->id], 0);
  assert_true(turn_of(o, f->graph->outputs[0].node) < turn_of(o, f->graph->updates[0].node));
  arena_free(a);
}

static void an_exchange_gets_a_copy(void **state) {
  (void)state;
  arena *a = arena_new();
  const fusion *f;
  const order *o = ordered(
      a,
      "entry f() { %0 = slot \"a\": f32[6, 6] %1 = slot \"b\": f32[6, 6] "
      "%2 = dot %0, %0 left_contract=[1] right_contract=[0]: f32[6, 6] "
      "%3 = dot %1, %1 left_contract=[1] right_contract=[0]: f32[6, 6] "
      "update \"a\" = %3 update \"b\" = %2 }",
      &f);
  const graph_value *updates = f->graph->updates;
  assert_true((o->home[updates[0].node->id] == 0) != (o->home[updates[1].node->id] == 1));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chains_use_two_buffers),
      cmocka_unit_test(sharing_uses_one),
      cmocka_unit_test(random_plans_hold),
      cmocka_unit_test(an_overlap_is_caught),
      cmocka_unit_test(a_partial_overlap_is_caught),
      cmocka_unit_test(bad_places_are_caught),
      cmocka_unit_test(values_that_are_not_there_are_caught),
      cmocka_unit_test(joins_take_no_room),
      cmocka_unit_test(wrong_joins_are_caught),
      cmocka_unit_test(readers_come_before_the_writer),
      cmocka_unit_test(an_exchange_gets_a_copy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
