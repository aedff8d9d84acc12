#include "rewrite.h"

#include <string.h>

#include "build.h"

/* What stands for a node that was made. */
typedef struct settled {
  uint64_t hash;
  node *made, *result;
} settled;

/* Open addressing; a power of two of places, at most half of them taken. */
typedef struct interner {
  graph_rewriter base;
  rewrite_rule *rule;
  int depth;
  settled *places;
  size_t place_count, taken;
} interner;

enum { FIRST_PLACES = 64, DEPTH_LIMIT = 100 };

/* FNV-1a */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
  const unsigned char *b = bytes;
  for (size_t i = 0; i < count; i++) hash = (hash ^ b[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static uint64_t hash_int(uint64_t hash, int64_t value) {
  return hash_bytes(hash, &value, sizeof value);
}

static uint64_t hash_attribute(uint64_t hash, const attribute *a) {
  hash = hash_int(hash, a->count);
  switch (a->kind) {
  case ATTRIBUTE_INTS: return hash_bytes(hash, a->ints, (size_t)a->count * sizeof *a->ints);
  case ATTRIBUTE_REALS: return hash_bytes(hash, a->reals, (size_t)a->count * sizeof *a->reals);
  case ATTRIBUTE_TEXT: return hash_bytes(hash, a->text, strlen(a->text));
  case ATTRIBUTE_TYPE: return hash_int(hash, type_elements(a->type));
  case ATTRIBUTE_GRAPH: return hash_int(hash, a->graph ? a->graph->node_count : 0);
  }
  return hash;
}

static uint64_t hash_node(const node *n) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  hash = hash_int(hash, n->op);
  hash = hash_int(hash, n->function);
  for (int i = 0; i < n->operand_count; i++) hash = hash_int(hash, n->operands[i]->id);
  for (int i = 0; i < n->attribute_count; i++) hash = hash_attribute(hash, &n->attributes[i]);
  return hash;
}

static bool node_equal(const node *a, const node *b);

static bool values_equal(const graph_value *a, const graph_value *b, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(a[i].name, b[i].name) != 0 || a[i].node->id != b[i].node->id) return false;
  return true;
}

/* Of loops: without updates. */
static bool graph_equal(const graph *a, const graph *b) {
  if (!a || !b) return a == b;
  if (a->node_count != b->node_count || a->input_count != b->input_count ||
      a->output_count != b->output_count || !values_equal(a->inputs, b->inputs, a->input_count) ||
      !values_equal(a->outputs, b->outputs, a->output_count))
    return false;
  for (int id = 0; id < a->node_count; id++)
    if (!node_equal(a->nodes[id], b->nodes[id])) return false;
  return true;
}

static bool attribute_equal(const attribute *a, const attribute *b) {
  if (a->count != b->count) return false;
  switch (a->kind) {
  case ATTRIBUTE_INTS: return memcmp(a->ints, b->ints, (size_t)a->count * sizeof *a->ints) == 0;
  case ATTRIBUTE_REALS:
    return memcmp(a->reals, b->reals, (size_t)a->count * sizeof *a->reals) == 0;
  case ATTRIBUTE_TEXT: return strcmp(a->text, b->text) == 0;
  case ATTRIBUTE_TYPE: return type_equal(a->type, b->type);
  case ATTRIBUTE_GRAPH: return graph_equal(a->graph, b->graph);
  }
  return false;
}

/* Of one graph, or of two whose nodes before these are equal. */
static bool node_equal(const node *a, const node *b) {
  if (a->op != b->op || a->function != b->function || a->operand_count != b->operand_count ||
      a->attribute_count != b->attribute_count || !type_equal(&a->type, &b->type))
    return false;
  for (int i = 0; i < a->operand_count; i++)
    if (a->operands[i]->id != b->operands[i]->id) return false;
  for (int i = 0; i < a->attribute_count; i++)
    if (!attribute_equal(&a->attributes[i], &b->attributes[i])) return false;
  return true;
}

/* The place of an equal node, or the free one where it belongs. */
static settled *find(const interner *table, uint64_t hash, const node *made) {
  size_t at = hash & (table->place_count - 1);
  while (table->places[at].made &&
         !(table->places[at].hash == hash && node_equal(table->places[at].made, made)))
    at = (at + 1) & (table->place_count - 1);
  return &table->places[at];
}

