#include "subject.h"

#include <string.h>

#include "check.h"
#include "element.h"

enum { PURPOSE = 3 }; /* of random numbers; dnn check has those below */

static bool entries_are_known(diagnostics *d, const program *p, const options *o) {
  for (int i = 0; i < o->entry_count; i++) {
    if (!program_check_entry(p, d, o->entries[i])) return false;
    if (program_entry(p, o->entries[i])) continue;
    diag_error(d, (location){0}, "`%s` draws the first values and is not measured", o->entries[i]);
    return false;
  }
  return true;
}

bool subject_open(arena *a, const options *o, bool observed, subject *s) {
  diagnostics *d = diag_new(a);
  *s = (subject){.arena = a, .options = o, .program = model_elaborate(a, d, o, (elaborate_options){0})};
  bool good = s->program && entries_are_known(d, s->program, o) && check_ranges(d, s->program, o);
  program *compiled = good ? model_elaborate(a, d, o, (elaborate_options){0}) : NULL;
  if (!compiled) tool_diagnostics(d);
  if (!compiled || !model_compile_module(a, compiled, d, o, observed, &s->library, &s->module)) return false;
  if (!model_start(a, &s->instance, s->library.model, NULL, o->seed)) {
    subject_close(s);
    return false;
  }
  s->first = snapshot_new(a, &s->instance);
  snapshot_take(&s->first, &s->instance);
  return true;
}

void subject_close(subject *s) {
  dnn_instance_free(&s->instance);
  dnn_unload(&s->library);
}

static const void *const *stored_inputs(subject *s, const graph *g, uint64_t number, int64_t *bytes) {
  random_numbers r = random_new(s->options->seed, PURPOSE + number);
  arena *temporary = arena_new(); /* for values in double */
  tensor **values = check_inputs(temporary, g, s->options, &r);
  const void **inputs = arena_array_of(s->arena, g->input_count, const void *);
  for (int i = 0; i < g->input_count; i++) {
    void *stored = arena_alloc(s->arena, (size_t)type_bytes(&values[i]->type));
    tensor_store(values[i], stored);
    inputs[i] = stored;
    *bytes += type_bytes(&values[i]->type);
  }
  arena_free(temporary);
  return inputs;
}

static const module_entry *made_entry(const module *m, const char *name) {
  for (int i = 0; i < m->entry_count; i++)
    if (strcmp(m->entries[i].name, name) == 0) return &m->entries[i];
  internal_error("the module has no entry %s", name);
}

static subject_entry entry_of(subject *s, int number) {
  const graph *g = s->program->entries[number];
  subject_entry e = {.entry = dnn_find_entry(s->library.model, g->name), .made = made_entry(s->module, g->name)};
  ensure(e.entry);
  e.inputs = stored_inputs(s, g, (uint64_t)number, &e.argument_bytes);
  e.outputs = model_outputs(s->arena, e.entry);
  for (int i = 0; i < e.entry->output_count; i++) {
    tensor_type type = model_type(&e.entry->outputs[i]);
    e.argument_bytes += type_bytes(&type);
  }
  return e;
}

static bool is_selected(const options *o, const char *name) {
  for (int i = 0; i < o->entry_count; i++)
    if (strcmp(o->entries[i], name) == 0) return true;
  return o->entry_count == 0;
}

subject_entry *subject_entries(subject *s, int *count) {
  subject_entry *entries = arena_array_of(s->arena, s->program->entry_count, subject_entry);
  *count = 0;
  for (int i = 0; i < s->program->entry_count; i++)
    if (is_selected(s->options, s->program->entries[i]->name)) entries[(*count)++] = entry_of(s, i);
  return entries;
}

void subject_restore(subject *s) { snapshot_restore(&s->first, &s->instance); }

bool subject_call(subject *s, const subject_entry *e) {
  return model_call(&s->instance, e->entry, e->entry->bound, e->inputs, e->outputs);
}
