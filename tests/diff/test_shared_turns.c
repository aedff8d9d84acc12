/* Turns that carry nothing are shared out among tasks, each with a frame of scratch of its own: the same values for every
 * number of threads, every width of vectors, whatever the turns read and wherever their results lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "compile.h"
#include "differential.h"
#include "module.h"
#include "source.h"

/* Programs with the number of turns in the place of TURNS. */
static const char *const programs[] = {
    /* an output, from sequences and an invariant */
    "entry e(ms: f32[TURNS, 24, 20], w: f32[24, 24]) -> (y) {\n"
    "  y = scan m in ms { s = m @ m.T; e = exp(s - max[1, keep: true](s)); emit (e / sum[1, keep: true](e) + w) @ m }\n}\n",
    /* scalars, the turn, and draws, to scratch */
    "entry e(ms: f64[TURNS, 11, 37], rate: f64, count: i32) -> (y) {\n"
    "  ys = scan m, t in ms, 0..TURNS { u = f64(uniform[37, 11]()); emit (m @ u) * rate + f64(t - count) }\n"
    "  y = cumsum[0](sum[1, 2](ys))\n}\n",
    /* parameters and states, two stacks, in an outer loop that carries something */
    "param w: f32[16, 16] = 0.5\nstate seen: f32[16] = 0\n"
    "entry e(ms: f32[3, TURNS, 24, 16]) -> (y, z) {\n"
    "  h = 0.5 * ones[16]()\n"
    "  (y, z) = scan rows in ms {\n"
    "    (a, b) = scan m in rows { s = (m * h) @ (m.T); emit softmax(s) @ (m @ w + seen), max(s) }\n"
    "    h = tanh(h + mean[0, 1](a))\n"
    "    emit a, b\n"
    "  }\n"
    "  seen <- h\n}\n",
    /* the derivative, in reverse */
    "entry e(ms: f32[TURNS, 24, 16], v: f32[16, 24]) -> (y, g) {\n"
    "  y = sum(scan m in ms { s = tanh(m @ v); emit sum(s @ s) })\n  g = grad(y, ms)\n}\n",
};

static program *program_of(arena *a, const char *form, int turns) {
  const char *text = "use nn\n";
  for (const char *at; (at = strstr(form, "TURNS")); form = at + strlen("TURNS"))
    text = arena_printf(a, "%s%.*s%d", text, (int)(at - form), form, turns);
  text = arena_printf(a, "%s%s", text, form);
  source *s = arena_new_of(a, source);
  *s = (source){.name = "turns.dnn", .text = text, .length = strlen(text)};
  diagnostics *d = diag_new(a);
  program *p = elaborate(a, d, s, &(elaborate_options){.real_f64 = false});
  if (!p) fail_msg("refused: %s", text);
  return p;
}

/* The most tasks of a loop. */
static int most_tasks(const module_code *code) {
  int most = 0;
  for (int i = 0; i < code->count; i++) {
    const module_loop *l = code->steps[i].loop;
    if (!l) continue;
    const int inner = most_tasks(&l->body);
    if (l->tasks > most) most = l->tasks;
    if (inner > most) most = inner;
  }
  return most;
}

static int tasks_of(const char *form, int turns) {
  arena *a = arena_new();
  const module *m = compile_module(program_of(a, form, turns), diag_new(a), &(compile_options){.target_cpu = "x86-64-v3"});
  const int tasks = most_tasks(&m->entries[m->entry_count - 1].code);
  arena_free(a);
  return tasks;
}

typedef struct turns_case {
  const char *form;
  int turns;
  const target *target;
  differential_ways ways;
} turns_case;

static const char *check(arena *a, void *context) {
  const turns_case *c = context;
  const differential how = {.target = c->target, .ways = c->ways, .seed = 7, .rounds = 2, .low = -1, .high = 1, .least = -9, .most = 9,
                            .random_slots = true};
  return differential_check(a, program_of(a, c->form, c->turns), &how);
}

