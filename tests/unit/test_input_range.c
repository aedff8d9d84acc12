/* Which numbers an entry takes at which places of an input: a part that is used as class numbers or indices has a
 * range, what is used otherwise, or only perhaps, has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "feed_cut.h"
#include "input_range.h"

static arena *memory;

static const graph *entry_of(const char *input, const char *body) {
  diagnostics *d = diag_new(memory);
  source *file = arena_new_of(memory, source);
  const char *text = arena_printf(memory, "use nn\nuse loss\nparam table: f32[5, 2] = 0.5\n"
                                          "entry e(t: %s) -> (y) {\n%s\n}\n", input, body);
  *file = (source){.name = "range.dnn", .text = text, .length = strlen(text)};
  const program *p = elaborate(memory, d, file, &(elaborate_options){0});
  diag_print(d, stderr);
  assert_non_null(p);
  return p->entries[0];
}

/* What all uses mean at one place, "0-4" or "-". */
static const char *range_at(const graph *g, int64_t position) {
  const node *input = g->inputs[0].node;
  const index_uses all = input_index_uses(memory, g, input);
  const char *text = "";
  for (int i = 0; i < all.count; i++) {
    const index_use *use = &all.uses[i];
    if (!index_use_region(use, &input->type, position)) continue;
    text = arena_printf(memory, "%s%s%lld:%lld", text, *text ? "&" : "", (long long)use->low, (long long)use->high);
  }
  return *text ? text : "-";
}

static void expect(const char *input, const char *body, const char *expected) {
  const graph *g = entry_of(input, body);
  const char *text = "";
  for (int64_t i = 0; i < type_elements(&g->inputs[0].node->type); i++)
    text = arena_printf(memory, "%s%s%s", text, i ? " " : "", range_at(g, i));
  if (strcmp(text, expected)) fail_msg("%s: %s\n  has %s\n  not %s", input, body, text, expected);
}

static void views_are_followed(void **state) {
  (void)state;
  expect("u8[2, 3]", "y = table[t]", "0:4 0:4 0:4 0:4 0:4 0:4");
  expect("u8[2, 3]", "y = table[t[:, 2]]", "- - 0:4 - - 0:4");
  expect("u8[2, 3]", "y = table[t.T[1:]]", "- 0:4 0:4 - 0:4 0:4");
  expect("u8[6]", "y = table[t[1::2][:2]]", "- 0:4 - 0:4 - -");
  expect("u8[6]", "y = table[reverse[0](t[:2])]", "0:4 0:4 - - - -");
  expect("u8[6]", "y = table[reverse[0](t)[:2]]", "- - - - 0:4 0:4");
  expect("u8[6]", "y = table[reverse[0](t)[1::3]]", "- 0:4 - - 0:4 -");
  expect("u8[6]", "y = table[reshape[2, 3](t)]", "0:4 0:4 0:4 0:4 0:4 0:4");
  expect("u8[2, 3]", "y = table[t[0][new, :, new]]", "0:4 0:4 0:4 - - -");
  expect("u8[2, 3]", "y = table[concat[1](t, u8(zeros[2, 1]()))[:, 1:]]", "- 0:4 0:4 - 0:4 0:4");
  expect("u8[6]", "y = table[concat[0](t[4:], t[:2])[1:3]]", "0:4 - - - - 0:4");
  expect("u8[6]", "y = mean(cross_entropy(zeros[4, 3](), t[2:]))", "- - 0:2 0:2 0:2 0:2");
}

static void several_uses_hold_together(void **state) {
  (void)state;
  expect("u8[4]", "y = sum(table[t[:-1]]) + mean(cross_entropy(zeros[3, 3](), t[1:]))", "0:4 0:2&0:4 0:2&0:4 0:2");
  expect("u8[4]", "y = sum(table[t[:2]]) + sum(table[t[1:]])", "0:4 0:4 0:4 0:4");
}

static void constants_shift_the_range(void **state) {
  (void)state;
  expect("i32[2]", "y = table[t - 1]", "1:5 1:5");
  expect("i32[2]", "y = table[2 + t]", "-2:2 -2:2");
  expect("i32[2]", "y = table[7 - t]", "3:7 3:7");
  expect("u8[2]", "y = table[i32(t) + 2]", "0:2 0:2");
  expect("i32[2]", "y = table[concat[0](t[:1] - 1, t[:1] - 1)]", "1:5 -");
  /* neighbours may lie beside the axis, the number itself may not */
  expect("i32[2]", "y = table[t - 1] + table[t] + table[t + 1]", "0:4 0:4");
  expect("i32[2]", "y = table[t - 1] + table[t + 1]", "- -");
}

