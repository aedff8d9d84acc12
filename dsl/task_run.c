#include "task_run.h"

#include <string.h>

#include "build.h"
#include "entry.h"
#include "expression.h"
#include "library.h"
#include "operate.h"
#include "task_picture.h"

/* --- the arguments of a run ----------------------------------------------------------------- */

static bool depends_only_on_time(const graph *g) {
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_SLOT || g->nodes[i]->op == OP_KEY) return false;
  return true;
}

/* The expression as a graph from step, epoch and steps to one number. NULL after an error. */
static graph *argument_graph(elaborator *e, const char *name, const ast *n) {
  static const char *const inputs[] = {"step", "epoch", "steps"};
  const tensor_type scalar = type_scalar(DTYPE_F64);
  graph *outer = e->graph, *g = graph_new(e->arena, e->diagnostics, name);
  dtype real = e->real;
  for (int i = 0; i < 3; i++) graph_add_input(g, inputs[i], &scalar);
  frame own = {.lexical = elaborator_lexical(e, n), .called_at = n->at, .self = e->model,
               .scope = library_schedule(e, e->frame->scope), .site = name};
  e->graph = g;
  e->real = DTYPE_F64;
  e->in_arguments = true;
  node *result = NULL;
  if (elaborator_enter(e, &own)) {
    value v = operate_cast(e, n->at, expression_value(e, n), DTYPE_F64);
    result = operate_convert(e, n->at, v, &scalar, false, "a run's argument");
    elaborator_leave(e);
  }
  e->in_arguments = false;
  e->real = real;
  e->graph = outer;
  if (!result) return NULL;
  graph_add_output(g, name, result);
  if (depends_only_on_time(g)) return g;
  elaborator_error(e, n->at, "a run's argument depends on step, epoch and steps only");
  return NULL;
}

static void add_argument(elaborator *e, const ast *n, task_run *run) {
  for (int i = 0; i < run->argument_count; i++)
    if (!strcmp(run->arguments[i].name, n->name))
      elaborator_error(e, n->at, "`%s` is given twice", n->name);
  graph *g = argument_graph(e, n->name, n->value);
  arena_push(e->arena, run->arguments, run->argument_count) = (run_argument){n->name, g, n->at};
}

/* False after an error. */
static bool add_rows(elaborator *e, const ast *n, task_run *run) {
  value v = expression_value(e, n);
  if (value_is_poison(v)) return false;
  if (!value_is(v, VALUE_DATA) || v.rows.split < 0) {
    elaborator_error(e, n->at, "a run is fed with a split of data, as in d.train, not %s",
                     value_words(e->arena, v));
  } else if (run->data >= 0) {
    elaborator_refuse(e, n->at, "a run with two sources of data");
  } else {
    run->data = v.rows.set;
    run->split = v.rows.split;
    run->first = v.rows.first;
    run->last = v.rows.last;
    return true;
  }
  return false;
}

/* --- checks against the entry --------------------------------------------------------------- */

static const graph_value *find_input(const graph *g, const char *name) {
  for (int i = 0; i < g->input_count; i++)
    if (!strcmp(g->inputs[i].name, name)) return &g->inputs[i];
  return NULL;
}

static bool is_argument(const task_run *run, const char *name) {
  for (int i = 0; i < run->argument_count; i++)
    if (!strcmp(run->arguments[i].name, name)) return true;
  return false;
}

static bool is_column(const elaborator *e, const task_run *run, const char *name) {
  if (run->data < 0) return false;
  const data_split *split = &e->task->sets[run->data].splits[run->split];
  for (int i = 0; i < split->column_count; i++)
    if (!strcmp(split->columns[i].name, name)) return true;
  return false;
}

static void check_arguments(elaborator *e, const task_run *run, const graph *g) {
  const char **names = NULL;
  int count = 0;
  for (int i = 0; i < g->input_count; i++)
    arena_push(e->arena, names, count) = g->inputs[i].name;
  for (int i = 0; i < run->argument_count; i++) {
    const run_argument *a = &run->arguments[i];
    const graph_value *input = find_input(g, a->name);
    if (!input)
      elaborator_unknown(e, a->at, arena_printf(e->arena, "input of %s named", run->entry),
                         a->name, names, count);
    else if (input->node && input->node->type.rank)
      elaborator_error(e, a->at, "the input `%s` is %s; only scalars are given here", a->name,
                       type_text(e->arena, &input->node->type));
  }
}

static void check_inputs(elaborator *e, const task_run *run, const graph *g) {
  for (int i = 0; i < g->input_count; i++) {
    const graph_value *input = &g->inputs[i];
    if (is_argument(run, input->name) || is_column(e, run, input->name)) continue;
    elaborator_error(e, run->at, "the input `%s` of %s gets no value: %s", input->name, run->entry,
                     input->node && input->node->type.rank ? "no column has this name"
                                                           : "give it, as in rate: 1e-3");
  }
}

/* The name in the program of the entry that is called, elaborated here where it has static
 * arguments. NULL after an error. */