static void make_room(interner *table, arena *a) {
  if (2 * table->taken < table->place_count) return;
  interner larger = *table;
  larger.place_count = table->place_count ? 2 * table->place_count : FIRST_PLACES;
  larger.places = arena_array_of(a, larger.place_count, settled);
  for (size_t i = 0; i < table->place_count; i++)
    if (table->places[i].made)
      *find(&larger, table->places[i].hash, table->places[i].made) = table->places[i];
  *table = larger;
}

static node *settle(graph_rewriter *r, graph *g, node *made) {
  interner *table = (interner *)r;
  if (made->op == OP_INPUT) return graph_append(g, made);
  make_room(table, g->arena);
  uint64_t hash = hash_node(made);
  settled *place = find(table, hash, made);
  if (place->made) return place->result;
  graph_append(g, made);
  *place = (settled){hash, made, made};
  table->taken++;
  if (!table->rule || table->depth == DEPTH_LIMIT) return made;
  table->depth++;
  node *result = table->rule(g, made);
  ensure(result && type_equal(&result->type, &made->type));
  table->depth--;
  find(table, hash, made)->result = result; /* the table may have moved */
  return result;
}

/* The node in another graph, with the graphs among its attributes rewritten too. */
static node *rebuilt(graph *to, const node *n, node *const *operands, rewrite_rule *rule) {
  node copy = *n;
  attribute *own = arena_array_of(to->arena, n->attribute_count, attribute);
  for (int i = 0; i < n->attribute_count; i++) {
    own[i] = n->attributes[i];
    if (own[i].kind == ATTRIBUTE_GRAPH && own[i].graph)
      own[i].graph = rewrite_graph(own[i].graph, rule);
  }
  copy.attributes = own;
  return build_like(to, &copy, operands);
}

bool rewrite_graphs_equal(const graph *x, const graph *y) { return graph_equal(x, y); }

/* Copies what is live in a graph; now[id] of inputs is set. */
static void copy_nodes(graph *to, const graph *g, node **now, rewrite_rule *rule) {
  const int *uses = graph_uses(g, to->arena);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (uses[id] == 0 || n->op == OP_INPUT) continue;
    node **operands = arena_array_of(to->arena, n->operand_count, node *);
    for (int i = 0; i < n->operand_count; i++) operands[i] = now[n->operands[i]->id];
    now[id] = rebuilt(to, n, operands, rule);
  }
}

graph *rewrite_graph(const graph *g, rewrite_rule *rule) {
  graph *to = graph_new(g->arena, NULL, g->name);
  interner table = {.base = {settle}, .rule = rule};
  to->rewriter = &table.base;
  node **now = build_inputs_of(to, g);
  copy_nodes(to, g, now, rule);
  build_results_of(to, g, now);
  to->rewriter = NULL;
  return to;
}

void rewrite_inline(graph *to, const graph *g, node *const *inputs, node **outputs) {
  node **now = arena_array_of(to->arena, g->node_count, node *);
  for (int i = 0; i < g->input_count; i++) now[g->inputs[i].node->id] = inputs[i];
  copy_nodes(to, g, now, NULL);
  for (int i = 0; i < g->output_count; i++) outputs[i] = now[g->outputs[i].node->id];
}

/* The number of an output, from `first` on, that is the node; it is added where there is none. */
static int number_of(graph *g, int first, const graph_value *output, node *n) {
  for (int i = first; i < g->output_count; i++)
    if (g->outputs[i].node == n) return i;
  graph_add_output(g, output->name, n);
  return g->output_count - 1;
}

graph *rewrite_join(int count, const graph *const *graphs, int fixed, int **numbers) {
  const graph *first = graphs[0];
  arena *a = first->arena;
  graph *to = graph_new(a, NULL, first->name);
  interner table = {.base = {settle}};
  to->rewriter = &table.base;
  for (int i = 0; i < first->input_count; i++) build_like(to, first->inputs[i].node, NULL);
  for (int k = 0; k < count; k++) {
    const graph *g = graphs[k];
    node **now = arena_array_of(a, g->node_count, node *);
    for (int i = 0; i < g->input_count; i++) now[g->inputs[i].node->id] = to->inputs[i].node;
    copy_nodes(to, g, now, NULL);
    numbers[k] = arena_array_of(a, g->output_count, int);
    for (int i = 0; i < g->output_count; i++) {
      node *n = now[g->outputs[i].node->id];
      if (i >= fixed) numbers[k][i] = number_of(to, fixed, &g->outputs[i], n);
      else if (k > 0 && to->outputs[i].node != n) return NULL;
      else numbers[k][i] = i;
      if (i < fixed && k == 0) graph_add_output(to, g->outputs[i].name, n);
    }
  }
  to->rewriter = NULL;
  return to;
}
