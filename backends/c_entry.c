/* The functions of a generated model: checks, then kernel calls and loops around them. */
#include "c.h"
#include "c_module.h"
#include "c_state.h"

/* ---- checks -------------------------------------------------------------------------------- */

/* The regions of the model that are not empty, as C expressions of a context m. */
static int regions_of(const module *m, const char *list[4]) {
  int count = 0;
  if (m->parameter_bytes) list[count++] = "m->weights->parameters";
  if (m->constant_bytes) list[count++] = "m->weights->constants";
  if (m->state_bytes) list[count++] = "m->state";
  if (m->scratch_bytes) list[count++] = "m->scratch";
  return count;
}

/* Checks of pointers, spelt with what stands before and between them. */
static const char *joined(arena *a, int count, const char *const *list, const char *before,
                          const char *between) {
  const char *text = "";
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s%s%s", text, i ? between : "", before, list[i]);
  return text;
}

static void write_region_checks(writer *w, int count, const char *const *list) {
  if (!count) return;
  writer_line(w, "if (%s) return DNN_NULL;", joined(w->arena, count, list, "!", " || "));
  const char *bits = joined(w->arena, count, list, "(uintptr_t)", " | ");
  writer_line(w, count > 1 ? "if ((%s) & 63) return DNN_ALIGN;" : "if (%s & 63) return DNN_ALIGN;",
              bits);
}

static void write_check_context(writer *w, const module *m) {
  const char *list[4];
  int count = regions_of(m, list);
  writer_gap(w);
  writer_open(w, "static int check_context(const %s *m)", m->name);
  writer_line(w, "if (!m || !m->weights) return DNN_NULL;");
  write_region_checks(w, count, list);
  writer_line(w, "return DNN_OK;");
  writer_close(w, "");
}

static void write_argument_checks(writer *w, const c_signature *s, const graph *g) {
  const dim size = module_size(g);
  if (s->size)
    writer_line(w, "if (%s < 1 || %s > %lld) return DNN_RANGE;", s->size, s->size,
                (long long)size.maximum);
  const char **list = arena_array_of(w->arena, g->input_count + g->output_count, const char *);
  int count = 0;
  for (int i = 0; i < g->input_count; i++)
    if (g->inputs[i].node->type.rank) list[count++] = s->inputs[i];
  for (int i = 0; i < g->output_count; i++) list[count++] = s->outputs[i];
  if (count) writer_line(w, "if (%s) return DNN_NULL;", joined(w->arena, count, list, "!", " || "));
}

/* ---- entries -------------------------------------------------------------------------------- */

static void write_region_locals(writer *w, const c_signature *s, const module_entry *e,
                                bool initial) {
  static const char *const places[] = {[REGION_PARAMETERS] = "m->weights->parameters",
                                       [REGION_CONSTANTS] = "m->weights->constants",
                                       [REGION_STATE] = "m->state",
                                       [REGION_SCRATCH] = "m->scratch"};
  for (region r = REGION_PARAMETERS; r <= REGION_SCRATCH; r++)
    if (c_uses_region(&e->code, r))
      writer_line(w, "unsigned char *const %s = (unsigned char *)%s;", s->regions[r], places[r]);
  if (c_uses_region(&e->code, REGION_CONTEXT))
    writer_line(w, "const int64_t %s[%d] = {(int64_t)m->seed, %s, %s};",
                s->regions[REGION_CONTEXT], CONTEXT_WORDS, initial ? "0" : "(int64_t)m->step",
                s->size ? s->size : "0");
}

static void write_observer(writer *w) {
  writer_gap(w);
  writer_line(w, "__attribute__((visibility(\"default\"))) void *" C_OBSERVER_CONTEXT ";");
  writer_line(w, "__attribute__((visibility(\"default\")))");
  writer_line(w, "void (*" C_OBSERVER ")(void *context, int32_t call);");
  writer_gap(w);
  writer_open(w, "static void observe(int32_t call)");
  writer_line(w, "if (" C_OBSERVER ") " C_OBSERVER "(" C_OBSERVER_CONTEXT ", call);");
  writer_close(w, "");
}

static void write_entry(writer *w, c_unit *u, const module *m, const module_entry *e,
                        bool initial) {
  c_signature s = c_entry_signature(u, m, e);
  c_write_task_functions(w, u, &s, e->graph, &e->code);
  writer_gap(w);
  writer_open(w, "%s", s.prototype);
  writer_line(w, "const int %s = check_context(m);", s.status);
  writer_line(w, "if (%s != DNN_OK) return %s;", s.status, s.status);
  write_argument_checks(w, &s, e->graph);
  if (c_uses_region(&e->code, REGION_CONSTANTS))
    writer_line(w, "if (m->weights->packed != m->weights->generation) return DNN_STALE;");
  write_region_locals(w, &s, e, initial);
  writer_gap(w);
  c_helper_arithmetic(u);
  writer_line(w, "const unsigned %s = " C_BEGIN_ARITHMETIC "();", s.caller);
  c_write_code(w, &s, e->graph, &e->code);
  if (m->observed) writer_line(w, "observe(%d);", C_OBSERVED_END);
  writer_line(w, C_END_ARITHMETIC "(%s);", s.caller);
  writer_gap(w);
  if (e->writes) writer_line(w, "m->weights->generation++;");
  if (initial)
    writer_line(w, "m->step = 0;");
  else if (e->writes)
    writer_line(w, "m->step++;");
  writer_line(w, "return DNN_OK;");
  writer_close(w, "");
}

static void write_packing(writer *w, c_unit *u, const module *m) {
  const c_signature s = {.regions = {[REGION_PARAMETERS] = "parameters", [REGION_CONSTANTS] = "constants"},
                         .caller = "caller", .threads = "NULL"};
  if (c_uses_region(&m->prepare, REGION_PARAMETERS))
    writer_line(w, "const unsigned char *const parameters = (const unsigned char *)w->parameters;");
  writer_line(w, "unsigned char *const constants = (unsigned char *)w->constants;");
  c_helper_arithmetic(u);
  writer_line(w, "const unsigned caller = " C_BEGIN_ARITHMETIC "();");
  c_write_code(w, &s, NULL, &m->prepare);
  writer_line(w, C_END_ARITHMETIC "(caller);");
}

static void write_prepare(writer *w, c_unit *u, const module *m) {
  const char *list[2];
  int count = 0;
  if (m->parameter_bytes) list[count++] = "w->parameters";
  if (m->constant_bytes) list[count++] = "w->constants";
  const char *name = m->name;
  writer_gap(w);
  writer_open(w, "int %s_prepare(%s_weights *w)", name, name);
  writer_line(w, "if (!w) return DNN_NULL;");
  write_region_checks(w, count, list);
  if (m->prepare.count) write_packing(w, u, m);
  writer_line(w, "w->packed = w->generation;");
  writer_line(w, "return DNN_OK;");
  writer_close(w, "");
}

void c_write_entries(writer *w, c_unit *u, const module *m) {
  write_check_context(w, m);
  if (m->observed) write_observer(w);
  for (int i = 0; i < m->entry_count; i++) write_entry(w, u, m, &m->entries[i], i == 0);
  write_prepare(w, u, m);
}
