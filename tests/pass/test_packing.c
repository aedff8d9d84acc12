/* Operands of products that the calls of an entry have in common are packed by prepare, those that the turns of a loop have
 * in common in front of it, and large ones in front of the product: where their kernels stand, and the same values as
 * the interpreter's. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "graph_case.h"
#include "run_module.h"

static const char *const targets[] = {"x86-64", "x86-64-v3", "x86-64-v4"};
enum { TARGET_COUNT = 3, PREPARE = 3, PLACES = 4 }; /* in so many loops of an entry, and in prepare */

/* Extents that $m, $k, $n stand for: of one, odd, and longer than vectors. */
typedef struct shape {
  int m, k, n;
} shape;

static const shape shapes[] = {{1, 1, 1}, {1, 33, 70}, {5, 8, 3}, {7, 40, 35}, {33, 130, 17}, {16, 64, 67}};
enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes };

static const char *filled(arena *a, const char *template, shape s) {
  const char *text = "";
  for (const char *c = template; *c; c++) {
    int extent = *c != '$' ? 0 : c[1] == 'm' ? s.m : c[1] == 'k' ? s.k : c[1] == 'n' ? s.n : 4 * s.n;
    text = extent ? arena_printf(a, "%s%d", text, extent) : arena_printf(a, "%s%c", text, *c);
    c += extent > 0;
  }
  return text;
}

/* Packing kernels inside so many loops. */
static void count(const module_code *code, int depth, int packings[PLACES]) {
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    if (s->call && strstr(s->call->kernel->name, "_pack")) packings[depth]++;
    if (!s->loop) continue;
    count(&s->loop->condition, depth + 1, packings);
    count(&s->loop->body, depth + 1, packings);
  }
}

static const char *place_text(arena *a, int place) {
  return place == PREPARE ? "by prepare" : arena_printf(a, "inside %d loops", place);
}

/* Exactly so many packings at each place, or at most. */
static void check_shape(const char *name, const int *expected, bool exactly, const char *text, const char *cpu) {
  arena *a = arena_new();
  const target *t = target_find(a, cpu);
  graph *g = graph_from_text(a, text);
  const module *m = module_build(a, program_of_graph(a, g), t);
  int packings[PLACES] = {[PREPARE] = m->prepare.count};
  count(&m->entries[1].code, 0, packings);
  for (int i = 0; i < PLACES; i++)
    if (exactly ? packings[i] != expected[i] : packings[i] > expected[i])
      fail_msg("%s, %s: %d packings %s where %d are expected\n%s", name, t->cpu, packings[i], place_text(a, i),
               expected[i], graph_to_text(a, g));
  const tolerance close = {.absolute = 1e-4, .relative = 1e-4};
  const char *fault = run_module_and_compare(a, m, g, -0.3, 0.3, close);
  if (fault) fail_msg("%s, %s: %s\n%s", name, t->cpu, fault, graph_to_text(a, g));
  arena_free(a);
}

/* Packings at each place of the last shape; of other shapes there may be fewer, but none elsewhere. */
static void check(const char *name, const int *expected, const char *template) {
  for (int i = 0; i < SHAPE_COUNT * TARGET_COUNT; i++) {
    arena *a = arena_new();
    const int number = i / TARGET_COUNT;
    check_shape(name, expected, number == SHAPE_COUNT - 1, filled(a, template, shapes[number]), targets[i % TARGET_COUNT]);
    arena_free(a);
  }
}

static void weights_of_a_state(void **state) {
  (void)state;
  check("a state", (int[]){1, 0, 0, 0},
        "entry f(h: f32[$m, $k], x: f32[$m, $n], u: f32[$k, $n], v: f32[$n, $k]) { "
        "  %4 = loop %0, %1, %2 turns=[6] carries=[1] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[$m, $k], x: f32[$m, $n], u: f32[$k, $n]) { "
        "    %4 = dot %1, %3 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %5 = add %4, %2: f32[$m, $n] %6 = tanh %1: f32[$m, $k] return h = %6, y = %5 }: f32[$m, $k] "
        "  %5 = result %4 number=[1]: f32[6, $m, $n] return a = %4, b = %5 }");
  check("in the order of a derivative", (int[]){1, 0, 0, 0},
        "entry f(h: f64[$m, $k], u: f64[$n, $k]) { "
        "  %2 = loop %0, %1 turns=[6] carries=[1] sequences=[0] reverse=[1] "
        "  body=(t: i64, h: f64[$m, $k], u: f64[$n, $k]) { "
        "    %3 = dot %1, %2 left_contract=[1] right_contract=[1]: f64[$m, $n] "
        "    %4 = cos %1: f64[$m, $k] return h = %4, y = %3 }: f64[$m, $k] "
        "  %3 = result %2 number=[1]: f64[6, $m, $n] return a = %2, b = %3 }");
}

