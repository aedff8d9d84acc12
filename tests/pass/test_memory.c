/* Memory of whole entries: graphs whose least scratch is known, models, random graphs; and faults that
 * are planted in their plans, each of which the check must find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compile.h"
#include "grad.h"
#include "graph_case.h"
#include "memory_report.h"
#include "pass.h"
#include "plan.h"
#include "plan_check.h"
#include "random_program.h"
#include "run_module.h"
#include "source.h"

static graph *passed(graph *g) { return pass_run(g, graph_pass_count, graph_passes, NULL); }

static module *module_of(arena *a, graph *g) {
  return module_build(a, program_of_graph(a, g), test_target(a));
}

static const module_entry *the_entry(const module *m) { return &m->entries[1]; }

static int copies(arena *a, const module_entry *e) {
  int count = 0, calls;
  const kernel_call **list = module_calls(a, e, &calls);
  for (int i = 0; i < calls; i++) count += strcmp(list[i]->kernel->provenance, "copy") == 0;
  return count;
}

/* ---- graphs whose least scratch is known ------------------------------------------------------- */

/* Matrices are f32[32, 32]: one block of 4096 bytes. */
enum { BLOCK = 4096 };

typedef struct known_case {
  const char *name, *text;
  int blocks; /* of scratch, no more */
  int copies;
} known_case;

#define M ": f32[32, 32] "
#define DOT(to, x, y) "%" #to " = dot %" #x ", %" #y " left_contract=[1] right_contract=[0]" M
/* Softmax along an axis, which no other kernel takes in: %to is the result, over t0, t1, t2. */
#define SOFTMAX(x, axis, other, t0, t1, t2, to)                                \
  "%" #t0 " = exp %" #x M "%" #t1 " = sum %" #t0 " axes=[" #axis "]: f32[32] " \
  "%" #t2 " = broadcast %" #t1 " axes=[" #other "]" M                          \
  "%" #to " = div %" #t0 ", %" #t2 M

static const known_case known_cases[] = {
    {"a chain of products",
     "entry f(x: f32[32, 32]) {" DOT(1, 0, 0) DOT(2, 1, 0) DOT(3, 2, 0) DOT(4, 3, 0) DOT(5, 4, 0)
     "return y = %5 }", 2, 0},
    {"rows that are rewritten where they lie",
     "entry f(x: f32[32, 32]) {" DOT(1, 0, 0) SOFTMAX(1, 1, 0, 2, 3, 4, 5)
     SOFTMAX(5, 0, 1, 6, 7, 8, 9) SOFTMAX(9, 1, 0, 10, 11, 12, 13) DOT(14, 13, 0)
     "return y = %14 }", 1, 0},
    {"a diamond",
     "entry f(x: f32[32, 32]) {" DOT(1, 0, 0) DOT(2, 1, 0) DOT(3, 0, 1) "%4 = add %2, %3" M
     "return y = %4 }", 3, 0},
    {"a residual network",
     "entry f(x: f32[32, 32]) {" DOT(1, 0, 0) "%2 = tanh %1" M DOT(3, 2, 0) "%4 = add %1, %3" M
     "%5 = tanh %4" M DOT(6, 5, 0) "%7 = add %4, %6" M "%8 = tanh %7" M DOT(9, 8, 0)
     "%10 = add %7, %9" M "return y = %10 }", 3, 0},
    {"a tree of products",
     "entry f(x: f32[32, 32]) {" DOT(1, 0, 0) "%2 = exp %0" M DOT(3, 2, 0) "%4 = tanh %0" M
     DOT(5, 4, 0) "%6 = sin %0" M DOT(7, 6, 0) DOT(8, 1, 3) DOT(9, 5, 7) DOT(10, 8, 9)
     "return y = %10 }", 4, 0},
    {"one value with many readers",
     "entry f(x: f32[32, 32]) {" DOT(1, 0, 0) DOT(2, 1, 0) "%3 = sum %2 axes=[0, 1]: f32 "
     DOT(4, 0, 1) "%5 = sum %4 axes=[0, 1]: f32 " DOT(6, 1, 1) "%7 = sum %6 axes=[0, 1]: f32 "
     "return a = %3, b = %5, c = %7 }", 2, 0},
    {"an exchange of slots",
     "entry f() { %0 = slot \"a\"" M "%1 = slot \"b\"" M "update \"a\" = %1 update \"b\" = %0 }", 1,
     3},
    {"three slots in a circle",
     "entry f() { %0 = slot \"a\"" M "%1 = slot \"b\"" M "%2 = slot \"c\"" M
     "update \"a\" = %1 update \"b\" = %2 update \"c\" = %0 }", 1, 4},
    {"slots that move up",
     "entry f(x: f32[32, 32]) { %1 = slot \"a\"" M "%2 = slot \"b\"" M
     "update \"a\" = %2 update \"b\" = %0 }", 0, 2},
    {"a slot that moves before its kernel writes it",
     "entry f(x: f32[32, 32]) { %1 = slot \"a\"" M "%2 = slot \"b\"" M "%3 = mul %2, %0" M
     "return y = %1 update \"a\" = %2 update \"b\" = %3 }", 0, 2},
    {"two kernels that need each other's slot",
     "entry f() { %0 = slot \"a\"" M "%1 = slot \"b\"" M DOT(2, 0, 0) DOT(3, 1, 1)
     "update \"a\" = %3 update \"b\" = %2 }", 1, 1},
    {"a slot that its kernel reads elsewhere",
     "entry f() { %0 = slot \"a\"" M DOT(1, 0, 0) "update \"a\" = %1 }", 1, 1},
    {"a step of momentum",
     "entry f(g: f32[32, 32]) { %1 = slot \"m\"" M "%2 = slot \"w\"" M "%3 = add %1, %0" M
     "%4 = sub %2, %3" M "update \"m\" = %3 update \"w\" = %4 }", 0, 0},
    {"parts of a concat, written in place",
     "entry f(x: f32[32, 32], w: f32[64, 64]) {" DOT(2, 0, 0) DOT(3, 0, 2)
     "%4 = concat %2, %3 axis=[0]: f32[64, 32] "
     "%5 = dot %1, %4 left_contract=[1] right_contract=[0]: f32[64, 32] return y = %5 }", 2, 0},
    {"a part of a concat that others read",
     "entry f(x: f32[32, 32], w: f32[64, 64]) {" DOT(2, 0, 0) DOT(3, 0, 2)
     "%4 = concat %2, %3 axis=[0]: f32[64, 32] "
     "%5 = dot %1, %4 left_contract=[1] right_contract=[0]: f32[64, 32] " DOT(6, 3, 2)
     "return y = %5, z = %6 }", 2, 0},
};

