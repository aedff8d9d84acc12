/* Every operator and every elementwise function in every element type that it takes, derivatives of
 * the floating ones too: the graph interpreter, the loop interpreter and compiled C agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "differential.h"
#include "grad.h"
#include "graph_case.h"
#include "half.h"
#include "op.h"
#include "run_module.h"
#include "scalar.h"

/* Which types an operator takes: any, or numbers. */
typedef enum domain { ANY, NUMBERS } domain;

/* In the text, $ is the type, and ~ what begins a list of its values. */
typedef struct op_case {
  op_code op;
  domain domain;
  const char *text;
} op_case;

#define X35 "entry $NAME(x: $[5, 35]) { "
#define INDEX "%1 = constant ints=[4, -1, 0, 2, 2, 7]: i32[6] "
static const op_case op_cases[] = {
    {OP_CONSTANT, ANY, "entry $NAME() { %0 = constant ~=[1, 0, 1, 1, 1]: $[5] return y = %0 }"},
    {OP_IOTA, NUMBERS, "entry $NAME() { %0 = iota axis=[1]: $[3, 37] return y = %0 }"},
    {OP_RESHAPE, ANY, X35 "%1 = reshape %0: $[25, 7] return y = %1 }"},
    {OP_TRANSPOSE, ANY, X35 "%1 = transpose %0 axes=[1, 0]: $[35, 5] return y = %1 }"},
    {OP_BROADCAST, ANY, X35 "%1 = broadcast %0 axes=[0, 2]: $[5, 3, 35] return y = %1 }"},
    {OP_SLICE, ANY, X35 "%1 = slice %0 starts=[1, 2] limits=[5, 34] steps=[2, 3]: $[2, 11] "
                        "return y = %1 }"},
    {OP_PAD, ANY, X35 "%1 = pad %0 low=[1, -2] high=[0, 3] interior=[0, 1]: $[6, 70] "
                      "return y = %1 }"},
    {OP_WINDOW, ANY, X35 "%1 = broadcast %0 axes=[0, 1]: $[5, 35, 3] %2 = window %1 axes=[1] "
                         "taps=[2] strides=[2] dilations=[1] offsets=[-1] spacings=[1]: $[5, 18, 3] "
                         "return y = %2 }"},
    {OP_REVERSE, ANY, X35 "%1 = reverse %0 axes=[1]: $[5, 35] return y = %1 }"},
    {OP_CONCAT, ANY, X35 "%1 = concat %0, %0 axis=[1]: $[5, 70] return y = %1 }"},
    {OP_SUM, NUMBERS, X35 "%1 = sum %0 axes=[1]: $[5] return y = %1 }"},
    {OP_PROD, NUMBERS, X35 "%1 = prod %0 axes=[0]: $[35] return y = %1 }"},
    {OP_MAX, ANY, X35 "%1 = max %0 axes=[0, 1]: $ return y = %1 }"},
    {OP_MIN, ANY, X35 "%1 = min %0 axes=[1]: $[5] return y = %1 }"},
    {OP_ARGMAX, ANY, X35 "%1 = argmax %0 axes=[1]: i32[5] return y = %1 }"},
    {OP_ARGMIN, ANY, X35 "%1 = argmin %0 axes=[0]: i32[35] return y = %1 }"},
    {OP_GATHER, ANY, X35 INDEX "%2 = gather %0, %1 axis=[0]: $[6, 35] return y = %2 }"},
    {OP_SCATTER, ANY, "entry $NAME(x: $[5, 35], u: $[6, 35]) { "
                      "%2 = constant ints=[4, -1, 0, 2, 2, 7]: i32[6] "
                      "%3 = scatter %0, %2, %1 axis=[0]: $[5, 35] return y = %3 }"},
    {OP_SCATTER_ADD, NUMBERS, "entry $NAME(x: $[6, 35]) { " INDEX
                              "%2 = scatter_add %1, %0 axis=[0]: $[5, 35] return y = %2 }"},
    {OP_CUMSUM, NUMBERS, X35 "%1 = cumsum %0 axis=[1] exclusive=[0] reverse=[1]: $[5, 35] "
                             "return y = %1 }"},
    {OP_CUMPROD, NUMBERS, X35 "%1 = cumprod %0 axis=[0] exclusive=[1] reverse=[0]: $[5, 35] "
                              "return y = %1 }"},
    {OP_RECURRENCE, NUMBERS, "entry $NAME(x: $[5, 35], z: $[5, 35]) { "
                             "%2 = recurrence %0, %1 axis=[0] exclusive=[0] reverse=[0]: $[5, 35] "
                             "return y = %2 }"},
    {OP_ARGSORT, ANY, X35 "%1 = argsort %0 axis=[1] count=[9] descending=[1]: i32[5, 9] "
                          "return y = %1 }"},
    {OP_DOT, NUMBERS, "entry $NAME(x: $[5, 35], z: $[19, 35]) { "
                      "%2 = dot %0, %1 left_contract=[1] right_contract=[1]: $[5, 19] "
                      "return y = %2 }"},
    {OP_CONV, NUMBERS, "entry $NAME(x: $[2, 4, 9, 9], w: $[6, 2, 3, 3]) { "
                       "%2 = conv %0, %1 strides=[2, 1] low=[1, 0] high=[1, 2] left_dilation=[1, 1] "
                       "right_dilation=[1, 2] groups=[2]: $[2, 6, 5, 7] return y = %2 }"},
};
enum { OP_CASES = sizeof op_cases / sizeof *op_cases };