/* Four gates, of which a tile has all. */
static void gates(void **state) {
  (void)state;
  check("gates", (int[]){1, 0, 0, 0},
        "entry f(h: f32[$m, $n], u: f32[$n, $4]) { "
        "  %2 = loop %0, %1 turns=[6] carries=[1] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[$m, $n], u: f32[$n, $4]) { "
        "    %3 = dot %1, %2 left_contract=[1] right_contract=[0]: f32[$m, $4] "
        "    %4 = reshape %3: f32[$m, 4, $n] "
        "    %5 = slice %4 starts=[0, 0, 0] limits=[$m, 1, $n] steps=[1, 1, 1]: f32[$m, 1, $n] "
        "    %6 = slice %4 starts=[0, 3, 0] limits=[$m, 4, $n] steps=[1, 1, 1]: f32[$m, 1, $n] "
        "    %7 = sigmoid %5: f32[$m, 1, $n] %8 = tanh %6: f32[$m, 1, $n] %9 = mul %7, %8: f32[$m, 1, $n] "
        "    %10 = reshape %9: f32[$m, $n] return h = %10 }: f32[$m, $n] return a = %2 }");
}

/* What a map makes of what the turns have in common is packed as it is made. */
static void computed_weights(void **state) {
  (void)state;
  check("scaled weights", (int[]){1, 0, 0, 0},
        "entry f(h: f32[$m, $k], u: f32[$k, $n], s: f32[$n]) { "
        "  %3 = loop %0, %1, %2 turns=[60] carries=[1] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[$m, $k], u: f32[$k, $n], s: f32[$n]) { "
        "    %4 = broadcast %3 axes=[1]: f32[$k, $n] %5 = mul %2, %4: f32[$k, $n] "
        "    %6 = dot %1, %5 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %7 = tanh %1: f32[$m, $k] return h = %7, y = %6 }: f32[$m, $k] "
        "  %4 = result %3 number=[1]: f32[60, $m, $n] return a = %3, b = %4 }");
  check("weights of nothing", (int[]){0, 0, 0, 1},
        "entry f(h: f32[$m, $k]) { "
        "  %1 = loop %0 turns=[60] carries=[1] sequences=[0] reverse=[0] body=(t: i64, h: f32[$m, $k]) { "
        "    %2 = iota axis=[0]: f32[$k, $n] %3 = iota axis=[1]: f32[$k, $n] "
        "    %4 = sub %2, %3: f32[$k, $n] %5 = sin %4: f32[$k, $n] "
        "    %6 = dot %1, %5 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %7 = tanh %1: f32[$m, $k] return h = %7, y = %6 }: f32[$m, $k] "
        "  %2 = result %1 number=[1]: f32[60, $m, $n] return a = %1, b = %2 }");
}

/* A loop packs once what two products multiply in the same way; a product that reads the weights in its
 * epilogue too has them in both ways. */
static void weights_with_several_readers(void **state) {
  (void)state;
  check("two products", (int[]){1, 0, 0, 0},
        "entry f(h: f32[$m, $k], g: f32[$m, $k], u: f32[$k, $n]) { "
        "  %3 = loop %0, %1, %2 turns=[6] carries=[2] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[$m, $k], g: f32[$m, $k], u: f32[$k, $n]) { "
        "    %4 = dot %1, %3 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %5 = dot %2, %3 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %6 = tanh %1: f32[$m, $k] %7 = cos %2: f32[$m, $k] "
        "    return h = %6, g = %7, y = %4, z = %5 }: f32[$m, $k] "
        "  %4 = result %3 number=[2]: f32[6, $m, $n] %5 = result %3 number=[3]: f32[6, $m, $n] "
        "  return a = %4, b = %5 }");
  check("an epilogue", (int[]){1, 0, 0, 0},
        "entry f(h: f32[$n, $n], u: f32[$n, $n]) { "
        "  %2 = loop %0, %1 turns=[6] carries=[1] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[$n, $n], u: f32[$n, $n]) { "
        "    %3 = dot %1, %2 left_contract=[1] right_contract=[0]: f32[$n, $n] %4 = add %3, %2: f32[$n, $n] "
        "    %5 = tanh %4: f32[$n, $n] return h = %5 }: f32[$n, $n] return a = %2 }");
}

