#include "task.h"

#include <string.h>

#include "build.h"
#include "entry.h"
#include "expression.h"
#include "library.h"
#include "operate.h"
#include "reader.h"
#include "statement.h"
#include "subscript.h"
#include "task_picture.h"

/* --- data ----------------------------------------------------------------------------------- */

static const data_reader *find_reader(elaborator *e, const ast *call) {
  const data_reader *found = reader_find(call->base->name);
  if (found) return found;
  const char **names = NULL;
  int count = 0;
  for (const data_reader *r = data_readers; r->name; r++) arena_push(e->arena, names, count) = r->name;
  elaborator_unknown(e, call->at, "reader", call->base->name, names, count);
  return NULL;
}

static const char *kinds_text(arena *a, int kinds) {
  static const char *const words[] = {"an integer from 0 on", "true or false", "a text",
                                      "a tuple of them"};
  const char *text = "";
  for (int i = 0; i < 4; i++)
    if (kinds & 1 << i) text = arena_printf(a, "%s%s%s", text, *text ? ", or " : "", words[i]);
  return text;
}

/* One value, or each item of a tuple. */
static void add_setting(elaborator *e, const ast *n, value v, int kinds, data_column *column) {
  reader_setting setting = {.name = n->name};
  if (value_is(v, VALUE_TUPLE) && kinds & SETTING_TUPLE) {
    for (int i = 0; i < v.tuple->count; i++)
      add_setting(e, n, v.tuple->items[i], kinds & (SETTING_NUMBER | SETTING_TEXT), column);
    return;
  }
  if (value_is(v, VALUE_TRUTH) && kinds & SETTING_TRUTH) {
    setting.number = v.truth;
  } else if (value_is(v, VALUE_TEXT) && kinds & SETTING_TEXT) {
    setting.text = v.text;
  } else if (value_is_integer(v) && v.number.numerator >= 0 && kinds & SETTING_NUMBER) {
    setting.number = v.number.numerator;
  } else {
    if (!value_is_poison(v))
      elaborator_error(e, n->at, "`%s` is %s, not %s", n->name, kinds_text(e->arena, kinds),
                       value_words(e->arena, v));
    return;
  }
  arena_push(e->arena, column->settings, column->setting_count) = setting;
}

static void add_option(elaborator *e, const ast *n, const data_reader *r, data_column *column) {
  const char **names = NULL;
  int count = 0;
  for (const reader_option *o = r->options; o->name; o++)
    arena_push(e->arena, names, count) = o->name;
  const reader_option *option = reader_option_find(r, n->name);
  if (!option) {
    elaborator_unknown(e, n->at, arena_printf(e->arena, "option of the reader %s named", r->name),
                       n->name, names, count);
    return;
  }
  for (int i = 0; i < column->setting_count; i++)
    if (!strcmp(column->settings[i].name, n->name)) {
      elaborator_error(e, n->at, "`%s` is given twice", n->name);
      return;
    }
  add_setting(e, n, expression_value(e, n->value), option->kinds, column);
}

/* A text, or a tuple of texts. */
static void add_files(elaborator *e, const ast *n, data_column *column) {
  value v = expression_value(e, n);
  int count = value_is(v, VALUE_TUPLE) ? v.tuple->count : 1;
  for (int i = 0; i < count; i++) {
    value file = value_is(v, VALUE_TUPLE) ? v.tuple->items[i] : v;
    if (value_is(file, VALUE_TEXT)) {
      arena_push(e->arena, column->files, column->file_count) = file.text;
    } else if (!value_is_poison(file)) {
      elaborator_error(e, n->at, "a reader takes the name of a file, or a tuple of names, not %s",
                       value_words(e->arena, file));
      return;
    }
  }
  if (!count) elaborator_error(e, n->at, "a reader takes at least one file");
}

/* image: raw("data_batch_1.bin.xz", record: 3073, offset: 1) */
static void add_column(elaborator *e, const ast *n, data_split *split) {
  const ast *call = n->kind == AST_NAMED ? n->value : NULL;
  if (!call || call->kind != AST_CALL || call->base->kind != AST_NAME || !call->items.count ||
      call->items.items[0]->kind == AST_NAMED) {
    elaborator_error(e, n->at, "a column is written as in image: idx(\"file.gz\")");
    return;
  }
  const data_reader *r = find_reader(e, call);
  if (!r) return;
  data_column column = {.name = n->name, .reader = r->name, .at = call->at};
  add_files(e, call->items.items[0], &column);
  for (int i = 1; i < call->items.count; i++) {
    const ast *item = call->items.items[i];
    if (item->kind == AST_NAMED) add_option(e, item, r, &column);
    else elaborator_error(e, item->at, "what follows the file is named, as in offset: 1; several "
                          "files are a tuple, (\"1.gz\", \"2.gz\")");
  }
  for (int i = 0; i < split->column_count; i++)
    if (!strcmp(split->columns[i].name, n->name))
      elaborator_error(e, n->at, "the column `%s` stands twice", n->name);
  arena_push(e->arena, split->columns, split->column_count) = column;
}

static void add_split(elaborator *e, const ast *n, data_set *set) {
  if (n->kind != AST_NAMED || n->value->kind != AST_TUPLE || !n->value->items.count) {
    elaborator_error(e, n->at, "a split is written as in train: (image: idx(\"…\"), …)");
    return;
  }
  data_split split = {.name = n->name};
  for (int i = 0; i < n->value->items.count; i++)
    add_column(e, n->value->items.items[i], &split);
  arena_push(e->arena, set->splits, set->split_count) = split;
}