/* Operators whose types are fixed, or tested in another way. */
static const op_code others[] = {OP_INPUT, OP_SLOT, OP_KEY, OP_BITS, OP_MAP, OP_CAST, OP_RULE};

static const char *text_of(arena *a, const op_case *c, dtype t) {
  const char *text = "";
  for (const char *at = c->text; *at; at++) {
    bool name = strncmp(at, "$NAME", 5) == 0;
    if (name) {
      text = arena_printf(a, "%s%s", text, op_infos[c->op].name);
      at += 4;
    } else if (*at == '$') {
      text = arena_printf(a, "%s%s", text, dtype_name(t));
    } else if (*at == '~') {
      text = arena_printf(a, "%s%s", text, dtype_is_float(t) ? "reals" : "ints");
    } else {
      text = arena_printf(a, "%s%c", text, *at);
    }
  }
  return text;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

typedef struct graph_list {
  graph **items;
  int count;
} graph_list;

static graph *new_entry(arena *a, graph_list *list, const char *name) {
  return arena_push(a, list->items, list->count) = graph_new(a, NULL, name);
}

static void output(graph *g, node *n) {
  graph_add_output(g, arena_printf(g->arena, "y%d", g->output_count), n);
}

static void add_functions(arena *a, graph_list *list, dtype t) {
  graph *g = new_entry(a, list, "functions");
  tensor_type type = type_of(t, 1, (int64_t[]){131}), truth = type_of(DTYPE_BOOL, 1, (int64_t[]){131});
  node *x[3], *condition = graph_add_input(g, "c", &truth);
  for (int i = 0; i < 3; i++) x[i] = graph_add_input(g, arena_printf(a, "x%d", i), &type);
  for (int f = 0; f < SCALAR_COUNT; f++) {
    bool select = scalar_infos[f].kind == SCALAR_KIND_SELECT;
    dtype operands[3] = {select ? DTYPE_BOOL : t, t, t}, result;
    if (scalar_type(a, (scalar_function)f, operands, &result)) continue;
    node *chosen[3] = {select ? condition : x[0], x[1], x[2]};
    output(g, graph_node(g, OP_MAP, (scalar_function)f, scalar_infos[f].operands, chosen, 0, NULL));
  }
}

static void add_casts(arena *a, graph_list *list, dtype t) {
  graph *g = new_entry(a, list, "casts");
  tensor_type type = type_of(t, 1, (int64_t[]){131});
  node *x = graph_add_input(g, "x", &type);
  for (int to = 0; to < DTYPE_COUNT; to++)
    if ((dtype)to != t) output(g, build_cast(g, x, (dtype)to));
}

/* The derivatives of the sum of squares of a case's result. */
static void add_derivative(arena *a, graph_list *list, const op_case *c, dtype t) {
  graph *g = graph_from_text(a, text_of(a, c, t));
  node *y = g->outputs[0].node, *wanted[2];
  if (!dtype_is_float(y->type.element) || g->input_count == 0) return;
  g->name = arena_printf(a, "%s_derivative", g->name);
  g->output_count = 0;
  int64_t axes[MAX_RANK];
  for (int i = 0; i < y->type.rank; i++) axes[i] = i;
  node *square = build_map2(g, SCALAR_MUL, y, y);
  node *loss = build_reduce(g, OP_SUM, square, y->type.rank, axes);
  for (int i = 0; i < g->input_count; i++) wanted[i] = g->inputs[i].node;
  gradients *s = grad_sweep(g, loss, g->input_count, wanted);
  for (int i = 0; i < g->input_count; i++) output(g, grad_of(s, wanted[i]));
  arena_push(a, list->items, list->count) = g;
}

static void add_operators(arena *a, graph_list *list, dtype t) {
  for (int i = 0; i < OP_CASES; i++) {
    const char *text = text_of(a, &op_cases[i], t);
    if (t == DTYPE_BOOL && op_cases[i].domain == NUMBERS) {
      assert_non_null(strstr(graph_refusal(a, text), "bool"));
      continue;
    }
    arena_push(a, list->items, list->count) = graph_from_text(a, text);
    if (dtype_is_float(t)) add_derivative(a, list, &op_cases[i], t);
  }
}

/* ---- the test -------------------------------------------------------------------------------- */

static void check(dtype t, const char *cpu) {
  arena *a = arena_new();
  graph_list list = {0};
  add_operators(a, &list, t);
  add_functions(a, &list, t);
  add_casts(a, &list, t);
  differential_counts counts = {0};
  bool negative = dtype_is_float(t) || t == DTYPE_I8;
  const differential how = {.target = target_find(a, cpu), .seed = 5, .rounds = 1, .low = -1.5,
                            .high = 2, .least = negative || t > DTYPE_I8 ? -9 : 0, .most = 19,
                            .ways = ALL_WAYS, .counts = &counts};
  const char *wrong = differential_check(a, program_of_graphs(a, list.count, list.items), &how);
  if (wrong) fail_msg("%s for %s: %s", dtype_name(t), cpu, wrong);
  if ((double)counts.unknown > 0.05 * (double)counts.elements)
    fail_msg("%s: %lld of %lld elements have no bound", dtype_name(t), (long long)counts.unknown,
             (long long)counts.elements);
  arena_free(a);
}

/* The level that a type is compiled for; f16, which differs most between them, for two. */
static void integers(void **state) {
  (void)state;
  check(DTYPE_BOOL, "x86-64-v3");
  check(DTYPE_U8, "x86-64");
  check(DTYPE_I8, "x86-64-v3");
  check(DTYPE_I32, "x86-64-v2");
  check(DTYPE_I64, "x86-64-v3");
}

static void reals(void **state) {
  (void)state;
  check(DTYPE_BF16, "x86-64-v3");
  check(DTYPE_F16, "x86-64-v3");
  check(DTYPE_F16, "x86-64");
  check(DTYPE_F32, "x86-64-v2");
  check(DTYPE_F64, "x86-64-v3");
}

static void every_operator_has_a_case(void **state) {
  (void)state;
  for (int op = 0; op < OP_COUNT; op++) {
    bool found = op_has((op_code)op, LOOP); /* test_control.c */
    for (int i = 0; i < OP_CASES; i++) found = found || op_cases[i].op == (op_code)op;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
      found = found || others[i] == (op_code)op;
    if (!found) fail_msg("%s is not compiled in every type: add a graph to `op_cases` in this file", op_infos[op].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(integers), cmocka_unit_test(reals),
                                     cmocka_unit_test(every_operator_has_a_case)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
