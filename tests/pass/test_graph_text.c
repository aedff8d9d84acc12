/* The text of graphs: round trips, and text that is wrong. And the verifier on broken graphs. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "graph_case.h"
#include "graph_text.h"
#include "op.h"
#include "verify.h"

/* Every form of line. */
static const char sample[] =
    "entry train(image: u8[2, 4], rate: f32, \"odd name\" %4: f32[n <= 7, 3]) {\n"
    "  %2 = slot \"net.\\\"w\\\"\\\\\\x0a\": f32[4, 3]\n"
    "  %3 = cast %0: f32[2, 4]\n"
    "  %5 = dot %3, %2 left_contract=[1] right_contract=[0]: f32[2, 3]\n"
    "  %6 = constant reals=[1, -0, 0.1, inf, -inf, nan]: f32[2, 3]\n"
    "  %7 = mul %5, %6: f32[2, 3]\n"
    "  %8 = constant ints=[-9223372036854775808]: i64\n"
    "  %9 = key site=[-1] initial=[0]: i32[2]\n"
    "  %10 = bits %9, %8: i32[5]\n"
    "  %11 = sum %7 axes=[0, 1]: f32\n"
    "  %12 = iota axis=[1]: i32[2, 3]\n"
    "  %13 = concat %12, %12, %12 axis=[0]: i32[6, 3]\n"
    "  %14 = broadcast %1: f32[2, 3]\n"
    "  %15 = loop %1, %7 turns=[2] carries=[1] sequences=[1] reverse=[1] condition=(t: i64, h: f32, x: f32[3]) {\n"
    "    %3 = loop %0 carries=[1] sequences=[0] reverse=[0] condition=(t: i64, n: i64) {\n"
    "      %2 = lt %0, %1: bool\n"
    "      return more = %2\n"
    "    } body=(\"odd name\" %1: i64, n %0: i64) {\n"
    "      return n = %0\n"
    "    }: i64\n"
    "    %4 = ne %3, %0: bool\n"
    "    return more = %4\n"
    "  } body=(t: i64, h: f32, x: f32[3]) {\n"
    "    return h = %1, x = %2\n"
    "  }: f32\n"
    "  %16 = result %15 number=[1]: f32[2, 3]\n"
    "  return loss = %11, \"1st\" = %13\n"
    "  update \"net.w\" = %14\n"
    "  update \"seed\" = %10\n"
    "}\n";

static void round_trip(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, sample);
  assert_string_equal(graph_to_text(a, g), sample);
  assert_string_equal(g->inputs[2].name, "odd name");
  assert_int_equal(g->inputs[2].node->id, 4);
  assert_string_equal(node_text(g->nodes[2], 0), "net.\"w\"\\\n");
  assert_int_equal(g->nodes[3]->at.line, 3);
  arena_free(a);
}

static void reals_read_back(void **state) {
  (void)state;
  static const double values[] = {0.1,
                                  1.0 / 3,
                                  1e-7,
                                  5e-324,
                                  1.7976931348623157e308,
                                  -0.0,
                                  123456789012345677.0,
                                  0x1.fffffep127,
                                  0x1.000002p0};
  enum { COUNT = sizeof values / sizeof *values };
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "f");
  tensor_type type = type_of(DTYPE_F64, 1, (int64_t[]){COUNT});
  graph_add_output(g, "x", build_constant(g, &type, NULL, values));
  graph *again = graph_from_text(a, graph_to_text(a, g));
  assert_memory_equal(again->nodes[0]->attributes[2].reals, values, sizeof values);
  arena_free(a);
}

static void comments_and_blanks(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "# a comment\nentry f ( x :f32 [ 2 ] )\r\n{ # another\n"
                                "%1=exp %0 : f32[2] return y=%1 }\n# the end");
  assert_string_equal(graph_to_text(a, g),
                      "entry f(x: f32[2]) {\n  %1 = exp %0: f32[2]\n  return y = %1\n}\n");
  arena_free(a);
}

