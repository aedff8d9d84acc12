/* The description of a generated model, by which loaders find their way. */
#include "c_module.h"

#include <string.h>

const char *c_string(arena *a, const char *text) {
  writer w = writer_new(a);
  writer_text(&w, "\"");
  for (const char *c = text; *c; c++) {
    unsigned char byte = (unsigned char)*c;
    if (byte < ' ' || byte == '"' || byte == '\\' || byte == '?')
      writer_text(&w, arena_printf(a, "\\%03o", byte));
    else
      writer_text(&w, arena_text_n(a, c, 1));
  }
  writer_text(&w, "\"");
  return w.text;
}

/* All extents of all tensors in one array; equal runs are shared. */
typedef struct extent_pool {
  arena *arena;
  int64_t *values;
  int count;
} extent_pool;

static int pool_add(extent_pool *p, const tensor_type *t) {
  for (int start = 0; start + t->rank <= p->count; start++) {
    int i = 0;
    while (i < t->rank && p->values[start + i] == t->dims[i].maximum) i++;
    if (i == t->rank) return start;
  }
  int start = p->count;
  for (int i = 0; i < t->rank; i++) arena_push(p->arena, p->values, p->count) = t->dims[i].maximum;
  return start;
}

static const char *tensor_text(extent_pool *p, const char *name, const tensor_type *t) {
  static const char *const codes[] = {"DNN_BOOL", "DNN_U8",  "DNN_I8",  "DNN_I32", "DNN_I64",
                                      "DNN_BF16", "DNN_F16", "DNN_F32", "DNN_F64"};
  const char *extents = t->rank ? arena_printf(p->arena, "model_extents + %d", pool_add(p, t))
                                : "NULL";
  return arena_printf(p->arena, "{%s, %s, %d, %s, %d}", c_string(p->arena, name), codes[t->element],
                      t->rank, extents, t->rank > 0 && t->dims[0].symbol);
}

static void write_tensors(writer *w, extent_pool *p, const char *name, int count,
                          const graph_value *values) {
  if (!count) return;
  writer_open(w, "static const dnn_tensor %s[] =", name);
  for (int i = 0; i < count; i++)
    writer_line(w, "%s,", tensor_text(p, values[i].name, &values[i].node->type));
  writer_close(w, ";");
}

static void write_slots(writer *w, extent_pool *p, const module *m) {
  if (!m->slot_count) return;
  writer_open(w, "static const dnn_slot model_slots[] =");
  for (int i = 0; i < m->slot_count; i++) {
    const module_slot *s = &m->slots[i];
    writer_line(w, "{%s, %d, %d, %lld},", tensor_text(p, s->slot->path, &s->slot->type),
                s->slot->kind == SLOT_PARAM, s->place.region == REGION_STATE,
                (long long)s->place.offset);
  }
  writer_close(w, ";");
}

/* ---- calls through arrays of pointers ------------------------------------------------------ */

static const char *pointer_argument(arena *a, const tensor_type *t, int i) {
  return t->rank ? arena_printf(a, "(const %s *)inputs[%d]", c_element(t->element), i)
                 : arena_printf(a, "*(const %s *)inputs[%d]", c_element(t->element), i);
}

static void write_call(writer *w, c_unit *u, const module *m, const module_entry *e) {
  arena *a = u->arena;
  const graph *g = e->graph;
  const char *list = module_size(g).symbol ? "m, size" : "m", *missing = "";
  if (g->input_count) missing = "!inputs";
  if (g->output_count) missing = arena_printf(a, "%s%s!outputs", missing, *missing ? " || " : "");
  for (int i = 0; i < g->input_count; i++) {
    const tensor_type *t = &g->inputs[i].node->type;
    list = arena_printf(a, "%s, %s", list, pointer_argument(a, t, i));
    if (!t->rank) missing = arena_printf(a, "%s || !inputs[%d]", missing, i);
  }
  for (int i = 0; i < g->output_count; i++)
    list = arena_printf(a, "%s, (%s *)outputs[%d]", list,
                        c_element(g->outputs[i].node->type.element), i);
  writer_gap(w);
  writer_open(w,
              "static int call_%s(dnn_context *m, int64_t size, const void *const *inputs, void *const *outputs)",
              e->name);
  if (*missing) writer_line(w, "if (%s) return DNN_NULL;", missing);
  if (!module_size(g).symbol) writer_line(w, "(void)size;");
  if (!g->input_count) writer_line(w, "(void)inputs;");
  if (!g->output_count) writer_line(w, "(void)outputs;");
  writer_line(w, "return %s(%s);", c_entry_signature(u, m, e).function, list);
  writer_close(w, "");
}

/* ---- the tables ---------------------------------------------------------------------------- */

