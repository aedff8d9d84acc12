/* Philox 4x32-10 against the known answers of Random123 (kat_vectors), and how draws use it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph_case.h"

static void known_answers(void **state) {
  (void)state;
  static const struct { uint32_t counter[4], key[2], result[4]; } vectors[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    uint32_t result[4];
    philox(result, vectors[i].counter, vectors[i].key);
    assert_memory_equal(result, vectors[i].result, sizeof result);
  }
}

static void elements_are_words_in_order(void **state) {
  (void)state;
  const uint32_t key[2] = {3, 5};
  for (uint64_t block = 0; block < 3; block++) {
    uint32_t words[4];
    philox(words, (uint32_t[]){(uint32_t)block, 0, 9, 1}, key);
    for (uint64_t i = 0; i < 4; i++)
      assert_int_equal(philox_element(key, 4 * block + i, (UINT64_C(1) << 32) + 9), words[i]);
  }
}

static void keys_depend_on_everything(void **state) {
  (void)state;
  static const uint64_t inputs[][3] = {{1, 2, 3}, {2, 2, 3}, {1, 3, 3}, {1, 2, 4},
                                       {UINT64_C(1) << 32, 2, 3}, {1, UINT64_C(2) << 32, 3},
                                       {1, 2, UINT64_C(3) << 32}};
  enum { COUNT = sizeof inputs / sizeof *inputs };
  uint32_t keys[COUNT][2];
  for (int i = 0; i < COUNT; i++) {
    philox_key(keys[i], inputs[i][0], inputs[i][1], inputs[i][2]);
    for (int k = 0; k < i; k++) assert_memory_not_equal(keys[i], keys[k], sizeof keys[i]);
  }
}

/* A graph draws what the functions say: seed 7 and step 3 are those of evaluate(). */
static void graphs_draw_the_same(void **state) {
  (void)state;
  arena *a = arena_new();
  graph *g = graph_from_text(a, "entry f() {\n"
                                "  %0 = key site=[-2] initial=[0]: i32[2]\n"
                                "  %1 = key site=[-2] initial=[1]: i32[2]\n"
                                "  %2 = constant ints=[4]: i64\n"
                                "  %3 = bits %0, %2: i32[2, 3]\n"
                                "  %4 = bits %1, %2: i32[2, 3]\n"
                                "  return now = %3, first = %4\n"
                                "}\n");
  tensor **drawn = evaluate(a, g, NULL);
  for (int initial = 0; initial < 2; initial++) {
    uint32_t key[2];
    philox_key(key, 7, (uint64_t)-2, initial ? 0 : 3);
    for (uint64_t i = 0; i < 6; i++)
      assert_int_equal(drawn[initial]->ints[i], (int32_t)philox_element(key, i, 4));
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_answers),
      cmocka_unit_test(elements_are_words_in_order),
      cmocka_unit_test(keys_depend_on_everything),
      cmocka_unit_test(graphs_draw_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
