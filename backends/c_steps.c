/* What an entry's function does: kernel calls, and loops around them. */
#include <string.h>

#include "build.h"
#include "c.h"
#include "c_module.h"
#include "c_state.h"
#include "c_tasks.h"

/* ---- calls ---------------------------------------------------------------------------------- */

/* A place of a region as unsigned char *, but for an entry's arguments that do not move. */
static const char *base_text(arena *a, const c_signature *s, const graph *g, const placement *p,
                             const char *constant) {
  const char *base = p->region == REGION_INPUT    ? s->inputs[p->index]
                     : p->region == REGION_OUTPUT ? s->outputs[p->index]
                                                  : s->regions[p->region];
  const char *moved = "";
  if (p->offset) moved = arena_printf(a, " + %lld", (long long)p->offset);
  for (int i = 0; i < p->move_count; i++)
    if (p->moves[i] && s->turns[i])
      moved = arena_printf(a, "%s + %s * %lld", moved, s->turns[i], (long long)p->moves[i]);
  bool argument = p->region == REGION_INPUT || p->region == REGION_OUTPUT;
  bool scalar = p->region == REGION_INPUT && !g->inputs[p->index].node->type.rank;
  if (argument && !*moved) return scalar ? arena_printf(a, "&%s", base) : base;
  if (argument) base = arena_printf(a, "(%sunsigned char *)%s", constant, base);
  return *moved ? arena_printf(a, "(%s%s)", base, moved) : base;
}

static const char *argument_text(arena *a, const c_signature *s, const graph *g, const placement *p,
                                 const loop_buffer *parameter) {
  if (p->region == REGION_CONTEXT) return s->regions[REGION_CONTEXT];
  if (p->region == REGION_TURN) return arena_printf(a, "&%s", s->turns[p->index]);
  const char *constant = parameter->access == LOOP_IN ? "const " : "";
  const char *base = base_text(a, s, g, p, constant);
  bool typed = (p->region == REGION_INPUT || p->region == REGION_OUTPUT) && !p->move_count;
  return typed ? base
               : arena_printf(a, "(%s%s *)%s", constant, c_element(parameter->type.element), base);
}

static void write_call(writer *w, const c_signature *s, const graph *g, const kernel_call *c) {
  const loop_kernel *k = c->kernel;
  const char *list = loop_tasks(k) ? s->threads : "";
  for (int i = 0; i < k->parameter_count; i++)
    list = arena_printf(w->arena, "%s%s%s", list, *list ? ", " : "",
                        argument_text(w->arena, s, g, &c->arguments[i], k->parameters[i]));
  if (s->observed) writer_line(w, "observe(%d);", c->number);
  writer_line(w, "%s(%s);", k->name, list);
}

/* ---- loops whose turns are shared out ---------------------------------------------------------- */

/* What a task needs of the entry's locals. */
typedef struct field {
  const char *type; /* of a pointer, what it points to */
  bool pointer;
  const char *name;
} field;

typedef struct fields {
  field *list;
  int count;
} fields;

static bool uses_place(const module_code *code, region r, int index) {
  for (int i = 0; i < code->count; i++) {
    const module_step *s = &code->steps[i];
    for (int k = 0; s->call && k < s->call->kernel->parameter_count; k++)
      if (s->call->arguments[k].region == r && (index < 0 || s->call->arguments[k].index == index)) return true;
    if (s->loop && (uses_place(&s->loop->condition, r, index) || uses_place(&s->loop->body, r, index))) return true;
  }
  return false;
}

bool c_uses_region(const module_code *code, region r) { return uses_place(code, r, -1); }

/* Of a body without loops. */
static bool uses_turn(const module_code *body, int depth) {
  for (int i = 0; i < body->count; i++) {
    const kernel_call *c = body->steps[i].call;
    for (int k = 0; k < c->kernel->parameter_count; k++)
      if (c->arguments[k].move_count > depth && c->arguments[k].moves[depth]) return true;
  }
  return uses_place(body, REGION_TURN, depth);
}

static void add_field(arena *a, fields *f, const char *type, bool pointer, const char *name) {
  arena_push(a, f->list, f->count) = (field){type, pointer, name};
}

static void add_arguments(arena *a, fields *f, const c_signature *s, const graph *g, const module_code *body) {
  for (int i = 0; i < g->input_count; i++) {
    const tensor_type *t = &g->inputs[i].node->type;
    const char *element = c_element(t->element);
    if (uses_place(body, REGION_INPUT, i))
      add_field(a, f, t->rank ? arena_printf(a, "const %s", element) : element, t->rank > 0, s->inputs[i]);
  }
  for (int i = 0; i < g->output_count; i++)
    if (uses_place(body, REGION_OUTPUT, i)) add_field(a, f, c_element(g->outputs[i].node->type.element), true, s->outputs[i]);
}

