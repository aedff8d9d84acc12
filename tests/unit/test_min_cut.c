/* Least cuts against all choices of nodes, on random graphs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "min_cut.h"

enum { MOST = 9, TRIALS = 3000 };

/* True where a last node can be reached from a first one past the nodes that are cut. */
static bool leaks(int count, const cut_node *nodes, const bool *cut) {
  bool reached[MOST] = {false};
  for (int v = 0; v < count; v++) {
    if (nodes[v].first) reached[v] = true;
    if (!reached[v] || cut[v]) continue;
    if (nodes[v].last) return true;
    for (int i = 0; i < nodes[v].next_count; i++) reached[nodes[v].next[i]] = true;
  }
  return false;
}

static int64_t cost_of(int count, const cut_node *nodes, const bool *cut) {
  int64_t cost = 0;
  for (int v = 0; v < count; v++) cost += cut[v] ? nodes[v].cost : 0;
  return cost;
}

static int64_t least_cost(int count, const cut_node *nodes) {
  int64_t least = INT64_MAX;
  for (unsigned choice = 0; choice < 1u << count; choice++) {
    bool cut[MOST];
    for (int v = 0; v < count; v++) cut[v] = choice >> v & 1;
    if (leaks(count, nodes, cut)) continue;
    int64_t cost = cost_of(count, nodes, cut);
    if (cost < least) least = cost;
  }
  return least;
}

static void cuts_are_least(void **state) {
  (void)state;
  unsigned seed = 1;
  for (int trial = 0; trial < TRIALS; trial++) {
    arena *a = arena_new();
    int count = 1 + rand_r(&seed) % MOST;
    cut_node *nodes = arena_array_of(a, count, cut_node);
    for (int v = 0; v < count; v++) {
      nodes[v].cost = rand_r(&seed) % 6;
      nodes[v].first = rand_r(&seed) % 3 == 0;
      nodes[v].last = rand_r(&seed) % 3 == 0;
      for (int to = v + 1; to < count; to++)
        if (rand_r(&seed) % 3 == 0) arena_push(a, nodes[v].next, nodes[v].next_count) = to;
    }
    const bool *cut = min_cut(a, count, nodes);
    assert_false(leaks(count, nodes, cut));
    assert_int_equal(cost_of(count, nodes, cut), least_cost(count, nodes));
    arena_free(a);
  }
}

/* Of equal cuts that nearest to the end: what is cut there need not be followed any further. */
static void the_last_cut_is_taken(void **state) {
  (void)state;
  arena *a = arena_new();
  cut_node nodes[3] = {{.cost = 4, .first = true}, {.cost = 4}, {.cost = 4, .last = true}};
  for (int v = 0; v < 2; v++) arena_push(a, nodes[v].next, nodes[v].next_count) = v + 1;
  const bool *cut = min_cut(a, 3, nodes);
  assert_true(!cut[0] && !cut[1] && cut[2]);
  nodes[1].cost = 3;
  cut = min_cut(a, 3, nodes);
  assert_true(!cut[0] && cut[1] && !cut[2]);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cuts_are_least),
      cmocka_unit_test(the_last_cut_is_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