/* In front of both loops what changes in neither, in the outer one what changes in that. */
static void nested_loops(void **state) {
  (void)state;
  check("nested", (int[]){1, 1, 0, 0},
        "entry f(h: f32[$m, $n], u: f32[$n, $n], v: f32[$n, $n]) { "
        "  %3 = loop %0, %2, %1 turns=[3] carries=[2] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[$m, $n], v: f32[$n, $n], u: f32[$n, $n]) { "
        "    %4 = loop %1, %3, %2 turns=[6] carries=[1] sequences=[0] reverse=[0] "
        "    body=(t: i64, h: f32[$m, $n], u: f32[$n, $n], v: f32[$n, $n]) { "
        "      %4 = dot %1, %2 left_contract=[1] right_contract=[0]: f32[$m, $n] %5 = tanh %4: f32[$m, $n] "
        "      %6 = dot %5, %3 left_contract=[1] right_contract=[1]: f32[$m, $n] %7 = tanh %6: f32[$m, $n] "
        "      return h = %7 }: f32[$m, $n] "
        "    %5 = cos %2: f32[$n, $n] return h = %4, v = %5 }: f32[$m, $n] return a = %3 }");
}

/* A condition multiplies too, and lets no turn run. */
static void conditions(void **state) {
  (void)state;
  check("a condition", (int[]){1, 0, 0, 0},
        "entry f(h: f32[$m, $k], u: f32[$k, $n]) { "
        "  %2 = loop %0, %1 turns=[6] carries=[1] sequences=[0] reverse=[0] "
        "  condition=(t: i64, h: f32[$m, $k], u: f32[$k, $n]) { "
        "    %3 = dot %1, %2 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %4 = sum %3 axes=[0, 1]: f32 %5 = neg %4: f32 %6 = eq %4, %5: bool return c = %6 } "
        "  body=(t: i64, h: f32[$m, $k], u: f32[$k, $n]) { "
        "    %3 = dot %1, %2 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %4 = tanh %1: f32[$m, $k] return h = %4, y = %3 }: f32[$m, $k] "
        "  %3 = result %2 number=[1]: f32[6, $m, $n] return a = %2, b = %3 }");
}

/* What turns change, or read as parts of a sequence, stays as it is. */
static void others_are_not_packed(void **state) {
  (void)state;
  check("carried and walked", (int[]){0, 0, 0, 0},
        "entry f(h: f32[$k, $n], us: f32[4, $m, $k]) { "
        "  %2 = loop %0, %1 turns=[4] carries=[1] sequences=[1] reverse=[0] "
        "  body=(t: i64, h: f32[$k, $n], u: f32[$m, $k]) { "
        "    %3 = dot %2, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] "
        "    %4 = tanh %1: f32[$k, $n] return h = %4, y = %3 }: f32[$k, $n] "
        "  %3 = result %2 number=[1]: f32[4, $m, $n] return a = %2, b = %3 }");
}

/* Products of operands that are larger than half of the second cache, each element of which is used often: in front of
 * the kernel, also in a turn; with maps in front and behind. */
static void large_products(void **state) {
  (void)state;
  check_shape("bias", (int[]){1, 0, 0, 0}, true,
              "entry f(x: f32[340, 300], w: f32[300, 220], b: f32[220]) { "
              "  %3 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[340, 220] "
              "  %4 = broadcast %2 axes=[1]: f32[340, 220] %5 = add %3, %4: f32[340, 220] "
              "  %6 = tanh %5: f32[340, 220] return y = %6 }", "x86-64-v3");
  check_shape("maps in front", (int[]){1, 0, 0, 0}, true,
              "entry f(x: f32[340, 300], w: f32[300, 220]) { "
              "  %2 = tanh %1: f32[300, 220] "
              "  %3 = dot %0, %2 left_contract=[1] right_contract=[0]: f32[340, 220] return y = %3 }", "x86-64-v3");
  check_shape("a turn", (int[]){0, 1, 0, 0}, true,
              "entry f(h: f32[340, 300], w: f32[2, 300, 300]) { "
              "  %2 = loop %0, %1 turns=[2] carries=[1] sequences=[1] reverse=[0] "
              "  body=(t: i64, h: f32[340, 300], w: f32[300, 300]) { "
              "    %3 = dot %1, %2 left_contract=[1] right_contract=[0]: f32[340, 300] "
              "    %4 = tanh %3: f32[340, 300] return h = %4, y = %3 }: f32[340, 300] "
              "  %3 = result %2 number=[1]: f32[2, 340, 300] return a = %2, b = %3 }", "x86-64-v3");
}