static void refusals(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } wrong[] = {
      {"", "expected 'entry'"},
      {"entry", "expected a name"},
      {"entry f(x: f16x) {}", "element type"},
      {"entry f(x: f32[0]) {}", "at least 1"},
      {"entry f(x: f32[99999999999999999999]) {}", "at least 1"},
      {"entry f(x: f32[1,1,1,1,1,1,1,1,1]) {}", "at most 8"},
      {"entry f(x: f64[4294967296, 4294967296]) {}", "too large"},
      {"entry f(x %5: f32) {}", "not its own"},
      {"entry f(x %1: f32, y %1: f32) {}", "not its own"},
      {"entry f(x: f32, y %0: f32) {}", "not its own"},
      {"entry f(x: f32) { %2 = exp %0: f32 }", "%1 is next"},
      {"entry f(x: f32) { %1 = exp %1: f32 }", "not defined above"},
      {"entry f(x: f32) { %1 = exp %-1: f32 }", "node's number"},
      {"entry f(x: f32) { %1 = exq %0: f32 }", "'exq'"},
      {"entry f(x: f32) { %1 = map %0: f32 }", "'map'"},
      {"entry f(x: f32) { %1 = input: f32 }", "'input'"},
      {"entry f(x: f32) { %1 = exp %0: f64 }", "the type is f32, not f64"},
      {"entry f(x: f32) { %1 = exp %0 }", "attribute"},
      {"entry f(x: f32[2]) { %1 = sum %0 axis=[0]: f32 }", "attribute of sum"},
      {"entry f(x: f32[2]) { %1 = sum %0 axes=[0] axes=[0]: f32 }", "attribute of sum"},
      {"entry f(x: f32[2]) { %1 = sum %0 axes=[0.5]: f32 }", "expected"},
      {"entry f(x: f32[2]) { %1 = sum %0 axes=[0: f32 }", "expected ','"},
      {"entry f() { %0 = constant reals=[0x]: f32 }", "expected"},
      {"entry f() { %0 = constant reals=[infinite]: f32 }", "expected"},
      {"entry f() { %0 = slot \"w: f32 }", "expected '\"'"},
      {"entry f() { %0 = slot \"\\q\": f32 }", "hexadecimal"},
      {"entry f(h: f32) { %1 = loop %0 turns=[2] carries=[1] sequences=[0] reverse=[0] "
       "body=(t: i64, h: f32) { %2 = exp %0: f32 return h = %2 }: f32 }", "exp C2"},
      {"entry f(h: f32) { %1 = loop %0 turns=[2] body=(t: i64, h: f32) { return h = %2 }: f32 }",
       "not defined above"},
      {"entry f(h: f32) { %1 = loop %0 turns=[2] body=[1]: f32 }", "expected '('"},
      {"entry f(h: f32) { %1 = loop %0 turns=(): f32 }", "expected '['"},
      {"entry f() { %0 = slot w: f32 }", "expected '\"'"},
      {"entry f(x: f32) { return y = %1 }", "not defined above"},
      {"entry f(x: f32) { update \"w\" = %0 update \"w\" = %0 }", "updated twice"},
      {"entry f(x: f32) { } more", "end of the text"},
      {"entry f(x: f32) { return y = %0", "expected '}'"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    arena *a = arena_new();
    const char *message = graph_refusal(a, wrong[i].text);
    if (!strstr(message, wrong[i].message))
      fail_msg("%s\nsays '%s', not '%s'", wrong[i].text, message, wrong[i].message);
    arena_free(a);
  }
}

/* Reads text that may be wrong: it ends with a graph that verifies and prints, or with an error. */
static void survives(const char *text, size_t length) {
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  source s = {.name = "hostile", .text = arena_text_n(a, text, length), .length = length};
  graph *g = graph_parse(a, d, &s);
  assert_true(g ? diag_count(d) == 0 : diag_count(d) > 0);
  if (g && graph_violation(g, a))
    fail_msg("%s\n%s", graph_violation(g, a), s.text);
  if (g) {
    const char *once = graph_to_text(a, g);
    assert_string_equal(graph_to_text(a, graph_from_text(a, once)), once);
  }
  arena_free(a);
}

