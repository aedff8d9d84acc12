/* What an arena gives is aligned, zeroed and apart from all else, whatever its size and however what
 * lies before it was filled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

/* Sizes from none to several blocks, those around the room that is left among them. */
static size_t size_of_turn(unsigned turn) {
  static const size_t sizes[] = {1, 16, 0, 2033, 40, 3, 70000, 8000, 15, 32768, 500};
  return sizes[turn % 11] + turn / 11;
}

static void allocations_are_zeroed_and_apart(void **state) {
  (void)state;
  enum { TURNS = 300 };
  arena *a = arena_new();
  unsigned char *places[TURNS];
  for (unsigned i = 0; i < TURNS; i++) {
    size_t size = size_of_turn(i);
    places[i] = arena_alloc(a, size);
    assert_int_equal((uintptr_t)places[i] % 16, 0);
    for (size_t k = 0; k < size; k++) assert_int_equal(places[i][k], 0);
    memset(places[i], (int)(i % 255) + 1, size);
  }
  for (unsigned i = 0; i < TURNS; i++)
    for (size_t k = 0; k < size_of_turn(i); k++) assert_int_equal(places[i][k], i % 255 + 1);
  arena_free(a);
}

/* Every fiftieth is longer than the blocks that others share. */
static int length_of_turn(int turn) { return turn % 50 ? turn * 37 % 5500 : 69000; }

/* A text that has no room where it is first printed leaves nothing of it there. */
static void texts_are_whole_and_leave_nothing_behind(void **state) {
  (void)state;
  enum { TURNS = 2000 };
  static char filling[70000];
  memset(filling, 'x', sizeof filling - 1);
  arena *a = arena_new();
  const char *texts[TURNS];
  for (int i = 0; i < TURNS; i++) {
    texts[i] = arena_printf(a, "%d:%.*s", i, length_of_turn(i), filling);
    const unsigned char *after = arena_alloc(a, 24);
    for (int k = 0; k < 24; k++) assert_int_equal(after[k], 0);
  }
  for (int i = 0; i < TURNS; i++) {
    char number[16];
    int length = snprintf(number, sizeof number, "%d:", i);
    assert_int_equal(strlen(texts[i]), length + length_of_turn(i));
    assert_memory_equal(texts[i], number, (size_t)length);
    assert_int_equal(strspn(texts[i] + length, "x"), length_of_turn(i));
  }
  arena_free(a);
}

static void growing_keeps_what_was_there(void **state) {
  (void)state;
  arena *a = arena_new();
  int *items = NULL, count = 0;
  for (int i = 0; i < 10000; i++) arena_push(a, items, count) = i;
  for (int i = 0; i < 10000; i++) assert_int_equal(items[i], i);
  arena_free(a);
}

static void count_run(void *argument) { ++*(int *)argument; }

/* What was there before leaves nothing behind, and what was asked for at the end is done each time. */
static void a_cleared_arena_is_as_new(void **state) {
  (void)state;
  arena *a = arena_new();
  int runs = 0;
  for (int round = 0; round < 40; round++) {
    arena_at_end(a, count_run, &runs);
    for (unsigned i = 0; i < 10 + (unsigned)round; i++) {
      size_t size = size_of_turn(i + (unsigned)round);
      unsigned char *place = arena_alloc(a, size);
      for (size_t k = 0; k < size; k++) assert_int_equal(place[k], 0);
      memset(place, 255, size);
      arena_printf(a, "%d %u", round, i);
    }
    arena_clear(a);
    assert_int_equal(runs, round + 1);
  }
  arena_free(a);
  assert_int_equal(runs, 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocations_are_zeroed_and_apart),
      cmocka_unit_test(texts_are_whole_and_leave_nothing_behind),
      cmocka_unit_test(growing_keeps_what_was_there),
      cmocka_unit_test(a_cleared_arena_is_as_new),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
