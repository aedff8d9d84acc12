#include "task_generated.h"

#include <string.h>

#include "expression.h"
#include "task_run.h"

static bool has_input(const graph *g, const char *name) {
  bool found = false;
  for (int i = 0; i < g->input_count; i++) found = found || !strcmp(g->inputs[i].name, name);
  return found;
}

/* The number of the call is all that there is of time. */
static bool depends_on_training(elaborator *e, const graph *expression) {
  const int *uses = graph_uses(expression, e->arena);
  for (int i = 0; i < expression->input_count; i++)
    if (strcmp(expression->inputs[i].name, "step") && uses[expression->inputs[i].node->id]) return true;
  return false;
}

/* The arguments of the entry, which are all of its inputs; false after an error. */
static bool read_arguments(elaborator *e, const ast *call, const graph *g, data_set *set) {
  int errors = diag_count(e->diagnostics);
  for (int i = 0; i < call->items.count; i++) {
    const ast *item = call->items.items[i];
    if (item->kind != AST_NAMED || !has_input(g, item->name)) {
      elaborator_error(e, item->at, "an entry that makes data takes its own inputs, by name");
      continue;
    }
    graph *expression = task_argument(e, item->name, item->value);
    if (expression && depends_on_training(e, expression))
      elaborator_error(e, item->at, "data that an entry makes depends on step, the number of the call, and on no epoch");
    arena_push(e->arena, set->arguments, set->argument_count) =
        (run_argument){item->name, expression, item->at};
  }
  for (int i = 0; i < g->input_count; i++) {
    bool given = false;
    for (int k = 0; k < set->argument_count; k++)
      given = given || !strcmp(set->arguments[k].name, g->inputs[i].name);
    if (!given || (g->inputs[i].node && g->inputs[i].node->type.rank))
      elaborator_error(e, call->at, "the input `%s` of %s gets no value: give a number, as in %s: 1",
                       g->inputs[i].name, set->entry, g->inputs[i].name);
  }
  return diag_count(e->diagnostics) == errors;
}

/* It makes the same whenever it is called, and rows: all of its outputs as many. */
static bool check_entry(elaborator *e, location at, const graph *g) {
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_SLOT) {
      elaborator_error(e, at, "%s makes data, so it reads and updates no parameter or state", g->name);
      return false;
    }
  if (!g->output_count || entry_writes(g)) {
    elaborator_error(e, at, "%s makes data, so it returns some and updates nothing", g->name);
    return false;
  }
  for (int i = 0; i < g->output_count; i++) {
    const node *first = g->outputs[0].node, *n = g->outputs[i].node;
    if (!n || !first) return false;
    if (n->type.rank && first->type.rank && n->type.dims[0].maximum == first->type.dims[0].maximum) continue;
    elaborator_error(e, at, "the outputs of an entry that makes data have as many rows; `%s` of %s is %s",
                     g->outputs[i].name, g->name, type_text(e->arena, &n->type));
    return false;
  }
  return true;
}

/* train: 100 */
static bool add_split(elaborator *e, const ast *n, const graph *g, data_set *set, int64_t *calls) {
  data_split split = {.name = n->name, .first = *calls};
  if (n->kind != AST_NAMED) {
    elaborator_error(e, n->at, "the parts of data that an entry makes are written as in train: 100, "
                     "a number of calls");
    return false;
  }
  if (!elaborator_integer(e, n->at, expression_value(e, n->value), "a number of calls", &split.calls))
    return false;
  if (split.calls < 1 || split.calls > INT32_MAX) {
    elaborator_error(e, n->at, "a number of calls is at least 1, not %lld", (long long)split.calls);
    return false;
  }
  *calls += split.calls;
  for (int i = 0; i < g->output_count; i++) {
    data_column column = {.name = g->outputs[i].name, .at = set->at};
    arena_push(e->arena, split.columns, split.column_count) = column;
  }
  arena_push(e->arena, set->splits, set->split_count) = split;
  return true;
}

bool task_generated(elaborator *e, const ast *n, data_set *set) {
  const ast *call = n->items.items[0];
  set->entry = task_entry(e, call);
  const graph *g = set->entry ? program_entry(e->program, set->entry) : NULL;
  if (!g || !check_entry(e, call->at, g) || !read_arguments(e, call, g, set)) return false;
  int64_t calls = 0;
  bool good = n->items.count > 1;
  if (!good) elaborator_error(e, n->at, "how many calls? As in data(%s(), train: 100, test: 10)", set->entry);
  for (int i = 1; i < n->items.count; i++) good = add_split(e, n->items.items[i], g, set, &calls) && good;
  return good;
}
