#include "graph.h"

#include <math.h>
#include <string.h>

#include "op.h"
#include "scalar.h"

graph *graph_new(arena *a, diagnostics *d, const char *name) {
  graph *g = arena_new_of(a, graph);
  g->arena = a;
  g->diagnostics = d;
  g->name = arena_text(a, name);
  return g;
}

static void *copy(arena *a, const void *from, size_t count, size_t size) {
  void *to = arena_array(a, count, size);
  if (count > 0) memcpy(to, from, count * size);
  return to;
}

/* A type of the graph's own: symbols too are copied, since the caller's arena may be another. */
static const tensor_type *copy_type(arena *a, const tensor_type *from) {
  tensor_type *to = copy(a, from, 1, sizeof *from);
  for (int i = 0; i < to->rank && i < MAX_RANK; i++)
    if (to->dims[i].symbol) to->dims[i].symbol = arena_text(a, to->dims[i].symbol);
  return to;
}

static attribute copy_attribute(arena *a, const attribute *from) {
  attribute to = {.kind = from->kind, .count = from->count};
  size_t count = (size_t)from->count;
  switch (from->kind) {
  case ATTRIBUTE_INTS: to.ints = copy(a, from->ints, count, sizeof *from->ints); break;
  case ATTRIBUTE_REALS: to.reals = copy(a, from->reals, count, sizeof *from->reals); break;
  case ATTRIBUTE_TEXT: to.text = arena_text(a, from->text); break;
  case ATTRIBUTE_TYPE: to.type = copy_type(a, from->type); break;
  case ATTRIBUTE_GRAPH: to.graph = from->graph; break;
  }
  return to;
}

static void check_attributes(op_code op, int count, const attribute *attributes) {
  ensure(count == op_attribute_count(op));
  for (int i = 0; i < count; i++) {
    char name[32];
    ensure(attributes[i].kind == op_attribute(op, i, name));
  }
}

/* What is wrong with the node, or NULL and its type. */
static const char *violation(arena *a, const node *n, tensor_type *type) {
  const op_info *info = &op_infos[n->op];
  int most = n->op == OP_MAP ? scalar_infos[n->function].operands : info->most;
  int least = n->op == OP_MAP ? most : info->least;
  const char *name = n->op == OP_MAP ? scalar_infos[n->function].name : info->name;
  if (n->operand_count < least || n->operand_count > most)
    return arena_printf(a, "%s: %d operands where %d are needed", name, n->operand_count,
                        n->operand_count < least ? least : most);
  for (int i = 0; i < n->attribute_count; i++)
    if (n->attributes[i].kind == ATTRIBUTE_TYPE && !type_check(n->attributes[i].type))
      return arena_printf(a, "%s: the tensor is too large or has an extent below 1", name);
  const char *message = op_definitions[n->op]->type(a, n, type);
  if (!message && !type_check(type))
    message = arena_printf(a, "%s: the result is too large or has an extent below 1", name);
  return message;
}

node *graph_node(graph *g, op_code op, scalar_function function, int operand_count,
                 node *const *operands, int attribute_count, const attribute *attributes) {
  for (int i = 0; i < operand_count; i++)
    if (!operands[i]) return NULL;
  check_attributes(op, attribute_count, attributes);
  attribute *own = arena_array_of(g->arena, attribute_count, attribute);
  for (int i = 0; i < attribute_count; i++) own[i] = copy_attribute(g->arena, &attributes[i]);
  node *n = arena_new_of(g->arena, node);
  *n = (node){
      .op = op,
      .function = function,
      .operand_count = operand_count,
      .attribute_count = attribute_count,
      .operands = copy(g->arena, operands, (size_t)operand_count, sizeof *operands),
      .attributes = own,
      .at = g->at,
  };
  const char *message = violation(g->arena, n, &n->type);
  if (message) {
    if (!g->diagnostics) internal_error("graph %s: %s", g->name, message);
    diag_error(g->diagnostics, g->at, "%s", message);
    return NULL;
  }
  return g->rewriter ? g->rewriter->settle(g->rewriter, g, n) : graph_append(g, n);
}

