/* The header of a generated model. */
#include "c_module.h"

#include <string.h>

#include "c_tasks.h"
#include "half.h"

const char *c_capitals(arena *a, const char *name) {
  char *text = arena_text(a, name);
  for (char *c = text; *c; c++)
    if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
  return text;
}

/* ---- signatures ---------------------------------------------------------------------------- */

/* "64 * 28 * 28" */
static const char *element_count(arena *a, const tensor_type *t) {
  const char *text = "";
  for (int i = 0; i < t->rank; i++)
    text = arena_printf(a, "%s%s%lld", text, i ? " * " : "", (long long)t->dims[i].maximum);
  return text;
}

static const char *input_text(arena *a, const graph_value *v, const char *name) {
  const tensor_type *t = &v->node->type;
  if (t->rank == 0) return arena_printf(a, "%s %s", c_element(t->element), name);
  if (t->dims[0].symbol) return arena_printf(a, "const %s *%s", c_element(t->element), name);
  return arena_printf(a, "const %s %s[%s]", c_element(t->element), name, element_count(a, t));
}

static const char *output_text(arena *a, const graph_value *v, const char *name) {
  const tensor_type *t = &v->node->type;
  if (t->rank == 0 || t->dims[0].symbol)
    return arena_printf(a, "%s *%s", c_element(t->element), name);
  return arena_printf(a, "%s %s[%s]", c_element(t->element), name, element_count(a, t));
}

/* Whether another function or macro of the model has this name behind the model's. */
static bool is_own(const module *m, const char *name) {
  static const char *const own[] = {"prepare", "model", "weights", "parameter_bytes", "constant_bytes", "state_bytes",
                                    "scratch_bytes"};
  bool capital = strcmp(m->name, c_capitals(m->program->arena, m->name)) == 0;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if ((capital ? strcasecmp(name, own[i]) : strcmp(name, own[i])) == 0) return true;
  return false;
}

static bool is_entry(const module *m, const char *name) {
  for (int i = 0; i < m->entry_count; i++)
    if (strcmp(m->entries[i].name, name) == 0) return true;
  return false;
}

/* "lenet5_train"; of an entry `weights` lenet5_weights_entry. */
static const char *function_name(arena *a, const module *m, const char *entry) {
  const char *name = entry;
  while (is_own(m, name) || (name != entry && is_entry(m, name))) name = arena_printf(a, "%s_entry", name);
  return arena_printf(a, "%s_%s", m->name, name);
}

/* What the arguments of an entry's function must not hide. */
static void reserve_names(c_body *b, const module *m) {
  c_declare(b, NULL, "m", c_scalar(DTYPE_I64));
  c_declare(b, NULL, "check_context", c_scalar(DTYPE_I64));
  if (m->observed) c_declare(b, NULL, "observe", c_scalar(DTYPE_I64));
  for (int i = 0; i < m->kernel_count; i++)
    c_declare(b, NULL, m->kernels[i]->name, c_scalar(DTYPE_I64));
  if (m->shared_loops == 0) return;
  static const char *const of_tasks[] = {"argument", "arguments", "index", "run_tasks", C_TAKE_FRAME, C_LEAVE_FRAME};
  for (size_t i = 0; i < sizeof of_tasks / sizeof *of_tasks; i++) c_declare(b, NULL, of_tasks[i], c_scalar(DTYPE_I64));
  for (int i = 0; i < m->shared_loops; i++)
    c_declare(b, NULL, arena_printf(b->unit->arena, "turns%d_task", i), c_scalar(DTYPE_I64));
}

static void declare_locals(c_body *b, c_signature *s) {
  static const char *const regions[] = {[REGION_PARAMETERS] = "parameters",
                                        [REGION_CONSTANTS] = "constants",
                                        [REGION_STATE] = "state",
                                        [REGION_SCRATCH] = "scratch",
                                        [REGION_CONTEXT] = "context"};
  s->status = c_declare(b, NULL, "status", c_scalar(DTYPE_I64))->text;
  for (region r = REGION_PARAMETERS; r <= REGION_CONTEXT; r++)
    s->regions[r] = c_declare(b, NULL, regions[r], c_scalar(DTYPE_I64))->text;
  s->caller = c_declare(b, NULL, "caller", c_scalar(DTYPE_I64))->text;
  s->frame = c_declare(b, NULL, "frame", c_scalar(DTYPE_I64))->text;
  s->busy = c_declare(b, NULL, "busy", c_scalar(DTYPE_I64))->text;
}

static int depth_of(const module_code *code) {
  int most = 0;
  for (int i = 0; i < code->count; i++) {
    int depth = code->steps[i].loop ? 1 + depth_of(&code->steps[i].loop->body) : 0;
    if (depth > most) most = depth;
  }
  return most;
}

static void declare_turns(c_body *b, c_signature *s, int depth) {
  s->turns = arena_array_of(b->unit->arena, depth, const char *);
  for (int i = 0; i < depth; i++)
    s->turns[i] = c_declare(b, NULL, "turn", c_scalar(DTYPE_I64))->text;
}

static const char **declare_values(c_body *b, int count, const graph_value *values) {
  const char **names = arena_array_of(b->unit->arena, count, const char *);
  for (int i = 0; i < count; i++)
    names[i] = c_declare(b, NULL, values[i].name, c_scalar(values[i].node->type.element))->text;
  return names;
}