/* u8: 255 + 1 is 0, so it is meant. Of i64 what a cast to i32 leaves counts. */
static void arithmetic_wraps(void **state) {
  (void)state;
  const graph *g = entry_of("u8[2]", "y = table[i32(t + 1)]");
  const index_use *use = input_index_uses(memory, g, g->inputs[0].node).uses;
  for (int value = 0; value < 256; value++)
    assert_int_equal(index_use_means(use, value), (uint8_t)(value + 1) < 5);
  g = entry_of("i64[2]", "y = table[i32(t)]");
  use = input_index_uses(memory, g, g->inputs[0].node).uses;
  assert_true(index_use_means(use, (INT64_C(1) << 32) + 4));
  assert_false(index_use_means(use, (INT64_C(1) << 32) + 5));
  assert_false(index_use_means(use, -1));
  expect("u8[1]", "y = zeros[1000]()[i32(t + 1)]", "-"); /* all are meant */
  expect("u8[1]", "y = zeros[256]()[i32(t) + 100]", "0:155");
}

static void loops_are_followed(void **state) {
  (void)state;
  expect("u8[3]", "y = scan x in t { emit table[x] }", "0:4 0:4 0:4");
  expect("u8[3]", "y = scan x in t[1:] { emit table[x] }", "- 0:4 0:4");
  expect("u8[2, 3]", "y = scan x in t { emit table[x[1:]] }", "- 0:4 0:4 - 0:4 0:4");
  expect("u8[2, 3]", "y = scan x in t.T { emit table[x] }", "0:4 0:4 0:4 0:4 0:4 0:4");
  expect("u8[3]", "y = scan k in 0..2 { emit table[t[2]] * f32(k) }", "- - 0:4");
  expect("u8[2, 3]", "y = scan k in 0..2 { emit table[t[:, k]] }", "0:4 0:4 - 0:4 0:4 -");
  expect("u8[4]", "y = scan k in 0..2 { emit table[t[k + 1] - 1] }", "- 1:5 1:5 -");
  expect("u8[2, 3]", "y = scan x in t { emit scan z in x[:2] { emit table[z] } }", "0:4 0:4 - 0:4 0:4 -");
  expect("u8[3]", "y = scan x in t { emit cross_entropy(zeros[4](), x) }", "0:3 0:3 0:3");
  expect("u8[4]", "h = zeros[2]()\nscan[checkpoint: 2] x in t { h = h + table[x] }\ny = h", "0:4 0:4 0:4 0:4");
}

static void what_is_not_known_is_free(void **state) {
  (void)state;
  expect("u8[3]", "y = f32(t) / 255", "- - -");
  expect("u8[3]", "y = mean(cross_entropy(zeros[3, 3](), t > 0 ? t - 1 : 0))", "- - -");
  expect("u8[3]", "y = table[t % 5]", "- - -");
  expect("u8[3]", "y = table[min[0](t)]", "- - -");
  expect("u8[3]", "y = t == u8(iota[3]())", "- - -"); /* each meets one number only */
  expect("u8[2, 3]", "y = table[reshape[6](t)[1:]]", "- - - - - -");
  expect("u8[3]", "h = 0.0\nscan x in t while h < 1 { h = h + sum(table[x]) }\ny = h", "- - -");
  expect("u8[3]", "i = i32(0)\nscan x in t { i = i32(x) }\ny = table[i]", "- - -");
}

/* ---- pieces ----------------------------------------------------------------------------------- */

/* The pieces that are found for each row are those that hold it. */
static void expect_holders(feed_source s) {
  for (int64_t row = 0; row < s.extent; row++) {
    int64_t found = 0, held = 0, piece;
    for (int64_t p = 0; p < s.rows; p++) {
      const feed_piece at = feed_cut_piece(&s, p);
      held += row >= at.first && row < at.first + at.count;
    }
    for (; (piece = feed_cut_holder(&s, row, found)) >= 0; found++) {
      const feed_piece at = feed_cut_piece(&s, piece);
      assert_true(row >= at.first && row < at.first + at.count);
    }
    assert_int_equal(found, held);
  }
}

static void pieces_that_hold_a_row(void **state) {
  (void)state;
  expect_holders((feed_source){.extent = 7, .rows = 7});
  for (int64_t step = 1; step < 6; step++)
    for (int kind = CUT_WINDOWS; kind <= CUT_STREAMS; kind++) {
      feed_source s = {.extent = 29, .cut = {.kind = kind, .length = 3, .step = step}};
      assert_null(feed_cut_rows(memory, &s, NULL, 2));
      expect_holders(s);
    }
  feed_source sequences = {.extent = 9, .cut = {.kind = CUT_SEQUENCES, .length = 4}};
  const array key = {.element = DTYPE_U8, .rank = 1, .extents = {9}, .data = (uint8_t[]){1, 1, 2, 3, 3, 3, 3, 1, 1}};
  assert_null(feed_cut_rows(memory, &sequences, &key, 1));
  expect_holders(sequences);
}

static int set_up(void **state) {
  (void)state;
  memory = arena_new();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  arena_free(memory);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(views_are_followed),
      cmocka_unit_test(several_uses_hold_together),
      cmocka_unit_test(constants_shift_the_range),
      cmocka_unit_test(arithmetic_wraps),
      cmocka_unit_test(loops_are_followed),
      cmocka_unit_test(what_is_not_known_is_free),
      cmocka_unit_test(pieces_that_hold_a_row),
  };
  return cmocka_run_group_tests_name("ranges of inputs", tests, set_up, tear_down);
}