static void expect_agreement(const turns_case *c) {
  arena *a = arena_new();
  const char *wrong = differential_apart(a, check, (void *)c);
  if (wrong) fail_msg("%s, %d turns of %s: %s", c->target->cpu, c->turns, c->form, wrong);
  arena_free(a);
}

/* Numbers of turns that tasks share evenly, and that they do not. */
static void turns_agree(void **state) {
  (void)state;
  static const int turns[] = {16, 67};
  arena *a = arena_new();
  const target **targets = differential_targets(a);
  size_t number = 0;
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
    for (size_t k = 0; k < sizeof turns / sizeof *turns; k++, number++) {
      const int tasks = tasks_of(programs[i], turns[k]);
      if (tasks < 2 || tasks > turns[k]) fail_msg("%d tasks for %d turns of %s", tasks, turns[k], programs[i]);
      expect_agreement(&(turns_case){programs[i], turns[k], differential_target(targets, number), ALL_WAYS});
    }
  arena_free(a);
}

/* One turn follows the other where it needs something of it, where a condition may end them, where a turn's scratch is large,
 * where there is little to do, where few turns would take the tasks from their kernels, and where one has a loop. */
static void turns_that_are_not(void **state) {
  (void)state;
  static const char *const others[] = {
      "entry e(ms: f32[TURNS, 24, 24]) -> (y) { h = zeros[24, 24](); y = scan m in ms { h = tanh(m @ h) + m; emit h @ h } }\n",
      "entry e(ms: f32[TURNS, 24, 24]) -> (y) { y = scan m in ms while sum(m @ m) > 0 { s = softmax(m @ m.T); emit s @ m } }\n",
      "entry e(ms: f32[TURNS, 512, 512]) -> (y) { y = scan m in ms { s = softmax(m @ m.T); emit s @ m } }\n",
      "entry e(ms: f32[TURNS, 4, 4]) -> (y) { y = scan m in ms { s = softmax(m @ m.T); emit s @ m } }\n",
      "entry e(ms: f32[5, 200, 200]) -> (y) { y = scan m in ms { s = softmax(m @ m.T); emit s @ m } }\n",
      "entry e[n <= TURNS](ms: f32[n, 200, 200]) -> (y) { y = scan m in ms { s = softmax(m @ m.T); emit s @ m } }\n"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (tasks_of(others[i], 32) != 0) fail_msg("%d tasks for %s", tasks_of(others[i], 32), others[i]);
  const char *nested = "entry e(ms: f32[TURNS, 20, 24, 24]) -> (y) {\n"
                       "  y = scan rows in ms { emit scan m in rows { s = softmax(m @ m.T); emit s @ m } }\n}\n";
  arena *a = arena_new();
  const module *m = compile_module(program_of(a, nested, 32), diag_new(a), &(compile_options){.target_cpu = "x86-64-v3"});
  const module_loop *outer = m->entries[m->entry_count - 1].code.steps[0].loop;
  assert_true(outer->tasks == 0 && most_tasks(&outer->body) > 1);
  arena_free(a);
}

/* Attention over rows in blocks, and some that are left over. */
static void attention(void **state) {
  (void)state;
  static const char *const forms[] = {
      "use attention\nentry e(q: f32[TURNS, 8], k: f32[512, 8], v: f32[512, 4]) -> (y) {\n  y = dot_attention(q, k, v)\n}\n",
      "use attention\nentry e(q: f32[TURNS, 8], k: f32[TURNS, 8], v: f32[TURNS, 4]) -> (y) {\n"
      "  y = dot_attention(q, k, v, causal[TURNS]())\n}\n"};
  arena *a = arena_new();
  const target **targets = differential_targets(a);
  size_t number = 0;
  static const int rows[] = {512, 521};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++, number++) {
      if (tasks_of(forms[i], rows[k]) < 16) fail_msg("%d rows of %s", rows[k], forms[i]);
      expect_agreement(&(turns_case){forms[i], rows[k], differential_target(targets, number), ALL_WAYS});
    }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(turns_agree), cmocka_unit_test(turns_that_are_not),
                                     cmocka_unit_test(attention)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
