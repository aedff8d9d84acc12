#include "graph_case.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph_text.h"

static source source_of(const char *text) {
  return (source){.name = "test", .text = text, .length = strlen(text)};
}

graph *graph_from_text(arena *a, const char *text) {
  source *s = arena_new_of(a, source);
  *s = source_of(text);
  diagnostics *d = diag_new(a);
  graph *g = graph_parse(a, d, s);
  if (!g) {
    diag_print(d, stderr);
    fail_msg("a graph does not parse:\n%s", text);
  }
  return g;
}

const char *graph_to_text(arena *a, const graph *g) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  assert_non_null(out);
  graph_print(out, g);
  assert_int_equal(fclose(out), 0);
  const char *copy = arena_text(a, text);
  free(text);
  return copy;
}

const char *graph_refusal(arena *a, const char *text) {
  source *s = arena_new_of(a, source);
  *s = source_of(text);
  diagnostics *d = diag_new(a);
  if (graph_parse(a, d, s)) fail_msg("accepted, though wrong:\n%s", text);
  assert_true(diag_count(d) > 0);
  char *message = NULL;
  size_t length;
  FILE *out = open_memstream(&message, &length);
  assert_non_null(out);
  diag_print(d, out);
  assert_int_equal(fclose(out), 0);
  const char *copy = arena_text(a, message);
  free(message);
  return copy;
}

tensor *random_tensor(arena *a, const tensor_type *type, uint64_t seed, double low, double high) {
  tensor *t = tensor_new(a, type);
  int64_t count = type_elements(type);
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  for (int64_t i = 0; i < count; i++) {
    double uniform = philox_element(key, (uint64_t)i, 0) * 0x1p-32;
    double value = low + (high - low) * uniform;
    if (dtype_is_float(type->element))
      t->reals[i] = value;
    else
      t->ints[i] = type->element == DTYPE_BOOL ? uniform < 0.5 : (int64_t)value;
  }
  return t;
}

const tensor **random_inputs(arena *a, const graph *g, uint64_t seed, double low, double high) {
  const tensor **inputs = arena_array_of(a, g->input_count, const tensor *);
  for (int i = 0; i < g->input_count; i++)
    inputs[i] = random_tensor(a, &g->inputs[i].node->type, seed + (uint64_t)i, low, high);
  return inputs;
}

typedef struct slots {
  arena *arena;
  const graph *graph;
} slots;

static const tensor *random_slot(void *context, const char *path) {
  const slots *s = context;
  uint64_t seed = 0;
  for (const char *c = path; *c; c++) seed = seed * 31 + (unsigned char)*c;
  for (int id = 0; id < s->graph->node_count; id++) {
    const node *n = s->graph->nodes[id];
    if (n->op == OP_SLOT && strcmp(node_text(n, 0), path) == 0)
      return random_tensor(s->arena, &n->type, seed, -1, 1);
  }
  return NULL;
}

tensor **evaluate(arena *a, const graph *g, const tensor *const *inputs) {
  evaluation e = {.arena = a, .seed = 7, .step = 3};
  slots s = {a, g};
  tensor **outputs = arena_array_of(a, g->output_count, tensor *);
  tensor **updates = arena_array_of(a, g->update_count, tensor *);
  graph_eval(&e, g, inputs, random_slot, &s, outputs, updates);
  return outputs;
}