static const char *entry_of(elaborator *e, const ast *call) {
  const ast *base = call->kind == AST_CALL ? call->base : call;
  const ast *brackets = base->kind == AST_BRACKETS ? base : NULL;
  if (brackets) base = brackets->base;
  if (call->kind != AST_CALL || base->kind != AST_NAME) {
    elaborator_error(e, call->at, "run(…) begins with the call of an entry, as in "
                     "run(train(d.train), epochs: 1)");
    return NULL;
  }
  const char **names = NULL;
  int count = 0;
  for (int i = 0; i < e->file->items.count; i++) {
    const ast *n = e->file->items.items[i];
    if (n->kind != AST_ENTRY) continue;
    arena_push(e->arena, names, count) = n->name;
    if (strcmp(n->name, base->name)) continue;
    argument_list statics = {0};
    if (brackets) statics = expression_arguments(e, &brackets->items);
    return entry_with(e, base->at, n, statics);
  }
  elaborator_unknown(e, base->at, "entry", base->name, names, count);
  return NULL;
}

/* --- options of a run ----------------------------------------------------------------------- */

static void set_count(elaborator *e, const ast *n, int64_t *count) {
  if (!elaborator_integer(e, n->at, expression_value(e, n->value), n->name, count)) return;
  if (*count >= 1) return;
  elaborator_error(e, n->at, "`%s` is at least 1, not %lld", n->name, (long long)*count);
  *count = 0;
}

static void set_truth(elaborator *e, const ast *n, bool *truth) {
  value v = expression_value(e, n->value);
  if (value_is(v, VALUE_TRUTH)) *truth = v.truth;
  else if (!value_is_poison(v)) elaborator_error(e, n->at, "`%s` is true or false", n->name);
}

/* A label stands in tables, legends and the names of metrics. */
static void set_label(elaborator *e, const ast *n, task_run *run) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_- ";
  value v = expression_value(e, n->value);
  if (value_is_poison(v)) return;
  if (!value_is(v, VALUE_TEXT) || !*v.text || v.text[strspn(v.text, allowed)])
    elaborator_error(e, n->at, "`label` is a text of letters, digits, `_`, `-` and blanks");
  else run->label = v.text;
}

/* What `to` and `as` say is read when the entry is known. */
typedef struct written {
  const ast *to, *as;
} written;

static void set_option(elaborator *e, const ast *n, task_run *run, written *w) {
  static const char *const names[] = {"epochs",  "steps",  "every_epochs", "every_steps", "at_end",
                                      "once",    "shuffle", "to",          "as", "label"};
  if (n->kind != AST_NAMED) {
    elaborator_error(e, n->at, "what follows the entry in run(…) is named, as in epochs: 10");
    return;
  }
  int which = 0, count = (int)(sizeof names / sizeof *names);
  while (which < count && strcmp(names[which], n->name)) which++;
  switch (which) {
    case 0: set_count(e, n, &run->epochs); break;
    case 1: set_count(e, n, &run->steps); break;
    case 2: set_count(e, n, &run->every_epochs); break;
    case 3: set_count(e, n, &run->every_steps); break;
    case 4: set_truth(e, n, &run->at_end); break;
    case 5: set_truth(e, n, &run->once); break;
    case 6: set_truth(e, n, &run->shuffle); break;
    case 7: w->to = n; break;
    case 8: w->as = n; break;
    case 9: set_label(e, n, run); break;
    default: elaborator_unknown(e, n->at, "option of run named", n->name, names, count);
  }
}

bool task_is_phase(const task_run *run) { return run->epochs >= 0 || run->steps >= 0; }

/* Exactly one of the ways to say when. */
static void check_time(elaborator *e, const task_run *run) {
  bool every = run->every_epochs >= 0 || run->every_steps >= 0;
  int ways = (run->epochs >= 0) + (run->steps >= 0) + (run->every_epochs >= 0) +
             (run->every_steps >= 0) + run->at_end + run->once;
  if (ways != 1)
    elaborator_error(e, run->at, "a run has one of epochs, steps, every_epochs, every_steps, "
                     "at_end and once");
  bool phase = false;
  for (int i = 0; i < e->task->run_count; i++) phase = phase || task_is_phase(&e->task->runs[i]);
  if (every && !phase)
    elaborator_error(e, run->at, "no phase stands before this run: one with epochs or steps");
  if (run->epochs >= 0 && run->data < 0)
    elaborator_error(e, run->at, "an epoch needs data; give steps instead");
  if (task_is_phase(run) && run->picture.kind != PICTURE_NONE)
    elaborator_error(e, run->at, "a phase writes no file; a run with every_epochs or at_end after it "
                     "does");
}

value task_run_call(elaborator *e, const ast *n) {
  if (!n->items.count) return elaborator_error(e, n->at, "run(…) of which entry?");
  const ast *call = n->items.items[0];
  task_run run = {.entry = entry_of(e, call), .data = -1, .split = -1, .last = -1, .epochs = -1,
                  .steps = -1, .every_epochs = -1, .every_steps = -1, .at = n->at};
  written w = {0};
  for (int i = 1; i < n->items.count; i++) set_option(e, n->items.items[i], &run, &w);
  if (!run.entry) return (value){0};
  bool fed = true;
  for (int i = 0; i < call->items.count; i++) {
    const ast *item = call->items.items[i];
    if (item->kind == AST_NAMED) add_argument(e, item, &run);
    else fed = add_rows(e, item, &run) && fed;
  }
  const graph *g = program_entry(e->program, run.entry);
  check_arguments(e, &run, g);
  run.picture = task_picture(e, w.to, w.as, g, run.data >= 0);
  if (fed) check_inputs(e, &run, g);
  if (fed) check_time(e, &run);
  arena_push(e->arena, e->task->runs, e->task->run_count) = run;
  return value_none();
}