node *graph_append(graph *g, node *made) {
  made->id = g->node_count;
  arena_push(g->arena, g->nodes, g->node_count) = made;
  return made;
}

node *graph_add_input(graph *g, const char *name, const tensor_type *type) {
  attribute attributes[] = {{.kind = ATTRIBUTE_TEXT, .text = name},
                            {.kind = ATTRIBUTE_TYPE, .type = type}};
  node *n = graph_node(g, OP_INPUT, 0, 0, NULL, 2, attributes);
  if (n) arena_push(g->arena, g->inputs, g->input_count) = (graph_value){node_text(n, 0), n};
  return n;
}

void graph_add_output(graph *g, const char *name, node *value) {
  arena_push(g->arena, g->outputs, g->output_count) =
      (graph_value){arena_text(g->arena, name), value};
}

static int number_in(int count, const graph_value *values, const node *n) {
  for (int i = 0; i < count; i++)
    if (values[i].node == n) return i;
  return -1;
}

int graph_input_number(const graph *g, const node *n) { return number_in(g->input_count, g->inputs, n); }

int graph_output_number(const graph *g, const node *n) { return number_in(g->output_count, g->outputs, n); }

void graph_set_update(graph *g, const char *path, node *value) {
  for (int i = 0; i < g->update_count; i++) {
    if (strcmp(g->updates[i].name, path) == 0) {
      g->updates[i].node = value;
      return;
    }
  }
  arena_push(g->arena, g->updates, g->update_count) =
      (graph_value){arena_text(g->arena, path), value};
}

const int64_t *node_ints(const node *n, int position, int *count) {
  ensure(position < n->attribute_count && n->attributes[position].kind == ATTRIBUTE_INTS);
  if (count) *count = n->attributes[position].count;
  return n->attributes[position].ints;
}

int64_t node_int(const node *n, int position) {
  int count;
  const int64_t *ints = node_ints(n, position, &count);
  ensure(count == 1);
  return ints[0];
}

const char *node_text(const node *n, int position) {
  ensure(position < n->attribute_count && n->attributes[position].kind == ATTRIBUTE_TEXT);
  return n->attributes[position].text;
}

const graph *node_graph(const node *n, int position) {
  ensure(position < n->attribute_count && n->attributes[position].kind == ATTRIBUTE_GRAPH);
  return n->attributes[position].graph;
}

/* Bitwise, so that NaN is one value and 0 and -0 are two. */
static bool all_equal(const attribute *values, double *value) {
  if (values->kind == ATTRIBUTE_REALS) {
    for (int i = 1; i < values->count; i++)
      if (memcmp(&values->reals[i], &values->reals[0], sizeof(double)) != 0) return false;
    *value = values->reals[0];
    return true;
  }
  for (int i = 1; i < values->count; i++)
    if (values->ints[i] != values->ints[0]) return false;
  *value = (double)values->ints[0];
  return fabs(*value) <= 0x1p53;
}

bool node_is_splat(const node *n, double *value) {
  while (n->op == OP_BROADCAST || n->op == OP_RESHAPE) n = n->operands[0];
  return n->op == OP_CONSTANT &&
         all_equal(&n->attributes[dtype_is_float(n->type.element) ? 2 : 1], value);
}

int *graph_uses(const graph *g, arena *a) {
  int *uses = arena_array_of(a, g->node_count, int);
  for (int i = 0; i < g->output_count; i++) uses[g->outputs[i].node->id]++;
  for (int i = 0; i < g->update_count; i++) uses[g->updates[i].node->id]++;
  for (int id = g->node_count - 1; id >= 0; id--) {
    if (uses[id] == 0) continue;
    const node *n = g->nodes[id];
    for (int i = 0; i < n->operand_count; i++) uses[n->operands[i]->id]++;
  }
  return uses;
}