/* The same list for the entry, which fills it in this order, and for the task. */
static fields fields_of(arena *a, const c_signature *s, const graph *g, const module_loop *l) {
  fields f = {NULL, 0};
  add_arguments(a, &f, s, g, &l->body);
  for (region r = REGION_PARAMETERS; r <= REGION_SCRATCH; r++)
    if (c_uses_region(&l->body, r)) add_field(a, &f, "unsigned char", true, s->regions[r]);
  if (c_uses_region(&l->body, REGION_CONTEXT)) add_field(a, &f, "const int64_t", true, s->regions[REGION_CONTEXT]);
  for (int i = 0; i < l->depth; i++)
    if (uses_turn(&l->body, i)) add_field(a, &f, "int64_t", false, s->turns[i]);
  if (l->bounded) add_field(a, &f, "int64_t", false, s->size);
  return f;
}

static bool has_frames(const module_loop *l) { return uses_turn(&l->body, l->depth + 1); }

/* The signature within a loop whose frame has this name; NULL: there is one frame. */
static c_signature inner_signature(arena *a, const c_signature *s, const module_loop *l, const char *frame) {
  c_signature inner = *s;
  inner.turns = arena_array_of(a, l->depth + 2, const char *);
  memcpy(inner.turns, s->turns, (size_t)(l->depth + 1) * sizeof *inner.turns);
  inner.turns[l->depth + 1] = frame;
  return inner;
}

/* The first turn of a task, by its number as an expression of C. */
static const char *first_turn(arena *a, const c_signature *s, const module_loop *l, const char *number) {
  if (l->bounded) return arena_printf(a, "%s * %s / %d", number, s->size, l->tasks);
  if (l->turns == l->tasks) return number;
  const char *each = arena_printf(a, "%s * %lld", number, (long long)(l->turns % l->tasks ? l->turns : l->turns / l->tasks));
  return l->turns % l->tasks ? arena_printf(a, "%s / %d", each, l->tasks) : each;
}

static void write_arguments_type(writer *w, const c_signature *s, const module_loop *l, const fields *f) {
  writer_open(w, "struct turns%d_arguments", l->number);
  for (int i = 0; i < f->count; i++)
    writer_line(w, "%s %s%s;", f->list[i].type, f->list[i].pointer ? "*" : "", f->list[i].name);
  if (has_frames(l)) writer_line(w, "uint64_t %s;", s->busy);
  writer_close(w, ";");
  writer_gap(w);
}

static void write_arguments_locals(writer *w, const c_signature *s, const module_loop *l, const fields *f) {
  writer_line(w, "struct turns%d_arguments *const arguments = (struct turns%d_arguments *)argument;", l->number, l->number);
  for (int i = 0; i < f->count; i++) {
    const field *of = &f->list[i];
    writer_line(w, of->pointer ? "%s *const %s = arguments->%s;" : "const %s %s = arguments->%s;", of->type, of->name, of->name);
  }
  if (has_frames(l)) writer_line(w, "const int64_t %s = " C_TAKE_FRAME "(&arguments->%s);", s->frame, s->busy);
}

static void write_task_function(writer *w, c_unit *u, const c_signature *entry, const graph *g, const module_loop *l) {
  arena *a = w->arena;
  c_signature s = inner_signature(a, entry, l, entry->frame);
  s.threads = "NULL"; /* kernels run alone */
  const fields f = fields_of(a, &s, g, l);
  const char *turn = s.turns[l->depth];
  c_helper_run_tasks(u);
  c_helper_arithmetic(u);
  if (has_frames(l)) c_helper_frames(u);
  writer_gap(w);
  writer_comment(w, arena_printf(a, "turns of the loop at %s, shared out among %d tasks", diag_short_place(a, l->at), l->tasks));
  write_arguments_type(w, &s, l, &f);
  writer_open(w, "static void turns%d_task(void *argument, int64_t index)", l->number);
  write_arguments_locals(w, &s, l, &f);
  writer_line(w, "const unsigned %s = " C_BEGIN_ARITHMETIC "();", s.caller);
  writer_open(w, "for (int64_t %s = %s; %s < %s; %s++)", turn, first_turn(a, &s, l, "index"), turn,
              first_turn(a, &s, l, "(index + 1)"), turn);
  c_write_code(w, &s, g, &l->body);
  writer_close(w, "");
  writer_line(w, C_END_ARITHMETIC "(%s);", s.caller);
  if (has_frames(l)) writer_line(w, C_LEAVE_FRAME "(&arguments->%s, %s);", s.busy, s.frame);
  writer_close(w, "");
}

