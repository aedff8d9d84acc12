/* Statements, kernels and functions as C. */
#include <stdlib.h>
#include <string.h>

#include "c_state.h"
#include "c_tasks.h"
#include "c_unit.h"
#include "c_word.h"
#include "text_hash.h"

/* ---- which names are needed ---------------------------------------------------------------- */

static const void **place_of(const c_body *b, const void *key) {
  size_t i = ((uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u;
  for (i &= b->used_capacity - 1; b->used[i] && b->used[i] != key;)
    i = (i + 1) & (b->used_capacity - 1);
  return &b->used[i];
}

static bool is_used(const c_body *b, const void *key) {
  return b->used_capacity && *place_of(b, key) != NULL;
}

static void use(c_body *b, const void *key) {
  if (2 * (size_t)(b->used_count + 1) > b->used_capacity) {
    c_body larger = *b;
    larger.used_capacity = b->used_capacity ? 2 * b->used_capacity : 64;
    larger.used = arena_array_of(b->unit->arena, larger.used_capacity, const void *);
    for (size_t i = 0; i < b->used_capacity; i++)
      if (b->used[i]) *place_of(&larger, b->used[i]) = b->used[i];
    *b = larger;
  }
  const void **place = place_of(b, key);
  if (!*place) b->used_count++;
  *place = key;
}

static void uses_of_expression(c_body *b, const loop_expr *x) {
  if (!x) return;
  if (x->kind == LOOP_VARIABLE) use(b, x->variable);
  if (x->kind == LOOP_LOAD) use(b, x->buffer);
  uses_of_expression(b, x->mask);
  for (int i = 0; i < x->operand_count; i++) uses_of_expression(b, x->operands[i]);
}

/* From the last statement to the first, so that what only an unneeded name needs is not needed. */
static void uses_of_block(c_body *b, const loop_block *block) {
  for (int i = block->count - 1; i >= 0; i--) {
    const loop_stmt *s = block->statements[i];
    uses_of_block(b, &s->otherwise);
    uses_of_block(b, &s->body);
    if (s->kind == LOOP_LET && !is_used(b, s->variable)) continue;
    uses_of_expression(b, s->low);
    uses_of_expression(b, s->high);
    uses_of_expression(b, s->value);
    uses_of_expression(b, s->mask);
    uses_of_expression(b, s->condition);
    if (s->kind != LOOP_STORE && s->kind != LOOP_FETCH) continue;
    if (s->buffer->space != LOOP_REG) use(b, s->buffer);
    for (int k = 0; k < s->buffer->rank; k++) uses_of_expression(b, s->index[k]);
  }
}

/* ---- names --------------------------------------------------------------------------------- */

/* What drivers of tasks are made of, and what sets the state of arithmetic. */
static bool is_reserved(const char *name) {
  static const char *const words[] = {"run_tasks", "threads", "argument", "arguments",
                                      "index",     C_BEGIN_ARITHMETIC, C_END_ARITHMETIC};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(name, words[i]) == 0) return true;
  return c_is_word(name);
}

/* Names of helpers and types end with a type: "maximum_f32x8", "i32x8", "int32_t". */
static bool ends_with_type(const char *name) {
  const char *last = strrchr(name, '_') ? strrchr(name, '_') + 1 : name;
  if (strcmp(last, "t") == 0) return last != name;
  if (!*last || !strchr("fiu", *last)) return strcmp(last, "bool") == 0;
  size_t bits = strspn(last + 1, "0123456789");
  bool size = strtol(last + 1, NULL, 10) >= 8 && bits <= 2;
  return size && (!last[1 + bits] || last[1 + bits] == 'x');
}

static bool is_taken(const c_body *b, const char *name) {
  const uint32_t hash = text_hash(name);
  for (int i = b->name_count - 1; i >= 0; i--)
    if (b->names[i].hash == hash && strcmp(b->names[i].text, name) == 0) return true;
  return false;
}

/* Letters, digits and underscores only: names come from paths such as "conv1.w". */
static char *identifier(arena *a, const char *wish) {
  char *name = arena_text(a, *wish ? wish : "x");
  for (char *c = name; *c; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
      *c = '_';
  bool plain = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z');
  return plain ? name : arena_printf(a, "v%s", name);
}

static const char *free_name(const c_body *b, const char *wish) {
  arena *a = b->unit->arena;
  const char *base = identifier(a, wish);
  if (is_reserved(base) || ends_with_type(base)) base = arena_printf(a, "%s_value", base);
  const char *name = base;
  for (int i = 2; is_taken(b, name); i++) name = arena_printf(a, "%s_%d", base, i);
  return name;
}

static c_name *add_name(c_body *b, const void *key, const char *text, c_type type) {
  c_name *n = &arena_push(b->unit->arena, b->names, b->name_count);
  *n = (c_name){.key = key, .text = text, .hash = text_hash(text), .type = type};
  return n;
}

const c_name *c_declare(c_body *b, const void *key, const char *wish, c_type type) {
  return add_name(b, key, free_name(b, wish), type);
}

/* ---- registers and arrays ------------------------------------------------------------------ */

/* "_1_3" for element number i. */
static const char *part(arena *a, const loop_buffer *buffer, int64_t i) {
  const char *text = "";
  for (int axis = buffer->rank - 1; axis >= 0; axis--) {
    text = arena_printf(a, "_%lld%s", (long long)(i % buffer->extents[axis]), text);
    i /= buffer->extents[axis];
  }
  return text;
}

static bool parts_are_free(const c_body *b, const loop_buffer *buffer, const char *base) {
  for (int64_t i = 0; i < loop_buffer_elements(buffer); i++)
    if (is_taken(b, arena_printf(b->unit->arena, "%s%s", base, part(b->unit->arena, buffer, i))))
      return false;
  return true;
}

/* One local for each element. */
static void declare_registers(c_body *b, const loop_buffer *buffer, const char *initial) {
  arena *a = b->unit->arena;
  c_type type = c_type_of(buffer->type);
  const char *base = free_name(b, buffer->name);
  for (int i = 2; !parts_are_free(b, buffer, base); i++)
    base = free_name(b, arena_printf(a, "%s%d", buffer->name, i));
  const char *list = "";
  for (int64_t i = 0; i < loop_buffer_elements(buffer); i++) {
    const char *name = arena_printf(a, "%s%s", base, part(a, buffer, i));
    add_name(b, NULL, name, type);
    list = arena_printf(a, "%s%s%s%s%s", list, i ? ", " : "", name, initial ? " = " : "",
                        initial ? initial : "");
  }
  add_name(b, buffer, base, type);
  if (is_used(b, buffer)) writer_line(b->out, "%s %s;", c_spelling(b->unit, type), list);
}

static void declare_array(c_body *b, const loop_buffer *buffer, const char *initial) {
  const char *name = c_declare(b, buffer, buffer->name, c_type_of(buffer->type))->text;
  if (!is_used(b, buffer)) return;
  long long count = (long long)loop_buffer_elements(buffer);
  writer_line(b->out, "%s %s[%lld] __attribute__((aligned(64)));", c_element(buffer->type.element),
              name, count);
  if (!initial) return;
  const char *n = free_name(b, "n");
  writer_line(b->out, "for (int64_t %s = 0; %s < %lld; %s++) %s[%s] = %s;", n, n, count, n, name, n,
              initial);
}

/* ---- statements ---------------------------------------------------------------------------- */

static void write_block(c_body *b, const loop_block *block);

static void write_for(c_body *b, const loop_stmt *s) {
  int64_t low;
  c_term first = c_expression(b, s->low), bound = c_expression(b, s->high);
  int outer = b->name_count;
  c_name *n = (c_name *)c_declare(b, s->variable, s->variable->name, c_scalar(DTYPE_I64));
  n->index = true;
  n->natural = first.natural || (loop_is_int(s->low, &low) && low >= 0);
  const char *i = n->text;
  const char *step = s->step == 1
                         ? arena_printf(b->unit->arena, "%s++", i)
                         : arena_printf(b->unit->arena, "%s += %lld", i, (long long)s->step);
  writer_open(b->out, "for (int64_t %s = %s; %s < %s; %s)", i, first.text, i, c_inside(b, bound, 3),
              step);
  write_block(b, &s->body);
  writer_close(b->out, "");
  b->name_count = outer;
}

static void write_let(c_body *b, const loop_stmt *s) {
  if (!is_used(b, s->variable)) return;
  c_term value = c_expression(b, s->value);
  c_name *n = (c_name *)c_declare(b, s->variable, s->variable->name, value.type);
  n->index = value.index;
  n->natural = value.natural;
  writer_line(b->out, "const %s %s = %s;", c_spelling(b->unit, value.type), n->text, value.text);
}

static void store_register(c_body *b, const loop_stmt *s) {
  if (!is_used(b, s->buffer)) return;
  const char *name = c_place(b, s->buffer, s->index);
  c_type type = c_type_of(s->buffer->type);
  c_term value = c_expression(b, s->value);
  if (value.type.truth && value.type.element != type.element)
    value.text = c_mask(b, s->value, type.element);
  if (!s->mask) {
    writer_line(b->out, "%s = %s;", name, value.text);
  } else if (type.lanes == 1) {
    writer_line(b->out, "if (%s) %s = %s;", c_expression(b, s->mask).text, name, value.text);
  } else {
    writer_line(b->out, "%s = %s(%s, %s, %s);", name, c_helper_select(b->unit, type),
                c_mask(b, s->mask, type.element), value.text, name);
  }
}

static void store_scalar(c_body *b, const loop_stmt *s) {
  const char *guard = s->mask
                          ? arena_printf(b->unit->arena, "if (%s) ", c_expression(b, s->mask).text)
                          : "";
  writer_line(b->out, "%s%s = %s;", guard, c_place(b, s->buffer, s->index),
              c_expression(b, s->value).text);
}

static void store_vector(c_body *b, const loop_stmt *s) {
  c_unit *u = b->unit;
  c_term value = c_expression(b, s->value);
  const char *address = c_address(b, s->buffer, s->index);
  c_type type = value.type;
  if (type.truth) { /* as bytes, 0 or 1 */
    value.text = c_mask(b, s->value, DTYPE_U8);
    type = (c_type){DTYPE_I8, type.lanes, true};
  }
  if (!s->mask) {
    writer_line(b->out, "%s(%s, %s);", c_helper_store(u, type), address, value.text);
    return;
  }
  const char *mask = c_mask(b, s->mask, type.element);
  c_type stored = type.truth ? c_vector(DTYPE_U8, type.lanes) : type;
  if (type.truth)
    value.text = arena_printf(u->arena, "(%s)((%s) & 1)", c_spelling(u, stored), value.text);
  writer_line(b->out, "%s(%s, %s, %s);", c_helper_store_masked(u, stored), address, value.text,
              mask);
}

static void write_store(c_body *b, const loop_stmt *s) {
  if (s->buffer->space == LOOP_REG)
    store_register(b, s);
  else if (s->value->type.lanes == 1)
    store_scalar(b, s);
  else
    store_vector(b, s);
}

static void write_fetch(c_body *b, const loop_stmt *s) {
  writer_line(b->out, "__builtin_prefetch(%s, 0, %d);", c_address(b, s->buffer, s->index), s->cache == 1 ? 3 : 2);
}

static void write_alloc(c_body *b, const loop_stmt *s) {
  const char *initial = s->value ? c_expression(b, s->value).text : NULL;
  if (s->buffer->space == LOOP_REG)
    declare_registers(b, s->buffer, initial);
  else
    declare_array(b, s->buffer, initial);
}

static void write_if(c_body *b, const loop_stmt *s) {
  int outer = b->name_count;
  writer_open(b->out, "if (%s)", c_expression(b, s->condition).text);
  write_block(b, &s->body);
  b->name_count = outer;
  if (s->otherwise.count) {
    writer_close(b->out, " else {");
    b->out->indent++;
    write_block(b, &s->otherwise);
    b->name_count = outer;
  }
  writer_close(b->out, "");
}

static void write_statement(c_body *b, const loop_stmt *s) {
  switch (s->kind) {
    case LOOP_FOR: write_for(b, s); break;
    case LOOP_ALLOC: write_alloc(b, s); break;
    case LOOP_LET: write_let(b, s); break;
    case LOOP_STORE: write_store(b, s); break;
    case LOOP_FETCH: write_fetch(b, s); break;
    case LOOP_IF: write_if(b, s); break;
    case LOOP_COMMENT: writer_comment(b->out, s->text); break;
  }
}

static void write_block(c_body *b, const loop_block *block) {
  for (int i = 0; i < block->count; i++) write_statement(b, block->statements[i]);
}

/* ---- functions of vector mathematics ------------------------------------------------------- */

void c_function(c_unit *u, const loop_function *f) {
  if (!c_first_use(u, f->name)) return;
  writer text = writer_new(u->arena);
  text.indent = 1;
  c_body b = {.unit = u, .out = &text};
  uses_of_expression(&b, f->result);
  uses_of_block(&b, &f->body);
  const char *parameters = "";
  for (int i = 0; i < f->parameter_count; i++) {
    const loop_variable *v = f->parameters[i];
    c_type type = c_type_of(v->type);
    const char *name = c_declare(&b, v, v->name, type)->text;
    parameters = arena_printf(u->arena, "%s%s%s %s", parameters, i ? ", " : "", c_spelling(u, type),
                              name);
  }
  write_block(&b, &f->body);
  writer_line(&text, "return %s;", c_expression(&b, f->result).text);
  c_inline(u, c_spelling(u, c_type_of(f->type)), f->name, parameters);
  writer_text(&u->helpers, text.text);
  writer_close(&u->helpers, "");
}

/* ---- kernels ------------------------------------------------------------------------------- */

static const char *extents_text(arena *a, const loop_buffer *p) {
  const char *text = "";
  for (int i = 0; i < p->rank; i++)
    text = arena_printf(a, "%s%s%lld", text, i ? ", " : "", (long long)p->extents[i]);
  return p->rank ? arena_printf(a, "[%s]", text) : "";
}

/* What it computes, then its parameters with their shapes. */
static void describe(c_body *b, const loop_kernel *k) {
  static const char *const access[] = {"in", "out", "in and out"};
  arena *a = b->unit->arena;
  char *text = arena_text(a, k->provenance ? k->provenance : "");
  for (size_t end = strlen(text); end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' ');)
    text[--end] = 0;
  for (int i = 0; i < k->parameter_count; i++) {
    const loop_buffer *p = k->parameters[i];
    text = arena_printf(a, "%s%s%s %s: %s%s", text, *text ? "\n" : "", access[p->access],
                        b->names[i].text, dtype_name(p->type.element), extents_text(a, p));
  }
  if (*text) writer_comment(b->out, text);
}

static const char *pointer_to(arena *a, const loop_buffer *p) {
  return arena_printf(a, "%s%s *", p->access == LOOP_IN ? "const " : "",
                      c_element(p->type.element));
}

static const char *linkage(const c_unit *u) { return u->shares_kernels ? "" : "static "; }

static const char *parameter_list(const c_body *b, const loop_kernel *k) {
  arena *a = b->unit->arena;
  const char *list = "";
  for (int i = 0; i < k->parameter_count; i++)
    list = arena_printf(a, "%s%s%s__restrict %s", list, i ? ", " : "",
                        pointer_to(a, k->parameters[i]), b->names[i].text);
  return *list ? list : "void";
}

/* Passes the parameters of the kernel through a structure, and the task's number beside it. */
static void write_driver(c_body *b, const loop_kernel *k, const loop_stmt *task) {
  arena *a = b->unit->arena;
  writer *w = b->out;
  int64_t low = 0, high = 0;
  if (!loop_is_int(task->low, &low) || !loop_is_int(task->high, &high))
    internal_error("kernel %s: the number of tasks varies", k->name);
  long long count = high > low ? (long long)((high - low + task->step - 1) / task->step) : 0;
  const char *values = "", *fields = "";
  writer_gap(w);
  writer_open(w, "struct %s_arguments", k->name);
  for (int i = 0; i < k->parameter_count; i++) {
    const char *name = b->names[i].text, *comma = i ? ", " : "";
    writer_line(w, "%s%s;", pointer_to(a, k->parameters[i]), name);
    values = arena_printf(a, "%s%s%s", values, comma, name);
    fields = arena_printf(a, "%s, arguments->%s", fields, name);
  }
  writer_close(w, ";");
  writer_gap(w);
  writer_open(w, "static void %s_task(void *argument, int64_t index)", k->name);
  writer_line(w, "const struct %s_arguments *arguments = (const struct %s_arguments *)argument;",
              k->name, k->name);
  const char *scaled = task->step == 1 ? "index"
                                       : arena_printf(a, "index * %lld", (long long)task->step);
  if (low) scaled = arena_printf(a, "%lld + %s", (long long)low, scaled);
  c_helper_arithmetic(b->unit);
  writer_line(w, "const unsigned caller = " C_BEGIN_ARITHMETIC "();");
  writer_line(w, "%s_part(%s%s);", k->name, scaled, fields);
  writer_line(w, C_END_ARITHMETIC "(caller);");
  writer_close(w, "");
  writer_gap(w);
  writer_open(w, "%svoid %s(const dnn_threads *threads, %s)", linkage(b->unit), k->name,
              parameter_list(b, k));
  writer_line(w, "struct %s_arguments arguments = {%s};", k->name, values);
  writer_line(w, "run_tasks(threads, %s_task, &arguments, %lld);", k->name, count);
  writer_close(w, "");
}

static void write_body(c_body *b, const loop_kernel *k, const loop_block *block) {
  for (int i = 0; i < k->parameter_count; i++)
    if (!is_used(b, k->parameters[i])) writer_line(b->out, "(void)%s;", b->names[i].text);
  write_block(b, block);
  writer_close(b->out, "");
}

void c_kernel(c_unit *u, const loop_kernel *k) {
  c_body b = {.unit = u, .out = &u->kernels};
  uses_of_block(&b, &k->body);
  for (int i = 0; i < k->parameter_count; i++)
    c_declare(&b, k->parameters[i], k->parameters[i]->name, c_type_of(k->parameters[i]->type));
  const loop_stmt *task = loop_tasks(k);
  const char *list = parameter_list(&b, k);
  writer_gap(b.out);
  describe(&b, k);
  if (!task) {
    writer_open(b.out, "%s__attribute__((noinline)) void %s(%s)", linkage(u), k->name, list);
    write_body(&b, k, &k->body);
    return;
  }
  c_helper_run_tasks(u);
  int outer = b.name_count;
  c_name *index = (c_name *)c_declare(&b, task->variable, task->variable->name,
                                      c_scalar(DTYPE_I64));
  int64_t low;
  index->index = true;
  index->natural = loop_is_int(task->low, &low) && low >= 0;
  const char *name = index->text;
  writer_open(b.out, "static __attribute__((noinline)) void %s_part(int64_t %s, %s)", k->name, name,
              list);
  if (!is_used(&b, task->variable)) writer_line(b.out, "(void)%s;", name);
  write_body(&b, k, &task->body);
  b.name_count = outer;
  write_driver(&b, k, task);
}

void c_declare_kernel(c_unit *u, const loop_kernel *k) {
  const char *list = loop_tasks(k) ? "const dnn_threads *" : "";
  for (int i = 0; i < k->parameter_count; i++)
    list = arena_printf(u->arena, "%s%s%s__restrict", list, *list ? ", " : "",
                        pointer_to(u->arena, k->parameters[i]));
  writer_line(&u->kernels, "void %s(%s);", k->name, *list ? list : "void");
}