static void expect_least(arena *a, const char *name, graph *text, int64_t bytes, int copy_count) {
  graph *g = passed(text);
  module *m = module_of(a, g);
  const module_entry *e = the_entry(m);
  if (e->plan->scratch_bytes > bytes)
    fail_msg("%s: %lld bytes where %lld do", name, (long long)e->plan->scratch_bytes,
             (long long)bytes);
  if (copy_count >= 0 && copies(a, e) != copy_count)
    fail_msg("%s: %d copies where %d do", name, copies(a, e), copy_count);
  assert_true(e->plan->scratch_bytes >= e->plan->bound);
  assert_true(e->plan->bound >= e->scratch_bound);
  const char *fault = run_module_and_compare(a, m, g, -0.1, 0.1, (tolerance){1e-4, 1e-4});
  if (fault) fail_msg("%s: %s", name, fault);
}

static void known_graphs(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof known_cases / sizeof *known_cases; i++) {
    const known_case *c = &known_cases[i];
    arena *a = arena_new();
    expect_least(a, c->name, graph_from_text(a, c->text), (int64_t)c->blocks * BLOCK, c->copies);
    arena_free(a);
  }
}

/* ---- graphs that are built --------------------------------------------------------------------- */

static node *product(graph *g, node *x, node *y) {
  return build_matmul(g, x, y);
}

static tensor_type matrix(void) { return type_of(DTYPE_F32, 2, (int64_t[]){32, 32}); }

static node *slot_of(graph *g, const char *path) {
  tensor_type type = matrix();
  return build_slot(g, path, &type);
}

/* h ← tanh(h · u + x · w), again and again. */
static node *recurrence(graph *g, int turns, node *h, node *u, node *xw) {
  for (int i = 0; i < turns; i++)
    h = build_map1(g, SCALAR_TANH, build_map2(g, SCALAR_ADD, product(g, h, u), xw));
  return h;
}

static node *mean_of_all(graph *g, node *x) {
  return build_reduce(g, OP_SUM, x, 2, (int64_t[]){0, 1});
}

static void long_recurrences(void **state) {
  (void)state;
  arena *a = arena_new();
  tensor_type type = matrix();
  graph *g = graph_new(a, NULL, "f");
  node *h = graph_add_input(g, "h", &type), *x = graph_add_input(g, "x", &type);
  graph_add_output(g, "y", recurrence(g, 300, h, slot_of(g, "u"), x));
  expect_least(a, "an unrolled recurrence", g, 2 * BLOCK, 0);
  arena_free(a);
}

