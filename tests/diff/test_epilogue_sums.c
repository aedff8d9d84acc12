/* Sums of what follows from a product or convolution are formed by its kernel, tile by tile, and where tasks share out
 * the axes that are summed, part by part. In every way and for every width: the same as the graph interpreter's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compile.h"
#include "differential.h"
#include "module.h"
#include "source.h"

/* The value y, and sums of it; extents A to D and element types T are put in. */
typedef struct sum_form {
  const char *inputs, *value, *sums;
} sum_form;

static const sum_form forms[] = {
    {"x: T[A, C], w: T[C, B], z: T[A, B]", "(x @ w) * z", "s = sum[0](y)\nq = sum[0](y * y)"},
    {"x: T[A, C], w: T[B, C], z: T[B]", "x @ w.T + z", "s = sum[1](y)"},
    {"x: T[C, A], w: T[C, B]", "x.T @ w", "s = sum(y)\nq = sum(y * 3)"},
    {"x: T[D, A, C], w: T[D, C, B], z: T[D, A, B]", "(x @ w) * z", "s = sum[0, 1](y)"},
    {"x: T[D, A, C], w: T[C, B]", "x @ w", "s = sum[0, 2](y)\nq = sum[0, 2](y * x[0, 0, 0])"},
    {"x: T[C, 3, B, D], w: T[5, 3, 3, 2]", "conv[pad: 1](x, w)", "s = sum[0, 2, 3](y)\nq = sum[0, 2, 3](y * y)"},
    {"x: T[C, 2, B, D], w: T[D, 2, 2, 2]", "conv[pad: 1](x, w)", "s = sum[3](y)"},
    {"x: T[C, 4, A], w: T[8, 2, 3]", "conv[groups: 2, pad: 1](x, w)", "s = sum[0, 2](y)"},
};

/* Tasks share out the summed axes of the last. */
static const int sizes[][4] = {{1, 1, 1, 1}, {5, 1, 3, 2}, {1, 37, 4, 3}, {7, 16, 1, 1}, {23, 19, 9, 2}, {50, 33, 17, 3}, {200, 70, 160, 3}};

static const char *replaced(arena *a, const char *text, const char *type, const int *extents) {
  const char *result = "";
  for (const char *c = text; *c; c++) {
    const bool name = c > text && strchr("[, ", c[-1]) && strchr("],", c[1]) && c[1];
    if (*c == 'T' && c[1] == '[') result = arena_printf(a, "%s%s", result, type);
    else if (name && *c >= 'A' && *c <= 'D') result = arena_printf(a, "%s%d", result, extents[*c - 'A']);
    else result = arena_printf(a, "%s%c", result, *c);
  }
  return result;
}

static program *program_of(arena *a, const sum_form *f, const char *type, const int *extents) {
  const char *inputs = replaced(a, f->inputs, type, extents);
  const char *text = arena_printf(a, "entry e(%s) -> (y, s%s) {\n  y = %s\n%s\n}\n", inputs, strchr(f->sums, 'q') ? ", q" : "",
                                  f->value, f->sums);
  source *s = arena_new_of(a, source);
  *s = (source){.name = "sums.dnn", .text = text, .length = strlen(text)};
  program *p = elaborate(a, diag_new(a), s, &(elaborate_options){.real_f64 = false});
  if (!p) fail_msg("refused: %s", text);
  return p;
}

typedef struct sum_case {
  const sum_form *form;
  const char *type;
  const int *extents;
  const target *target;
  differential_ways ways;
} sum_case;

static const char *check(arena *a, void *context) {
  const sum_case *c = context;
  const differential how = {.target = c->target, .ways = c->ways, .seed = 7, .rounds = 1, .low = -1, .high = 1, .least = -9, .most = 9};
  return differential_check(a, program_of(a, c->form, c->type, c->extents), &how);
}

/* Each form and size in one element type for one target; every third is compiled, too. */
static void sums_agree(void **state) {
  (void)state;
  static const char *const types[] = {"f32", "f64", "i32"};
  arena *a = arena_new();
  const target **targets = differential_targets(a);
  size_t number = 0;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++, number++) {
      const size_t type = (i + k) % 3;
      sum_case c = {&forms[i], types[strstr(forms[i].value, "conv") ? type % 2 : type], sizes[k], differential_target(targets, number),
                    number % 3 ? LOOPS : ALL_WAYS};
      const char *wrong = differential_apart(a, check, &c);
      if (wrong) fail_msg("%s, form %zu, sizes %zu: %s", c.target->cpu, i, k, wrong);
    }
  arena_free(a);
}

/* One kernel forms product and sums, another adds up their parts where there are several; but for the smallest sizes, whose
 * vectors may lie the other way round. */
static void sums_are_in_the_kernel(void **state) {
  (void)state;
  int in_parts = 0, whole = 0;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    for (size_t k = 5; k < sizeof sizes / sizeof *sizes; k++) {
      arena *a = arena_new();
      diagnostics *d = diag_new(a);
      const module *m = compile_module(program_of(a, &forms[i], "f32", sizes[k]), d, &(compile_options){.target_cpu = "x86-64-v3"});
      int count;
      const kernel_call **calls = module_calls(a, &m->entries[m->entry_count - 1], &count);
      for (int n = 1; n < count; n++)
        if (!strstr(calls[n]->kernel->name, "sum_of_parts")) fail_msg("form %zu, sizes %zu: %s", i, k, calls[n]->kernel->name);
      *(count > 1 ? &in_parts : &whole) += 1;
      arena_free(a);
    }
  if (in_parts < 5 || whole < 5) fail_msg("%d in parts, %d whole", in_parts, whole);
}

/* What a kernel of rows would read again anyway stays with it: a mean that is subtracted. */
static void rows_keep_their_sums(void **state) {
  (void)state;
  static const sum_form form = {"x: T[A, C], w: T[C, B]", "x @ w", "s = y - mean[0, keep: true](y)"};
  arena *a = arena_new();
  const module *m = compile_module(program_of(a, &form, "f32", sizes[6]), diag_new(a), &(compile_options){.target_cpu = "x86-64-v3"});
  int count;
  const kernel_call **calls = module_calls(a, &m->entries[m->entry_count - 1], &count);
  assert_int_equal(count, 2);
  assert_null(strstr(calls[0]->kernel->name, "sum"));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums_agree), cmocka_unit_test(sums_are_in_the_kernel),
                                     cmocka_unit_test(rows_keep_their_sums)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