/* Adds the places of the loops that only their condition ends, each once. */
static void add_endless(arena *a, const module_code *code, const char ***places, int *count) {
  for (int i = 0; i < code->count; i++) {
    const module_loop *l = code->steps[i].loop;
    if (!l) continue;
    const char *place = diag_short_place(a, l->at);
    bool known = l->turns > 0;
    for (int k = 0; k < *count; k++) known = known || strcmp((*places)[k], place) == 0;
    if (!known) arena_push(a, *places, *count) = place;
    add_endless(a, &l->body, places, count);
  }
}

static const char *endless_text(arena *a, const module_code *code) {
  const char **places = NULL, *text = NULL;
  int count = 0;
  add_endless(a, code, &places, &count);
  for (int i = 0; i < count; i++) text = text ? arena_printf(a, "%s, %s", text, places[i]) : places[i];
  return text ? c_string(a, text) : "NULL";
}

static void write_entries(writer *w, extent_pool *p, const module *m) {
  arena *a = w->arena;
  for (int i = 1; i < m->entry_count; i++) {
    const module_entry *e = &m->entries[i];
    write_tensors(w, p, arena_printf(a, "%s_inputs", e->name), e->graph->input_count,
                  e->graph->inputs);
    write_tensors(w, p, arena_printf(a, "%s_outputs", e->name), e->graph->output_count,
                  e->graph->outputs);
  }
  if (m->entry_count < 2) return;
  writer_open(w, "static const dnn_entry model_entries[] =");
  for (int i = 1; i < m->entry_count; i++) {
    const module_entry *e = &m->entries[i];
    const graph *g = e->graph;
    const char *inputs = g->input_count ? arena_printf(a, "%s_inputs", e->name) : "NULL";
    const char *outputs = g->output_count ? arena_printf(a, "%s_outputs", e->name) : "NULL";
    writer_line(w, "{%s, %d, %d, %s, %s, %d, %lld, call_%s, %s},", c_string(a, e->name), g->input_count,
                g->output_count, inputs, outputs, e->writes, (long long)module_size(g).maximum,
                e->name, endless_text(a, &e->code));
  }
  writer_close(w, ";");
}

static void write_model(writer *w, const module *m) {
  const char *name = m->name, *capitals = c_capitals(w->arena, name);
  writer_open(w, "static const dnn_model model_description =");
  writer_line(w, "DNN_ABI, %s,", c_string(w->arena, m->program->name));
  writer_line(w, "%s_PARAMETER_BYTES, %s_CONSTANT_BYTES, %s_STATE_BYTES, %s_SCRATCH_BYTES,",
              capitals, capitals, capitals, capitals);
  writer_line(w, "%d, %d, %s, %s, %s_init, %s_prepare,", m->slot_count, m->entry_count - 1,
              m->slot_count ? "model_slots" : "NULL", m->entry_count > 1 ? "model_entries" : "NULL",
              name, name);
  writer_close(w, ";");
}

static void write_functions(writer *w, const module *m) {
  static const char *const sizes[] = {"parameter_bytes", "constant_bytes", "state_bytes",
                                      "scratch_bytes"};
  const char *name = m->name;
  writer_gap(w);
  for (int i = 0; i < 4; i++)
    writer_line(w, "uint64_t %s_%s(void) { return %s_%s; }", name, sizes[i],
                c_capitals(w->arena, name), c_capitals(w->arena, sizes[i]));
  writer_gap(w);
  writer_line(w, "const dnn_model *%s_model(void) { return &model_description; }", name);
  writer_gap(w);
  writer_line(w, "#ifdef DNN_SHARED_LIBRARY");
  writer_comment(w, "The name under which a loader finds the model of a library.");
  writer_line(
      w, "__attribute__((visibility(\"default\"))) const dnn_model *dnn_model_description(void);");
  writer_line(w, "const dnn_model *dnn_model_description(void) { return &model_description; }");
  writer_line(w, "#endif");
}

void c_write_table(writer *w, c_unit *u, const module *m) {
  arena *a = u->arena;
  extent_pool pool = {.arena = a};
  writer tables = writer_new(a);
  write_slots(&tables, &pool, m);
  write_entries(&tables, &pool, m);
  write_model(&tables, m);
  for (int i = 1; i < m->entry_count; i++) write_call(w, u, m, &m->entries[i]);
  writer_gap(w);
  if (pool.count) {
    const char *list = "";
    for (int i = 0; i < pool.count; i++)
      list = arena_printf(a, "%s%s%lld", list, i ? ", " : "", (long long)pool.values[i]);
    writer_line(w, "static const int64_t model_extents[] = {%s};", list);
  }
  writer_text(w, tables.text);
  write_functions(w, m);
}