static void hostile_text(void **state) {
  (void)state;
  static const char bytes[] = "%=[]():,\"\\ 0129-.aefx{}<\n";
  size_t length = strlen(sample);
  for (size_t end = 0; end < length; end++)
    survives(sample, end);
  char text[sizeof sample];
  const uint32_t key[2] = {1, 2};
  for (uint64_t turn = 0; turn < 3000; turn++) {
    memcpy(text, sample, sizeof sample);
    for (uint64_t k = 0; k <= turn % 3; k++)
      text[philox_element(key, 2 * k, turn) % length] =
          bytes[philox_element(key, 2 * k + 1, turn) % (sizeof bytes - 1)];
    survives(text, length);
  }
}

/* The verifier -------------------------------------------------------------------------------- */

static graph *sound(arena *a) {
  return graph_from_text(a, "entry f(x: f32[2, 3], y: f32[2, 3]) {\n"
                            "  %2 = slot \"w\": f32[2, 3]\n"
                            "  %3 = add %0, %1: f32[2, 3]\n"
                            "  %4 = sum %3 axes=[1]: f32[2]\n"
                            "  return r = %4\n"
                            "  update \"w\" = %3\n"
                            "}\n");
}

static void operand_behind(graph *g) {
  node **operands = (node **)g->nodes[3]->operands;
  operands[1] = g->nodes[4];
}
static void operand_foreign(graph *g) {
  node **operands = (node **)g->nodes[3]->operands;
  node *copy = arena_new_of(g->arena, node);
  *copy = *operands[0];
  operands[0] = copy;
}
static void wrong_id(graph *g) { g->nodes[3]->id = 2; }
static void wrong_element(graph *g) { g->nodes[4]->type.element = DTYPE_F64; }
static void wrong_shape(graph *g) { g->nodes[3]->type.dims[0].maximum = 3; }
static void wrong_operand_count(graph *g) { g->nodes[3]->operand_count = 1; }
static void wrong_attribute_count(graph *g) { g->nodes[4]->attribute_count = 0; }
static void wrong_attribute_kind(graph *g) {
  ((attribute *)g->nodes[4]->attributes)->kind = ATTRIBUTE_REALS;
}
static void wrong_axis(graph *g) { ((int64_t *)g->nodes[4]->attributes[0].ints)[0] = 2; }
static void input_twice(graph *g) { g->inputs[1] = g->inputs[0]; }
static void input_unlisted(graph *g) { g->input_count = 1; }
static void input_other(graph *g) { g->inputs[0].node = g->nodes[3]; }
static void output_foreign(graph *g) { g->outputs[0].node = NULL; }
static void update_type(graph *g) { g->updates[0].node = g->nodes[4]; }
static void unknown_operator(graph *g) { g->nodes[3]->op = OP_COUNT; }

static void verifier_finds(void **state) {
  (void)state;
  static void (*const breakers[])(graph *) = {
      operand_behind,        operand_foreign,      wrong_id,
      wrong_element,         wrong_shape,          wrong_operand_count,
      wrong_attribute_count, wrong_attribute_kind, wrong_axis,
      input_twice,           input_unlisted,       input_other,
      output_foreign,        update_type,          unknown_operator};
  for (size_t i = 0; i < sizeof breakers / sizeof *breakers; i++) {
    arena *a = arena_new();
    graph *g = sound(a);
    assert_null(graph_violation(g, a));
    breakers[i](g);
    if (!graph_violation(g, a))
      fail_msg("fault %d is not found", (int)i);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),          cmocka_unit_test(reals_read_back),
      cmocka_unit_test(comments_and_blanks), cmocka_unit_test(refusals),
      cmocka_unit_test(hostile_text),        cmocka_unit_test(verifier_finds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