c_signature c_entry_signature(c_unit *u, const module *m, const module_entry *e) {
  arena *a = u->arena;
  const graph *g = e->graph;
  const char *model = m->name;
  c_signature s = {.threads = "m->threads", .observed = m->observed};
  c_body names = {.unit = u};
  reserve_names(&names, m);
  const dim size = module_size(g);
  if (size.symbol) s.size = c_declare(&names, NULL, size.symbol, c_scalar(DTYPE_I64))->text;
  s.inputs = declare_values(&names, g->input_count, g->inputs);
  s.outputs = declare_values(&names, g->output_count, g->outputs);
  declare_locals(&names, &s);
  declare_turns(&names, &s, depth_of(&e->code));
  s.function = function_name(a, m, e->name);
  const char *list = arena_printf(a, "%s%s *m", e->writes ? "" : "const ", model);
  if (s.size) list = arena_printf(a, "%s, int64_t %s", list, s.size);
  for (int i = 0; i < g->input_count; i++)
    list = arena_printf(a, "%s, %s", list, input_text(a, &g->inputs[i], s.inputs[i]));
  for (int i = 0; i < g->output_count; i++)
    list = arena_printf(a, "%s, %s", list, output_text(a, &g->outputs[i], s.outputs[i]));
  s.prototype = arena_printf(a, "int %s(%s)", s.function, list);
  return s;
}

/* ---- the file ------------------------------------------------------------------------------ */

static const char *values_text(arena *a, int count, const graph_value *values) {
  const char *text = "";
  for (int i = 0; i < count; i++)
    text = arena_printf(a, "%s%s%s: %s", text, i ? ", " : "", values[i].name,
                        type_text(a, &values[i].node->type));
  return count ? text : "nothing";
}

static void write_entry_prototype(writer *w, c_unit *u, const module *m, const module_entry *e) {
  arena *a = u->arena;
  const graph *g = e->graph;
  const char *does = e->writes ? ".\nChanges slots, counts the generation and the step." : ".";
  const dim size = module_size(g);
  if (size.symbol)
    does = arena_printf(a, "%s\nArrays hold as many rows as the size says, one behind the other; %s from 1 "
                        "to %lld, else DNN_RANGE.", does, size.symbol, (long long)size.maximum);
  writer_gap(w);
  writer_comment(w, arena_printf(a, "%s: from %s\nto %s%s", e->name,
                                 values_text(a, g->input_count, g->inputs),
                                 values_text(a, g->output_count, g->outputs), does));
  writer_line(w, "%s;", c_entry_signature(u, m, e).prototype);
}

static bool any_half(int count, const graph_value *values) {
  for (int i = 0; i < count; i++)
    if (half_is(values[i].node->type.element)) return true;
  return false;
}

/* What the numbers of a type that C lacks are. */
static void write_half_note(writer *w, const module *m) {
  for (int i = 0; i < m->entry_count; i++) {
    const graph *g = m->entries[i].graph;
    if (!any_half(g->input_count, g->inputs) && !any_half(g->output_count, g->outputs)) continue;
    writer_gap(w);
    writer_comment(w, "uint16_t holds the bits of f16 (IEEE 754 binary16) and of bf16 (the upper "
                      "half of a float).");
    return;
  }
}

static void write_sizes(writer *w, const module *m) {
  arena *a = w->arena;
  const struct {
    const char *name;
    int64_t bytes;
  } sizes[] = {{"parameter_bytes", m->parameter_bytes},
               {"constant_bytes", m->constant_bytes},
               {"state_bytes", m->state_bytes},
               {"scratch_bytes", m->scratch_bytes}};
  const char *name = m->name;
  writer_comment(w, "Bytes of the regions, which the caller provides, aligned to 64 bytes. "
                    "Where 0, NULL will do.");
  for (int i = 0; i < 4; i++)
    writer_line(w, "#define %s_%s %lld", c_capitals(a, name), c_capitals(a, sizes[i].name),
                (long long)sizes[i].bytes);
  for (int i = 0; i < 4; i++) writer_line(w, "uint64_t %s_%s(void);", name, sizes[i].name);
}

static const char *flags_text(arena *a, const target *t) {
  const char *text = "-O2 -ffp-contract=off";
  for (int i = 0; t->flags[i]; i++) text = arena_printf(a, "%s %s", text, t->flags[i]);
  return text;
}

void c_write_header(writer *w, c_unit *u, const module *m) {
  arena *a = u->arena;
  const char *name = m->name, *capitals = c_capitals(a, name);
  writer_comment(w, arena_printf(a, "%s, generated by dnnc for %s. Compile with\n  %s", name,
                                 u->target->cpu, flags_text(a, u->target)));
  writer_line(w, "#ifndef DNN_MODEL_%s_H", capitals);
  writer_line(w, "#define DNN_MODEL_%s_H", capitals);
  writer_gap(w);
  writer_text(w, dnn_abi_text);
  writer_gap(w);
  writer_line(w, "#ifdef __cplusplus");
  writer_line(w, "extern \"C\" {");
  writer_line(w, "#endif");
  writer_gap(w);
  writer_line(w, "typedef dnn_weights %s_weights;", name);
  writer_line(w, "typedef dnn_context %s;", name);
  writer_gap(w);
  write_sizes(w, m);
  writer_gap(w);
  writer_comment(w, "Draws the parameters and initial states from the seed; sets step to 0.");
  writer_line(w, "%s;", c_entry_signature(u, m, &m->entries[0]).prototype);
  writer_gap(w);
  writer_comment(w, "Packs the constants; call it after loading or training.");
  writer_line(w, "int %s_prepare(%s_weights *w);", name, name);
  write_half_note(w, m);
  for (int i = 1; i < m->entry_count; i++) write_entry_prototype(w, u, m, &m->entries[i]);
  writer_gap(w);
  writer_comment(w, "The model's description: entries, slots, sizes.");
  writer_line(w, "const dnn_model *%s_model(void);", name);
  writer_gap(w);
  writer_line(w, "#ifdef __cplusplus");
  writer_line(w, "}");
  writer_line(w, "#endif");
  writer_gap(w);
  writer_line(w, "#endif");
}
