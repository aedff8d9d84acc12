#include "pass.h"

#include <string.h>
#include <time.h>

#include "concat_split.h"
#include "contraction.h"
#include "fission.h"
#include "reduce_split.h"
#include "loops.h"
#include "rewrite.h"
#include "simplify.h"
#include "turns.h"
#include "verify.h"
#include "widen.h"

static node *without_rule(graph *g, node *n) {
  (void)g;
  return n->op == OP_RULE ? n->operands[0] : n;
}

/* The second walk drops what only rules read. */
graph *pass_intern(const graph *g) { return rewrite_graph(rewrite_graph(g, without_rule), NULL); }

graph *pass_simplify(const graph *g) {
  return rewrite_graph(rewrite_graph(g, simplify_node), NULL); /* the second walk drops what is dead */
}

static graph *pass_split(const graph *g) { return concat_split(reduce_split(contraction_split(g))); }

const graph_pass graph_passes[] = {
    {"intern", pass_intern, "nothing", "every value, bit for bit"},
    {"loops", pass_loops, "interned", "every value, bit for bit; interned"},
    {"simplify", pass_simplify, "nothing", "values, within pass.h's terms; interned"},
    {"fission", pass_fission, "simplified",
     "values, but for the order in which sums over turns are formed; simplified"},
    {"widen", pass_widen, "nothing", "values; no contraction or scatter_add is of f16 or bf16"},
    {"turns", pass_turns, "interned, behind fission", "every value; interned"},
    {"split", pass_split, "nothing", "values, but for the order in which terms are combined"},
};
const int graph_pass_count = sizeof graph_passes / sizeof *graph_passes;

bool pass_is(const char *name) {
  for (int i = 0; i < graph_pass_count; i++)
    if (strcmp(graph_passes[i].name, name) == 0) return true;
  return false;
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

graph *pass_run(const graph *g, int count, const graph_pass *passes,
                const pass_observer *observer) {
  graph *now = (graph *)g;
  graph_verify(now, "elaboration");
  for (int i = 0; i < count; i++) {
    double start = seconds_now();
    now = passes[i].run(now);
    if (observer && observer->time)
      observer->time(observer->context, passes[i].name, seconds_now() - start);
    graph_verify(now, passes[i].name);
    if (observer && observer->dump) observer->dump(observer->context, passes[i].name, now);
  }
  return now;
}
