#include "linear.h"

#include "build.h"
#include "op.h"

/* What is known of a value, as a function of those that are marked. The sum of two is the join in the
 * order ZERO < FIXED, LINEAR < OTHER. */
typedef enum linearity { ZERO, FIXED, LINEAR, OTHER } linearity;

static linearity sum_of(linearity x, linearity y) {
  if (x == y || y == ZERO) return x;
  return x == ZERO ? y : OTHER;
}

static linearity product_of(linearity x, linearity y) {
  if (x == ZERO || y == ZERO) return ZERO;
  if (x == FIXED) return y;
  return y == FIXED ? x : OTHER;
}

static bool varies(linearity x) { return x == LINEAR || x == OTHER; }

static linearity any_of(const node *n, const linearity *of) {
  for (int i = 0; i < n->operand_count; i++)
    if (varies(of[n->operands[i]->id])) return OTHER;
  return FIXED;
}

static linearity of_map(const node *n, const linearity *of) {
  const linearity x = of[n->operands[0]->id];
  const linearity y = n->operand_count > 1 ? of[n->operands[1]->id] : ZERO;
  const linearity z = n->operand_count > 2 ? of[n->operands[2]->id] : ZERO;
  switch (n->function) {
  case SCALAR_NEG: return x;
  case SCALAR_ADD: case SCALAR_SUB: return sum_of(x, y);
  case SCALAR_MUL: return product_of(x, y);
  case SCALAR_DIV: return varies(y) ? OTHER : x;
  case SCALAR_FMA: return sum_of(product_of(x, y), z);
  case SCALAR_SELECT: return varies(x) ? OTHER : sum_of(y, z);
  default: return any_of(n, of);
  }
}

/* ---- loops ------------------------------------------------------------------------------------ */

static linearity *of_nodes(arena *a, const graph *g, int count, linearity *of, const bool *given);

static linearity *of_inputs(arena *a, const graph *g, const linearity *inputs) {
  linearity *of = arena_array_of(a, g->node_count, linearity);
  bool *given = arena_array_of(a, g->node_count, bool);
  for (int i = 0; i < g->input_count; i++) {
    of[g->inputs[i].node->id] = inputs[i];
    given[g->inputs[i].node->id] = true;
  }
  return of_nodes(a, g, g->node_count, of, given);
}

/* Of the results, by number: carries are what they are before any turn or after it. */
static linearity *of_results(arena *a, const node *loop, const linearity *of) {
  const loop_shape s = loop_shape_of(loop);
  linearity *inputs = arena_array_of(a, s.body->input_count, linearity);
  linearity *results = arena_array_of(a, s.body->output_count, linearity);
  inputs[0] = FIXED;
  for (int i = 0; i < loop->operand_count; i++) inputs[1 + i] = of[loop->operands[i]->id];
  for (bool changed = true; changed;) {
    const linearity *now = of_inputs(a, s.body, inputs);
    changed = false;
    for (int i = 0; i < s.body->output_count; i++) {
      results[i] = now[s.body->outputs[i].node->id];
      if (i >= s.carries) continue;
      results[i] = sum_of(inputs[1 + i], results[i]);
      changed = changed || results[i] != inputs[1 + i];
      inputs[1 + i] = results[i];
    }
  }
  if (s.condition && varies(of_inputs(a, s.condition, inputs)[s.condition->outputs[0].node->id]))
    for (int i = 0; i < s.body->output_count; i++) results[i] = OTHER;
  return results;
}

/* ---- nodes ------------------------------------------------------------------------------------ */

static linearity of_node(const node *n, const linearity *of) {
  double value;
  if (node_is_splat(n, &value) && value == 0) return ZERO;
  if (n->operand_count == 0) return FIXED;
  const linearity x = of[n->operands[0]->id];
  switch (n->op) {
  case OP_MAP: return of_map(n, of);
  case OP_CAST:
    return dtype_is_float(n->type.element) && dtype_is_float(n->operands[0]->type.element)
               ? x : any_of(n, of);
  case OP_RESHAPE: case OP_TRANSPOSE: case OP_BROADCAST: case OP_SLICE: case OP_PAD: case OP_WINDOW:
  case OP_REVERSE: case OP_SUM: case OP_CUMSUM: case OP_RULE: return x;
  case OP_CONCAT: {
    linearity all = x;
    for (int i = 1; i < n->operand_count; i++) all = sum_of(all, of[n->operands[i]->id]);
    return all;
  }
  case OP_DOT: case OP_CONV: return product_of(x, of[n->operands[1]->id]);
  case OP_GATHER: return varies(of[n->operands[1]->id]) ? OTHER : x;
  case OP_SCATTER:
    return varies(of[n->operands[1]->id]) ? OTHER : sum_of(x, of[n->operands[2]->id]);
  case OP_SCATTER_ADD: case OP_RECURRENCE: return varies(x) ? OTHER : of[n->operands[1]->id];
  default: return any_of(n, of);
  }
}

/* Fills in, for nodes up to `count`, what is not given. */
static linearity *of_nodes(arena *a, const graph *g, int count, linearity *of, const bool *given) {
  linearity **results = arena_array_of(a, count, linearity *); /* of loops */
  for (int id = 0; id < count; id++) {
    const node *n = g->nodes[id];
    if (n->op == OP_LOOP) results[id] = of_results(a, n, of);
    if (given[id]) continue;
    const node *loop = n->op == OP_RESULT ? n->operands[0] : n;
    of[id] = loop->op == OP_LOOP ? results[loop->id][result_number(n)] : of_node(n, of);
  }
  return of;
}

const node *linear_obstacle(const graph *g, const node *value, int count, node *const *in) {
  arena *a = arena_new();
  linearity *of = arena_array_of(a, g->node_count, linearity);
  bool *given = arena_array_of(a, g->node_count, bool), *needed = arena_array_of(a, g->node_count, bool);
  for (int i = 0; i < count; i++) {
    of[in[i]->id] = LINEAR;
    given[in[i]->id] = true;
  }
  of_nodes(a, g, value->id + 1, of, given);
  const node *first = of[value->id] == FIXED ? value : NULL;
  needed[value->id] = of[value->id] == OTHER;
  for (int id = value->id; id >= 0; id--) {
    if (!needed[id] || of[id] != OTHER) continue;
    first = g->nodes[id];
    for (int i = 0; i < first->operand_count; i++) needed[first->operands[i]->id] = true;
  }
  arena_free(a);
  return first;
}