/* Slots, for all calls of an entry that writes none; what maps make of them; those of a loop in front of prepare's. */
static void slots(void **state) {
  (void)state;
  check("a layer", (int[]){0, 0, 0, 1},
        "entry f(x: f32[$m, $k]) { %1 = slot \"w\": f32[$k, $n] "
        "  %2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] return y = %2 }");
  check("scaled", (int[]){0, 0, 0, 1},
        "entry f(x: f32[$m, $k]) { %1 = slot \"w\": f32[$k, $n] %2 = slot \"s\": f32[$n] "
        "  %3 = broadcast %2 axes=[1]: f32[$k, $n] %4 = mul %1, %3: f32[$k, $n] "
        "  %5 = dot %0, %4 left_contract=[1] right_contract=[0]: f32[$m, $n] return y = %5 }");
  check("a loop", (int[]){0, 0, 0, 1},
        "entry f(h: f64[$m, $n]) { %1 = slot \"u\": f64[$n, $n] "
        "  %2 = loop %0, %1 turns=[6] carries=[1] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f64[$m, $n], u: f64[$n, $n]) { "
        "    %3 = dot %1, %2 left_contract=[1] right_contract=[0]: f64[$m, $n] %4 = tanh %3: f64[$m, $n] "
        "    return h = %4 }: f64[$m, $n] return a = %2 }");
  check("a loop, one of its weights an input", (int[]){1, 0, 0, 1},
        "entry f(h: f32[$m, $n], v: f32[$n, $n]) { %2 = slot \"u\": f32[$n, $n] "
        "  %3 = loop %0, %1, %2 turns=[6] carries=[1] sequences=[0] reverse=[0] "
        "  body=(t: i64, h: f32[$m, $n], v: f32[$n, $n], u: f32[$n, $n]) { "
        "    %4 = dot %1, %2 left_contract=[1] right_contract=[0]: f32[$m, $n] %5 = tanh %4: f32[$m, $n] "
        "    %6 = dot %5, %3 left_contract=[1] right_contract=[0]: f32[$m, $n] %7 = tanh %6: f32[$m, $n] "
        "    return h = %7 }: f32[$m, $n] return a = %3 }");
}

/* What an entry writes, if only a counter, it packs itself, if at all. */
static void slots_of_a_writer(void **state) {
  (void)state;
  check("a writer", (int[]){0, 0, 0, 0},
        "entry f(x: f32[$m, $k]) { %1 = slot \"w\": f32[$k, $n] %2 = slot \"c\": f32[$n] "
        "  %3 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[$m, $n] %4 = neg %2: f32[$n] "
        "  return y = %3 update \"c\" = %4 }");
}

/* Two entries that multiply with one slot in the same way have it packed once. */
static void slots_of_several_entries(void **state) {
  (void)state;
  arena *a = arena_new();
  static const char *const texts[] = {
      "entry f(x: f32[64, 50]) { %1 = slot \"w\": f32[50, 67] "
      "  %2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[64, 67] return y = %2 }",
      "entry g(x: f32[64, 50]) { %1 = slot \"w\": f32[50, 67] "
      "  %2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[64, 67] %3 = tanh %2: f32[64, 67] return y = %3 }",
      "entry h(x: f32[64, 50]) { %1 = slot \"v\": f32[50, 67] "
      "  %2 = dot %0, %1 left_contract=[1] right_contract=[0]: f32[64, 67] return y = %2 }"};
  graph *graphs[3];
  int64_t bytes = 0;
  for (int count = 1; count <= 3; count++) {
    for (int i = 0; i < count; i++) graphs[i] = graph_from_text(a, texts[i]);
    const module *m = module_build(a, program_of_graphs(a, count, graphs), test_target(a));
    assert_int_equal(m->prepare.count, count == 3 ? 2 : 1);
    if (count == 1) bytes = m->constant_bytes;
    assert_true(bytes > 0);
    assert_int_equal(m->constant_bytes, bytes * m->prepare.count);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_of_a_state),
      cmocka_unit_test(gates),
      cmocka_unit_test(computed_weights),
      cmocka_unit_test(weights_with_several_readers),
      cmocka_unit_test(nested_loops),
      cmocka_unit_test(conditions),
      cmocka_unit_test(others_are_not_packed),
      cmocka_unit_test(large_products),
      cmocka_unit_test(slots),
      cmocka_unit_test(slots_of_a_writer),
      cmocka_unit_test(slots_of_several_entries),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
