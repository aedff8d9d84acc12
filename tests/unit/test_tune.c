/* dnnc --tune: it measures, its file is an input of later compilations, and changes the kernels that it names, and
 * nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "file.h"
#include "tool_case.h"

static const char product[] = "entry product(a: f32[6, 40], b: f32[40, 32]) -> (c) { c = a @ b }\n"
                              "entry half(a: f32[100]) -> (c) { c = 0.5 * a }\n";

/* What is passed to kernels: sizes of a call, turns, packed and computed operands, draws, every type. */
static const char everything[] =
    "param w: f32[24, 24] = 0.1 * normal[shape]()\n"
    "entry rows[n <= 20](x: f32[n, 24]) -> (y) { y = x @ w + normal[n, 24]() }\n"
    "entry turns(x: f32[5, 8, 24]) -> (y) {\n"
    "  h = zeros[8, 24]()\n"
    "  scan p in x { h = tanh(p @ w + h @ w) }\n"
    "  y = h\n"
    "}\n"
    "entry types(a: f16[8, 16], b: f16[16, 8], c: f64[8, 8], d: i32[8, 8], e: u8[8, 16], f: f32[16, 4]) -> (p, q, r, s) {\n"
    "  p = a @ b\n"
    "  q = c @ (2 * c)\n"
    "  r = d @ d\n"
    "  s = (f32(e) / 255) @ f\n"
    "}\n";

static void write_text(const char *name, const char *text) {
  const char *error;
  const file_part part = {text, strlen(text)};
  if (!file_replace(tool_arena(), tool_path("%s", name), 1, &part, &error)) fail_msg("%s", error);
}

static const char *read_text(const char *name) {
  const char *error;
  size_t bytes;
  const char *text = file_read(tool_arena(), tool_path("%s", name), &bytes, &error);
  if (!text) fail_msg("%s", error);
  return text;
}

static int count_of(const char *text, const char *part) {
  int count = 0;
  for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) count++;
  return count;
}

static void expect_part(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("no \"%s\" in: %s", part, text);
}

static void what_is_measured_is_used(void **state) {
  (void)state;
  write_text("product.dnn", product);
  const char *said = tool_compile(0, "--tune product.dnn");
  expect_part(said, "dnnc: 1 kernels measured; of ");
  expect_part(said, " written to product.tune\n");
  const char *tuned = read_text("product.tune");
  assert_int_equal(count_of(tuned, "\nx86-64-v3 | f32: m 6 by 32, n 32 by 1, k 40 summed; "), 1);
  assert_int_equal(count_of(tuned, "\n"), 3);
  assert_int_equal(count_of(tool_shell("ls %s | grep product", tool_path(".")), "\n"), 2); /* nothing is left over */
  assert_string_equal(tool_compile(0, "--tune=product.tune product.dnn -o product.so"), "");
  tool_compile(0, "--tune=product.tune product.dnn -o one.c --prefix=product");
  tool_compile(0, "--tune=product.tune product.dnn -o two.c --prefix=product");
  tool_shell("cd %s; sed s/two.h/one.h/ two.c | cmp - one.c", tool_path("."));
}

static void every_kernel_is_measured(void **state) {
  (void)state;
  write_text("everything.dnn", everything);
  expect_part(tool_compile(0, "--tune everything.dnn -o all.tune"), "dnnc: 7 kernels measured");
  const char *tuned = read_text("all.tune");
  assert_int_equal(count_of(tuned, "\nx86-64-v3 | "), 7);
  expect_part(tuned, "m up to 20");
  expect_part(tuned, "alike in 5000 runs");
  expect_part(tuned, "computed in ");
  assert_string_equal(tool_compile(0, "--tune=all.tune everything.dnn -o everything.so"), "");
  tool_expect(0, "check everything.dnn");
}

/* The text without the function of a kernel; what that is, into *kernel. */
static const char *without_kernel(const char *text, const char *name, const char **kernel) {
  const char *start = strstr(text, arena_printf(tool_arena(), "static __attribute__((noinline)) void %s", name));
  if (!start) fail_msg("no kernel %s in: %s", name, text);
  const char *end = strstr(start, "\n}\n");
  *kernel = arena_text_n(tool_arena(), start, (size_t)(end - start));
  return arena_printf(tool_arena(), "%.*s%s", (int)(start - text), text, end);
}

#define KERNEL "f32: m 6 by 32, n 32 by 1, k 40 summed; left: m of 6 by 40, k of 40 by 1; right: k of 40 by 32, n of 32 by 1; " \
               "1 elements behind each sum"

