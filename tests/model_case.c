#include "model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const source *source_of(arena *a, const char *name, const char *text) {
  source *s = arena_new_of(a, source);
  *s = (source){.name = name, .text = text, .length = strlen(text)};
  return s;
}

static const tensor *find_slot(void *context, const char *path) {
  return model_slot(context, path);
}

model *model_new(const char *text, const elaborate_options *options) {
  static const elaborate_options none = {0};
  arena *a = arena_new();
  diagnostics *d = diag_new(a);
  model *m = arena_new_of(a, model);
  *m = (model){.arena = a, .seed = 1};
  m->program = elaborate(a, d, source_of(a, "model.dnn", text), options ? options : &none);
  if (!m->program) {
    diag_print(d, stderr);
    fail_msg("the model was refused");
  }
  const graph *g = m->program->initial;
  tensor **values = arena_array_of(a, g->update_count, tensor *);
  graph_eval(&(evaluation){.arena = a, .seed = m->seed}, g, NULL, find_slot, m, NULL, values);
  m->slots = arena_array_of(a, m->program->slot_count, tensor *);
  assert_int_equal(g->update_count, m->program->slot_count);
  for (int i = 0; i < g->update_count; i++) {
    assert_string_equal(g->updates[i].name, m->program->slots[i].path);
    m->slots[i] = values[i];
  }
  return m;
}

void model_free(model *m) {
  arena_free(m->arena);
}

char *model_refusal(arena *a, const char *name, const char *text,
                    const elaborate_options *options) {
  static const elaborate_options none = {0};
  diagnostics *d = diag_new(a);
  program *p = elaborate(a, d, source_of(a, name, text), options ? options : &none);
  if (p) fail_msg("%s was not refused", name);
  char *messages = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&messages, &length);
  assert_non_null(out);
  diag_print(d, out);
  fclose(out);
  char *copy = arena_text(a, messages);
  free(messages);
  return copy;
}

static int slot_index(const model *m, const char *path) {
  for (int i = 0; i < m->program->slot_count; i++)
    if (!strcmp(m->program->slots[i].path, path)) return i;
  fail_msg("there is no slot %s", path);
  return -1;
}

tensor *model_slot(const model *m, const char *path) {
  return m->slots[slot_index(m, path)];
}

tensor **model_run(model *m, const char *entry, const tensor *const *inputs) {
  const graph *g = program_entry(m->program, entry);
  assert_non_null(g);
  tensor **outputs = arena_array_of(m->arena, g->output_count, tensor *);
  tensor **updates = arena_array_of(m->arena, g->update_count, tensor *);
  const evaluation e = {.arena = m->arena, .seed = m->seed, .step = m->step};
  graph_eval(&e, g, inputs, find_slot, m, outputs, updates);
  for (int i = 0; i < g->update_count; i++)
    m->slots[slot_index(m, g->updates[i].name)] = updates[i];
  m->step += entry_writes(g);
  return outputs;
}

double model_real(model *m, const char *entry, const tensor *const *inputs) {
  return model_run(m, entry, inputs)[0]->reals[0];
}

double model_slot_real(const model *m, const char *path, int element) {
  return model_slot(m, path)->reals[element];
}

tensor *model_tensor(arena *a, int rank, const int64_t *extents, const double *values) {
  tensor_type type = type_of(DTYPE_F32, rank, extents);
  tensor *t = tensor_new(a, &type);
  for (int64_t i = 0; i < type_elements(&type); i++) t->reals[i] = values[i];
  return t;
}

tensor *model_scalar(arena *a, double value) {
  return model_tensor(a, 0, NULL, &value);
}