void c_write_task_functions(writer *w, c_unit *u, const c_signature *s, const graph *g, const module_code *code) {
  for (int i = 0; i < code->count && !s->observed; i++) {
    const module_loop *l = code->steps[i].loop;
    if (l && l->tasks) write_task_function(w, u, s, g, l);
    else if (l) c_write_task_functions(w, u, s, g, &l->body);
  }
}

static void write_shared_loop(writer *w, const c_signature *s, const graph *g, const module_loop *l) {
  const fields f = fields_of(w->arena, s, g, l);
  const char *values = "";
  for (int i = 0; i < f.count; i++) values = arena_printf(w->arena, "%s%s%s", values, i ? ", " : "", f.list[i].name);
  if (has_frames(l)) values = arena_printf(w->arena, "%s%s0", values, f.count ? ", " : "");
  writer_line(w, "{");
  w->indent++;
  writer_line(w, "struct turns%d_arguments arguments = {%s};", l->number, values);
  writer_line(w, "run_tasks(%s, turns%d_task, &arguments, %d);", s->threads, l->number, l->tasks);
  writer_close(w, "");
}

/* ---- loops ---------------------------------------------------------------------------------- */

static const char *turns_text(arena *a, const c_signature *s, const module_loop *l) {
  return l->bounded ? s->size : arena_printf(a, "%lld", (long long)l->turns);
}

/* Leaves the innermost loop where the condition has this truth. */
static void write_condition(writer *w, const c_signature *s, const graph *g, const module_loop *l,
                            bool truth) {
  c_write_code(w, s, g, &l->condition);
  writer_line(w, "if (%s*(const %s *)%s) break;", truth ? "" : "!", c_element(DTYPE_BOOL),
              base_text(w->arena, s, g, &l->goes_on, "const "));
}

/* The last turn first; with a condition from the first turn on for which it holds. */
static void write_reverse_loop(writer *w, const c_signature *s, const graph *g, const module_loop *l) {
  const char *turn = s->turns[l->depth], *turns = turns_text(w->arena, s, l);
  if (!l->conditional) {
    writer_open(w, "for (int64_t %s = %s - 1; %s >= 0; %s--)", turn, turns, turn, turn);
    c_write_code(w, s, g, &l->body);
    writer_close(w, "");
    return;
  }
  writer_line(w, "{");
  w->indent++;
  writer_line(w, "int64_t %s = %s - 1;", turn, turns);
  writer_open(w, "for (; %s >= 0; %s--)", turn, turn);
  write_condition(w, s, g, l, true);
  writer_close(w, "");
  writer_open(w, "for (; %s >= 0; %s--)", turn, turn);
  c_write_code(w, s, g, &l->body);
  writer_close(w, "");
  writer_close(w, "");
}

static void write_endless(writer *w, const c_signature *s, const char *turn) {
  writer_open(w, "if (%s == %d)", turn, LOOP_MOST_TURNS);
  writer_line(w, C_END_ARITHMETIC "(%s);", s->caller);
  writer_line(w, "return DNN_ENDLESS;");
  writer_close(w, "");
}

static void write_loop(writer *w, const c_signature *s, const graph *g, const module_loop *l) {
  const char *turn = s->turns[l->depth];
  if (l->reverse) {
    write_reverse_loop(w, s, g, l);
    return;
  }
  if (!l->turns)
    writer_open(w, "for (int64_t %s = 0;; %s++)", turn, turn);
  else
    writer_open(w, "for (int64_t %s = 0; %s < %s; %s++)", turn, turn, turns_text(w->arena, s, l), turn);
  if (l->conditional) write_condition(w, s, g, l, false);
  if (!l->turns) write_endless(w, s, turn);
  c_write_code(w, s, g, &l->body);
  writer_close(w, "");
}

static void write_step(writer *w, const c_signature *s, const graph *g, const module_step *step) {
  const module_loop *l = step->loop;
  if (!l) {
    write_call(w, s, g, step->call);
  } else if (!l->tasks) {
    write_loop(w, s, g, l);
  } else if (!s->observed) {
    write_shared_loop(w, s, g, l);
  } else {
    const c_signature inner = inner_signature(w->arena, s, l, NULL);
    write_loop(w, &inner, g, l);
  }
}

void c_write_code(writer *w, const c_signature *s, const graph *g, const module_code *code) {
  for (int i = 0; i < code->count; i++) write_step(w, s, g, &code->steps[i]);
}