/* A step of gradient descent of layers of one size keeps what each layer made, and little more. */
static void training(void **state) {
  (void)state;
  enum { LAYERS = 12 };
  arena *a = arena_new();
  tensor_type type = matrix();
  graph *g = graph_new(a, NULL, "f");
  node *h = graph_add_input(g, "x", &type), *w[LAYERS];
  for (int i = 0; i < LAYERS; i++) {
    w[i] = slot_of(g, arena_printf(a, "w%d", i));
    h = build_map1(g, SCALAR_TANH, product(g, h, w[i]));
  }
  node *loss = mean_of_all(g, h);
  gradients *s = grad_sweep(g, loss, LAYERS, w);
  for (int i = 0; i < LAYERS; i++)
    graph_set_update(g, arena_printf(a, "w%d", i),
                     build_map2(g, SCALAR_SUB, w[i], grad_of(s, w[i])));
  graph_add_output(g, "loss", loss);
  expect_least(a, "a step of training", g, (LAYERS + 2) * BLOCK, 0);
  arena_free(a);
}

/* ---- models ------------------------------------------------------------------------------------ */

static module *model_module(arena *a, const char *path) {
  diagnostics *d = diag_new(a);
  const source *text = source_read(a, d, path);
  program *p = text ? elaborate(a, d, text, &(elaborate_options){0}) : NULL;
  module *m = p ? compile_module(p, d, &(compile_options){0}) : NULL;
  if (!m) diag_print(d, stderr);
  assert_non_null(m);
  return m;
}

static bool within(int64_t bytes, double factor, int64_t bound) {
  return (double)bytes <= factor * (double)bound;
}

static void models_lie_near_their_bounds(void **state) {
  (void)state;
  static const char *const paths[] = {"models/convnets/lenet5.dnn", "models/supervised/mlp.dnn",
                                      "models/supervised/logistic.dnn"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    arena *a = arena_new();
    const module *m = model_module(a, paths[i]);
    for (int k = 0; k < m->entry_count; k++) {
      const module_entry *e = &m->entries[k];
      const plan *p = e->plan;
      if (!(p->scratch_bytes >= p->bound && p->bound >= e->scratch_bound &&
            within(p->scratch_bytes, 1.1, p->bound)))
        fail_msg("%s, %s: %lld bytes, %lld live, %lld in any order", paths[i], e->name,
                 (long long)p->scratch_bytes, (long long)p->bound, (long long)e->scratch_bound);
    }
    arena_free(a);
  }
}

static void reports_tell_what_is_alive(void **state) {
  (void)state;
  arena *a = arena_new();
  const module *m = model_module(a, "models/convnets/lenet5.dnn");
  char *text;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  memory_report(out, m);
  fclose(out);
  for (int i = 0; i < m->entry_count; i++) {
    const plan *p = m->entries[i].plan;
    assert_non_null(strstr(text, arena_printf(a, "%12lld %12lld", (long long)p->scratch_bytes,
                                              (long long)p->bound)));
    if (p->bound == 0) continue;
    const char *table = strstr(text, arena_printf(a, "\n%s is fullest at step %d of %d",
                                                  m->entries[i].name, p->fullest + 1,
                                                  p->step_count));
    assert_non_null(table);
    const plan_life *lives = plan_lives(a, p);
    for (int v = 0; v < p->value_count; v++)
      if (p->values[v].place.region == REGION_SCRATCH && lives[v].first <= p->fullest &&
          p->fullest <= lives[v].last)
        assert_non_null(strstr(table, arena_printf(a, "%12lld %12lld  %s ",
                                                   (long long)p->values[v].bytes,
                                                   (long long)p->values[v].place.offset,
                                                   p->values[v].name)));
  }
  assert_non_null(strstr(text, ".dnn:"));
  free(text);
  arena_free(a);
}

/* ---- random programs and planted faults -------------------------------------------------------- */

enum { PROGRAMS = 1000 };

/* Every plan that module_build makes is checked there. */
static void random_programs(void **state) {
  (void)state;
  double sum = 0, worst = 0;
  int counted = 0;
  for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
    arena *a = arena_new();
    graph *g = passed(random_program(a, "r", seed, DTYPE_F32, 25));
    const module_entry *e = the_entry(module_of(a, g));
    const plan *p = e->plan;
    if (!(p->scratch_bytes >= p->bound && p->bound >= e->scratch_bound))
      fail_msg("seed %d: %lld bytes below the bound", (int)seed, (long long)p->scratch_bytes);
    double ratio = p->bound > 0 ? (double)p->scratch_bytes / (double)p->bound : 1;
    counted += p->bound > 0;
    sum += ratio;
    if (ratio > worst) worst = ratio;
    arena_free(a);
  }
  print_message("%d programs, %d with scratch: peak over bound %.4f, at most %.4f\n", PROGRAMS,
                counted, sum / PROGRAMS, worst);
  assert_true(counted > PROGRAMS / 4);
  assert_true(sum < 1.01 * PROGRAMS);
  assert_true(worst < 1.1);
}