static void write_choice(const char *schedule) {
  write_text("chosen.tune", arena_printf(tool_arena(), "dnnc tuning 1\n\nx86-64-v3 | " KERNEL " | %s | 2 us | 1 us\n", schedule));
}

static void nothing_else_changes(void **state) {
  (void)state;
  write_text("product.dnn", product);
  const char *estimated, *chosen, *plain = tool_compile(0, "--emit=c product.dnn");
  write_choice("8 lanes along n; tile m 3, n 2; left direct; right direct; right first");
  const char *tuned = tool_compile(0, "--tune=chosen.tune --emit=c product.dnn");
  assert_string_equal(without_kernel(plain, "k0_dot", &estimated), without_kernel(tuned, "k0_dot", &chosen));
  assert_null(strstr(estimated, "tile m 3 n 2"));
  expect_part(chosen, "/* 8 lanes along n; tile m 3 n 2 */");
}

static void other_processors_and_models(void **state) {
  (void)state;
  write_text("product.dnn", product);
  write_choice("8 lanes along n; tile m 3, n 2; left direct; right direct; right first");
  expect_part(tool_compile(0, "--tune=chosen.tune --target-cpu=x86-64 product.dnn -o one.c --prefix=product"),
              "dnnc: chosen.tune: 1 of 1 kernels were measured for another processor (x86-64-v3) than x86-64, and are ignored\n");
  assert_string_equal(tool_compile(0, "--target-cpu=x86-64 product.dnn -o two.c --prefix=product"), "");
  tool_shell("cd %s; sed s/two.h/one.h/ two.c | cmp - one.c", tool_path("."));
  write_text("other.dnn", "entry e(x: f32[8]) -> (y) { y = x + 1 }\n");
  expect_part(tool_compile(0, "--tune=chosen.tune other.dnn"),
              "dnnc: chosen.tune: none of its kernels occurs in this model\n");
  expect_part(tool_compile(0, "--tune other.dnn"), "dnnc: 0 kernels measured");
}

static void wrong_files_and_uses(void **state) {
  (void)state;
  write_text("product.dnn", product);
  write_choice("8 lanes along n; tile m 5, n 2; left direct; right direct; right first");
  const char *said = tool_compile(1, "--tune=chosen.tune product.dnn -o refused.c");
  expect_part(said, "chosen.tune:3:");
  expect_part(said, "this is no schedule that can be chosen for the kernel");
  assert_false(file_exists(tool_path("refused.c")));
  expect_part(tool_compile(1, "--tune=product.dnn product.dnn"), "product.dnn:1:1: error: `dnnc tuning 1` was expected");
  expect_part(tool_compile(1, "--tune=missing.tune product.dnn"), "No such file");
  expect_part(tool_compile(1, "--tune product.dnn -o missing/product.tune"), "cannot write missing/product.tune");
  expect_part(tool_compile(1, "--tune product.dnn --cc=false"), "false failed with status 1");
  tool_compile(2, "--tune --emit=c product.dnn");
  tool_compile(2, "--tune --tune=chosen.tune product.dnn");
  tool_compile(2, "--tune --memory product.dnn");
}

/* dnn compiles for the processor at hand. */
static void dnn_takes_files_too(void **state) {
  (void)state;
  write_text("product.dnn", product);
  tool_compile(0, "--tune product.dnn --target-cpu=native -o native.tune");
  const char *said = tool_expect(0, "bench product.dnn --tune=native.tune --seconds=0 --threads=1");
  if (strstr(said, "warning")) fail_msg("%s", said);
  write_text("other.tune", "dnnc tuning 1\nx86-64 | a | b | 2 us | 1 us\n");
  expect_part(tool_expect(0, "profile product.dnn --tune=other.tune --seconds=0 --threads=1"),
              "warning: other.tune: 1 of 1 kernels were measured for another processor (x86-64) than ");
  expect_part(tool_expect(1, "bench product.dnn --tune=product.dnn"), "product.dnn:1:1: error: `dnnc tuning 1` was expected");
  expect_part(tool_expect(1, "bench product.dnn --tune=missing.tune"), "No such file");
  tool_expect(2, "run product.so product --tune=native.tune");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_measured_is_used), cmocka_unit_test(every_kernel_is_measured),
      cmocka_unit_test(nothing_else_changes),     cmocka_unit_test(other_processors_and_models),
      cmocka_unit_test(wrong_files_and_uses),     cmocka_unit_test(dnn_takes_files_too)};
  return cmocka_run_group_tests(tests, tool_set_up, tool_tear_down);
}
