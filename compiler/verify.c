#include "verify.h"

#include <string.h>

#include "op.h"

static bool has_node(const graph *g, const node *n) {
  return n && n->id >= 0 && n->id < g->node_count && g->nodes[n->id] == n;
}

static const char *operands_violation(const graph *g, const node *n, arena *a) {
  for (int i = 0; i < n->operand_count; i++) {
    if (!has_node(g, n->operands[i]))
      return arena_printf(a, "node %d: operand %d is not a node of the graph", n->id, i);
    if (n->operands[i]->id >= n->id)
      return arena_printf(a, "node %d: operand %%%d does not stand before it", n->id,
                          n->operands[i]->id);
  }
  return NULL;
}

static const char *attributes_violation(const node *n, arena *a) {
  if (n->attribute_count != op_attribute_count(n->op))
    return arena_printf(a, "node %d: %d attributes", n->id, n->attribute_count);
  for (int i = 0; i < n->attribute_count; i++) {
    char name[32];
    if (n->attributes[i].kind != op_attribute(n->op, i, name))
      return arena_printf(a, "node %d: attribute %s is of another kind", n->id, name);
    if (n->attributes[i].kind == ATTRIBUTE_TYPE && !type_check(n->attributes[i].type))
      return arena_printf(a, "node %d: attribute %s is not a valid type", n->id, name);
    const graph *inner = n->attributes[i].kind == ATTRIBUTE_GRAPH ? n->attributes[i].graph : NULL;
    const char *message = inner ? graph_violation(inner, a) : NULL;
    if (message) return arena_printf(a, "node %d: in its %s: %s", n->id, name, message);
  }
  return NULL;
}

/* The node is rebuilt by the ordinary way in a graph of its own, over what was built of its operands: their
 * number and all constraints are checked again and the types compared. Only a loop stands for itself, since what
 * its results are is read from it. */
static const char *type_violation(const node *n, graph *rebuilt, node **made) {
  arena *a = rebuilt->arena;
  node **operands = arena_array_of(a, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = made[n->operands[i]->id];
  node *again = graph_node(rebuilt, n->op, n->function, n->operand_count, operands,
                           n->attribute_count, n->attributes);
  if (!again)
    return arena_printf(a, "node %d: a constraint of %s is violated", n->id, op_infos[n->op].name);
  if (!type_equal(&again->type, &n->type))
    return arena_printf(a, "node %d: type %s where the type rule gives %s", n->id,
                        type_text(a, &n->type), type_text(a, &again->type));
  made[n->id] = n->op == OP_LOOP ? (node *)n : again;
  return NULL;
}

static const char *node_violation(const graph *g, int id, graph *rebuilt, node **made) {
  arena *a = rebuilt->arena;
  const node *n = g->nodes[id];
  if (!n || n->id != id) return arena_printf(a, "node %d does not stand at its id", id);
  if ((unsigned)n->op >= OP_COUNT || (n->op == OP_MAP && (unsigned)n->function >= SCALAR_COUNT))
    return arena_printf(a, "node %d: unknown operator", id);
  const char *message = operands_violation(g, n, a);
  if (!message) message = attributes_violation(n, a);
  return message ? message : type_violation(n, rebuilt, made);
}

static const char *inputs_violation(const graph *g, arena *a) {
  bool *listed = arena_array_of(a, g->node_count, bool);
  for (int i = 0; i < g->input_count; i++) {
    const node *n = g->inputs[i].node;
    if (!has_node(g, n) || n->op != OP_INPUT || listed[n->id])
      return arena_printf(a, "input %s is not an input node of its own", g->inputs[i].name);
    listed[n->id] = true;
  }
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_INPUT && !listed[id])
      return arena_printf(a, "node %d: an input that is not listed", id);
  return NULL;
}

static const char *slots_violation(const graph *g, arena *a) {
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    for (int k = 0; n->op == OP_SLOT && k < g->update_count; k++)
      if (strcmp(node_text(n, 0), g->updates[k].name) == 0 &&
          !type_equal(&n->type, &g->updates[k].node->type))
        return arena_printf(a, "slot %s is %s and its update is %s", g->updates[k].name,
                            type_text(a, &n->type), type_text(a, &g->updates[k].node->type));
    for (int k = 0; n->op == OP_SLOT && k < id; k++)
      if (g->nodes[k]->op == OP_SLOT && strcmp(node_text(n, 0), node_text(g->nodes[k], 0)) == 0 &&
          !type_equal(&n->type, &g->nodes[k]->type))
        return arena_printf(a, "slot %s has two types", node_text(n, 0));
  }
  return NULL;
}

static const char *results_violation(const graph *g, arena *a) {
  for (int i = 0; i < g->output_count; i++)
    if (!has_node(g, g->outputs[i].node))
      return arena_printf(a, "output %s is not a node of the graph", g->outputs[i].name);
  for (int i = 0; i < g->update_count; i++) {
    if (!has_node(g, g->updates[i].node))
      return arena_printf(a, "the update of %s is not a node of the graph", g->updates[i].name);
    for (int k = 0; k < i; k++)
      if (strcmp(g->updates[i].name, g->updates[k].name) == 0)
        return arena_printf(a, "slot %s is updated twice", g->updates[i].name);
  }
  return slots_violation(g, a);
}

const char *graph_violation(const graph *g, arena *a) {
  graph *rebuilt = graph_new(a, diag_new(a), "verify");
  node **made = arena_array_of(a, g->node_count, node *);
  for (int id = 0; id < g->node_count; id++) {
    const char *message = node_violation(g, id, rebuilt, made);
    if (message) return message;
  }
  const char *message = inputs_violation(g, a);
  return message ? message : results_violation(g, a);
}

void graph_verify(const graph *g, const char *after) {
  arena *a = arena_new();
  const char *message = graph_violation(g, a);
  if (message) internal_error("graph %s after %s: %s", g->name, after, message);
  arena_free(a);
}