static plan copied(arena *a, const plan *p) {
  plan c = *p;
  c.values = arena_grow(a, p->values, (size_t)p->value_count, (size_t)p->value_count,
                        sizeof *c.values);
  c.steps = arena_grow(a, p->steps, (size_t)p->step_count, (size_t)p->step_count, sizeof *c.steps);
  return c;
}

static bool lists(const int *items, int count, int value) {
  for (int i = 0; i < count; i++)
    if (items[i] == value) return true;
  return false;
}

/* How many faults of each kind were planted. */
typedef struct planted {
  int orders, overlaps, pairs, writes;
} planted;

/* A step before one whose result it reads. */
static void plant_orders(arena *a, const plan *p, planted *count) {
  for (int s = 0; s + 1 < p->step_count; s++) {
    bool reads = false;
    for (int i = 0; i < p->steps[s].write_count; i++)
      reads = reads || lists(p->steps[s + 1].reads, p->steps[s + 1].read_count,
                             p->steps[s].writes[i]);
    if (!reads) continue;
    plan c = copied(a, p);
    plan_step first = c.steps[s];
    c.steps[s] = c.steps[s + 1];
    c.steps[s + 1] = first;
    assert_non_null(plan_check(a, &c));
    count->orders++;
  }
}

static bool is_written_by(const plan *p, int value, int step) {
  return lists(p->steps[step].writes, p->steps[step].write_count, value);
}

static bool is_alone(const plan *p, int value) {
  for (int i = 0; i < p->value_count; i++)
    if (p->values[i].shares == value || p->values[i].whole == value) return false;
  return p->values[value].shares < 0 && p->values[value].whole < 0;
}

/* A value that is written over one that is still read: because its place is wrong, or because it
 * claims to share the memory. */
static void plant_overlaps(arena *a, const plan *p, planted *count) {
  const plan_life *lives = plan_lives(a, p);
  for (int x = 0; x < p->value_count; x++)
    for (int y = 0; y < p->value_count; y++) {
      if (x == y || p->values[y].fixed || lives[x].first < 0 || lives[y].first < 0) continue;
      if (!is_alone(p, y) || p->values[x].place.region != REGION_SCRATCH) continue;
      if (!is_written_by(p, y, lives[y].first) || lives[y].first <= lives[x].first ||
          lives[y].first >= lives[x].last)
        continue;
      plan c = copied(a, p);
      c.values[y].place = c.values[x].place;
      c.scratch_bytes += c.values[y].bytes;
      assert_non_null(plan_check(a, &c));
      count->overlaps++;
      c.values[y].shares = x;
      assert_non_null(plan_check(a, &c));
      count->pairs++;
    }
}

/* A value that nobody writes. */
static void plant_missing_writes(arena *a, const plan *p, planted *count) {
  for (int s = 0; s < p->step_count; s++) {
    bool needed = false;
    for (int i = 0; i < p->steps[s].write_count; i++) {
      needed = needed || p->values[p->steps[s].writes[i]].final;
      for (int later = s + 1; later < p->step_count; later++)
        needed = needed || lists(p->steps[later].reads, p->steps[later].read_count,
                                 p->steps[s].writes[i]);
    }
    if (!needed) continue;
    plan c = copied(a, p);
    c.steps[s].write_count = 0;
    assert_non_null(plan_check(a, &c));
    count->writes++;
  }
}

static void planted_faults_are_found(void **state) {
  (void)state;
  planted count = {0};
  for (uint64_t seed = 0; seed < 60; seed++) {
    arena *a = arena_new();
    const plan *p = the_entry(module_of(a, passed(random_program(a, "r", seed, DTYPE_F32, 40))))->plan;
    assert_null(plan_check(a, p));
    plant_orders(a, p, &count);
    plant_overlaps(a, p, &count);
    plant_missing_writes(a, p, &count);
    arena_free(a);
  }
  print_message("%d wrong orders, %d overlaps, %d wrong pairs, %d missing writes\n", count.orders,
                count.overlaps, count.pairs, count.writes);
  assert_true(count.orders > 50 && count.overlaps > 50 && count.pairs > 50 && count.writes > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_graphs),
      cmocka_unit_test(long_recurrences),
      cmocka_unit_test(training),
      cmocka_unit_test(models_lie_near_their_bounds),
      cmocka_unit_test(reports_tell_what_is_alive),
      cmocka_unit_test(random_programs),
      cmocka_unit_test(planted_faults_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