static value data_call(elaborator *e, const ast *n) {
  if (!n->items.count || n->items.items[0]->kind != AST_STRING)
    return elaborator_error(e, n->at, "data(…) begins with the folder's name, a text");
  data_set set = {.name = "", .folder = n->items.items[0]->name, .at = n->at};
  for (int i = 1; i < n->items.count; i++) add_split(e, n->items.items[i], &set);
  task *t = e->task;
  arena_push(e->arena, t->sets, t->set_count) = set;
  return (value){.kind = VALUE_DATA, .rows = {t->set_count - 1, -1, 0, -1}};
}

/* Data sets carry the names of the variables that hold them. */
static void name_sets(elaborator *e, const scope *names) {
  for (int i = 0; i < names->count; i++) {
    value v = names->bindings[i]->value;
    if (value_is(v, VALUE_DATA) && v.rows.split < 0)
      e->task->sets[v.rows.set].name = names->bindings[i]->name;
  }
}

value subscript_split(elaborator *e, const ast *n, value base) {
  const data_set *set = &e->task->sets[base.rows.set];
  const char **names = NULL;
  int count = 0;
  for (int i = 0; i < set->split_count; i++) {
    arena_push(e->arena, names, count) = set->splits[i].name;
    if (base.rows.split < 0 && !strcmp(set->splits[i].name, n->name)) {
      base.rows.split = i;
      return base;
    }
  }
  return elaborator_unknown(e, n->at, "split", n->name, names, count);
}

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

/* What `to` and `as` say is read when the entry is known. */
typedef struct written {
  const ast *to, *as;
} written;

static void set_option(elaborator *e, const ast *n, task_run *run, written *w) {
  static const char *const names[] = {"epochs",  "steps",  "every_epochs", "every_steps", "at_end",
                                      "once",    "shuffle", "to",          "as"};
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
    default: elaborator_unknown(e, n->at, "option of run named", n->name, names, count);
  }
}

static bool is_phase(const task_run *run) { return run->epochs >= 0 || run->steps >= 0; }

/* Exactly one of the ways to say when. */
static void check_time(elaborator *e, const task_run *run) {
  bool every = run->every_epochs >= 0 || run->every_steps >= 0;
  int ways = (run->epochs >= 0) + (run->steps >= 0) + (run->every_epochs >= 0) +
             (run->every_steps >= 0) + run->at_end + run->once;
  if (ways != 1)
    elaborator_error(e, run->at, "a run has one of epochs, steps, every_epochs, every_steps, "
                     "at_end and once");
  bool phase = false;
  for (int i = 0; i < e->task->run_count; i++) phase = phase || is_phase(&e->task->runs[i]);
  if (every && !phase)
    elaborator_error(e, run->at, "no phase stands before this run: one with epochs or steps");
  if (run->epochs >= 0 && run->data < 0)
    elaborator_error(e, run->at, "an epoch needs data; give steps instead");
  if (is_phase(run) && run->picture.kind != PICTURE_NONE)
    elaborator_error(e, run->at, "a phase writes no file; a run with every_epochs or at_end after it "
                     "does");
}

static value run_call(elaborator *e, const ast *n) {
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

/* --- tasks ---------------------------------------------------------------------------------- */

bool task_call(elaborator *e, const ast *n, value *result) {
  static const char *const refused[] = {"stop", "load", "save"};
  if (e->in_arguments || n->base->kind != AST_NAME) return false;
  const char *name = n->base->name;
  for (int i = 0; i < 3; i++)
    if (!strcmp(name, refused[i])) {
      *result = elaborator_refuse(e, n->at, arena_printf(e->arena, "`%s` in a task", name));
      return true;
    }
  bool data = !strcmp(name, "data"), run = !strcmp(name, "run");
  if (data || run) *result = data ? data_call(e, n) : run_call(e, n);
  return data || run;
}

static const char *task_after(elaborator *e, const ast *n) {
  if (!n->after) return NULL;
  const char **names = NULL;
  int count = 0;
  for (int i = 0; i < e->program->task_count; i++) {
    arena_push(e->arena, names, count) = e->program->tasks[i].name;
    if (!strcmp(names[i], n->after->name)) return names[i];
  }
  elaborator_unknown(e, n->after->at, "earlier task", n->after->name, names, count);
  return NULL;
}

void task_elaborate(elaborator *e, const ast *n) {
  for (int i = 0; i < e->program->task_count; i++)
    if (!strcmp(e->program->tasks[i].name, n->name))
      elaborator_error(e, n->at, "two tasks are named `%s`", n->name);
  task own = {.name = n->name, .after = task_after(e, n), .at = n->at};
  frame f = {.lexical = elaborator_lexical(e, n), .called_at = n->at, .self = e->model,
             .scope = scope_new(e->arena, e->scope), .site = n->name};
  e->task = &own;
  if (elaborator_enter(e, &f)) {
    statement_block(e, n->body, false);
    name_sets(e, f.scope);
    elaborator_leave(e);
  }
  e->task = NULL;
  arena_push(e->arena, e->program->tasks, e->program->task_count) = own;
}
