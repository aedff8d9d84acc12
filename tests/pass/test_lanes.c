/* Vectors of kernels fit the target's registers, whatever types meet in one kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "graph_case.h"
#include "pass.h"
#include "random_program.h"
#include "run_module.h"

/* The widest vector of an expression, in bytes. */
static int widest_value(const loop_expr *e) {
  if (!e) return 0;
  int widest = e->type.lanes > 1 ? e->type.lanes * (int)dtype_size(e->type.element) : 0;
  int mask = widest_value(e->mask);
  if (mask > widest) widest = mask;
  for (int i = 0; i < e->operand_count; i++) {
    int operand = widest_value(e->operands[i]);
    if (operand > widest) widest = operand;
  }
  return widest;
}

static int widest_vector(const loop_block *b) {
  int widest = 0;
  for (int i = 0; i < b->count; i++) {
    const loop_stmt *s = b->statements[i];
    int parts[] = {widest_value(s->value), widest_value(s->mask), widest_value(s->condition),
                   widest_vector(&s->body), widest_vector(&s->otherwise)};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
      if (parts[k] > widest) widest = parts[k];
  }
  return widest;
}

/* The widest of all kernels; *kernel is its name. */
static int widest_of(const module *m, const char **kernel) {
  int widest = 0;
  for (int i = 0; i < m->kernel_count; i++) {
    int w = widest_vector(&m->kernels[i]->body);
    if (w <= widest) continue;
    widest = w;
    *kernel = m->kernels[i]->name;
  }
  return widest;
}

static const module *module_for(arena *a, const char *cpu, const graph *g) {
  return module_build(a, program_of_graph(a, pass_run(g, graph_pass_count, graph_passes, NULL)),
                      target_find(a, cpu));
}

typedef struct lane_case {
  const char *text;
  int bytes; /* of the widest vector, for x86-64-v4 */
} lane_case;

/* Full vectors where it can be; shorter ones where an element is wider, even one that is no member of
 * the kernel's group, but not for a value that all lanes share. */
static void mixed_widths(void **state) {
  (void)state;
  static const lane_case cases[] = {
      {"entry f(x: f32[999]) { %1 = exp %0: f32[999] return y = %1 }", 64},
      {"entry f(x: i64[999], y: i64[999]) { %2 = eq %0, %1: bool[999] return z = %2 }", 64},
      {"entry f(x: i64[999], y: f32[999]) { %2 = iota axis=[0]: i64[999] %3 = eq %0, %2: bool[999] "
       "%4 = constant reals=[0]: f32 %5 = broadcast %4: f32[999] %6 = select %3, %1, %5: f32[999] "
       "return z = %6 }", 64},
      {"entry f(y: f32[999]) { %1 = iota axis=[0]: i64[999] %2 = constant ints=[7]: i64 "
       "%3 = broadcast %2: i64[999] %4 = mod %1, %3: i64[999] %5 = eq %4, %3: bool[999] "
       "%6 = cast %5: f32[999] %7 = mul %6, %0: f32[999] return z = %7 }", 64},
      {"entry f(x: u8[5, 999]) { %1 = argmax %0 axes=[1]: i32[5] return z = %1 }", 64},
      {"entry f(x: u8[999]) { %1 = pad %0 low=[3] high=[4] interior=[0]: u8[1006] return z = %1 }", 64},
      {"entry f(x: u8[999], y: u8[999]) { %2 = maximum %0, %1: u8[999] return z = %2 }", 64},
      {"entry f(x: f32[9, 160], n: i64[9]) { %2 = cast %1: f32[9] "
       "%3 = broadcast %2 axes=[0]: f32[9, 160] %4 = mul %0, %3: f32[9, 160] return z = %4 }", 64},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new();
    const char *kernel = NULL;
    int widest = widest_of(module_for(a, "x86-64-v4", graph_from_text(a, cases[i].text)), &kernel);
    if (widest != cases[i].bytes)
      fail_msg("%s: %d bytes in %s", cases[i].text, widest, kernel ? kernel : "no kernel");
    arena_free(a);
  }
}

static void random_programs(void **state) {
  (void)state;
  static const char *const cpus[] = {"x86-64-v4", "x86-64-v3", "x86-64"};
  int vectors = 0;
  for (uint64_t seed = 0; seed < 300; seed++) {
    arena *a = arena_new();
    const char *cpu = cpus[seed % 3], *kernel = NULL;
    const module *m = module_for(a, cpu, random_program(a, "r", seed, DTYPE_F32, 20));
    int widest = widest_of(m, &kernel);
    if (widest > m->target->vector_bytes)
      fail_msg("seed %d, %s: vectors of %d bytes in %s", (int)seed, cpu, widest, kernel);
    vectors += widest == m->target->vector_bytes;
    arena_free(a);
  }
  assert_true(vectors > 30);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mixed_widths),
      cmocka_unit_test(random_programs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
