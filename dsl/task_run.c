#include "task_run.h"

#include <string.h>

#include "build.h"
#include "entry.h"
#include "expression.h"
#include "library.h"
#include "operate.h"
#include "task_cut.h"
#include "task_picture.h"

/* --- the arguments of a run ----------------------------------------------------------------- */

static bool depends_only_on_time(const graph *g) {
  for (int i = 0; i < g->node_count; i++)
    if (g->nodes[i]->op == OP_SLOT || g->nodes[i]->op == OP_KEY) return false;
  return true;
}

graph *task_argument(elaborator *e, const char *name, const ast *n) {
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

static const run_column *find_column(const task_run *run, const char *input) {
  for (int i = 0; i < run->column_count; i++)
    if (!strcmp(run->columns[i].input, input)) return &run->columns[i];
  return NULL;
}

static bool same_cut(const data_cut *x, const data_cut *y) {
  return x->kind == y->kind && x->length == y->length && x->step == y->step && x->key == y->key &&
         x->rising == y->rising;
}

/* The run's source of these rows, added where it has none yet. */
static int source_of(elaborator *e, task_run *run, data_rows rows) {
  const data_cut cut = rows.cut ? *rows.cut : (data_cut){0};
  for (int i = 0; i < run->source_count; i++) {
    const run_source *s = &run->sources[i];
    if (s->set == rows.set && s->split == rows.split && s->first == rows.first &&
        s->last == rows.last && same_cut(&s->cut, &cut))
      return i;
  }
  arena_push(e->arena, run->sources, run->source_count) =
      (run_source){rows.set, rows.split, rows.first, rows.last, cut};
  return run->source_count - 1;
}

/* Lets an input take its rows from a column. */
static void connect(elaborator *e, task_run *run, const char *input, data_rows rows, int column) {
  arena_push(e->arena, run->columns, run->column_count) =
      (run_column){input, source_of(e, run, rows), column};
}

/* Whether an argument names data: image: d.train.picture. */
static bool is_data(elaborator *e, const ast *n) {
  if (task_cut_of(n)) n = task_cut_of(n);
  const char *root = ast_root_name(n);
  const binding *b = root ? scope_find(e->frame->scope, root) : NULL;
  return b && value_is(b->value, VALUE_DATA);
}

/* False after an error. */
static bool add_column(elaborator *e, const ast *n, task_run *run) {
  value v = expression_value(e, n->value);
  if (value_is_poison(v)) return false;
  if (!value_is(v, VALUE_DATA) || v.rows.column < 0) {
    elaborator_error(e, n->at, "an input takes one column, as in %s: d.train.%s", n->name, n->name);
    return false;
  }
  connect(e, run, n->name, v.rows, v.rows.column);
  return true;
}

/* False after an error. */
static bool add_argument(elaborator *e, const ast *n, task_run *run) {
  if (is_argument(run, n->name) || find_column(run, n->name)) {
    elaborator_error(e, n->at, "`%s` is given twice", n->name);
    return false;
  }
  if (is_data(e, n->value)) return add_column(e, n, run);
  graph *g = task_argument(e, n->name, n->value);
  arena_push(e->arena, run->arguments, run->argument_count) = (run_argument){n->name, g, n->at};
  return true;
}

static bool is_given_by_name(const ast *call, const char *input) {
  for (int i = 0; i < call->items.count; i++) {
    const ast *item = call->items.items[i];
    if (item->kind == AST_NAMED && !strcmp(item->name, input)) return true;
  }
  return false;
}

/* Whether the input takes the lengths of sequences: no column has its name. */
static bool takes_lengths(const data_split *split, data_rows rows, const char *input) {
  bool lengths = rows.cut && rows.cut->kind == CUT_SEQUENCES && !strcmp(input, CUT_LENGTH);
  for (int i = 0; i < split->column_count; i++) lengths = lengths && strcmp(split->columns[i].name, input);
  return lengths;
}

/* Columns of a split meet the inputs of their names that the call does not give by name. False after
 * an error. */
static bool meet_inputs(elaborator *e, const ast *n, data_rows rows, const ast *call, const graph *g,
                        task_run *run) {
  const data_split *split = &e->task->sets[rows.set].splits[rows.split];
  bool met = false, good = true;
  for (int i = 0; i < split->column_count; i++) {
    const char *name = split->columns[i].name;
    if (!find_input(g, name)) continue;
    met = true;
    if (is_given_by_name(call, name)) continue;
    if (find_column(run, name)) {
      elaborator_error(e, n->at, "two sources of data have a column `%s`; say which the input takes, "
                       "as in %s: d.%s.%s", name, name, split->name, name);
      good = false;
      continue;
    }
    connect(e, run, name, rows, i);
  }
  if (find_input(g, CUT_LENGTH) && takes_lengths(split, rows, CUT_LENGTH) &&
      !is_given_by_name(call, CUT_LENGTH) && !find_column(run, CUT_LENGTH))
    connect(e, run, CUT_LENGTH, rows, COLUMN_LENGTHS);
  if (!met)
    elaborator_error(e, n->at, "no column of `%s` has the name of an input of %s", split->name,
                     run->entry);
  return good && met;
}

/* False after an error. */
static bool add_rows(elaborator *e, const ast *n, const ast *call, const graph *g, task_run *run) {
  value v = expression_value(e, n);
  if (value_is_poison(v)) return false;
  if (value_is(v, VALUE_DATA) && v.rows.split >= 0 && v.rows.column < 0)
    return meet_inputs(e, n, v.rows, call, g, run);
  if (value_is(v, VALUE_DATA) && v.rows.split >= 0) {
    const data_split *split = &e->task->sets[v.rows.set].splits[v.rows.split];
    const char *column = split->columns[v.rows.column].name;
    elaborator_error(e, n->at, "a column of data is given to an input by name, as in %s: d.%s.%s", column, split->name,
                     column);
    return false;
  }
  elaborator_error(e, n->at, "a run is fed with a split of data, as in d.train, not %s",
                   value_words(e->arena, v));
  return false;
}

/* False after an error. */
static bool add_inputs(elaborator *e, const ast *call, const graph *g, task_run *run) {
  bool good = true;
  for (int i = 0; i < call->items.count; i++) {
    const ast *item = call->items.items[i];
    bool added = item->kind == AST_NAMED ? add_argument(e, item, run)
                                         : add_rows(e, item, call, g, run);
    good = good && added;
  }
  return good;
}

/* --- checks against the entry --------------------------------------------------------------- */

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
  for (int i = 0; i < run->column_count; i++) {
    const run_column *c = &run->columns[i];
    const graph_value *input = find_input(g, c->input);
    const data_cut *cut = &run->sources[c->source].cut;
    if (!input)
      elaborator_unknown(e, run->at, arena_printf(e->arena, "input of %s named", run->entry), c->input,
                         names, count);
    else if (cut->kind != CUT_NONE && input->node) task_cut_fits(e, cut->at, input, cut, c->column);
  }
}

static void check_inputs(elaborator *e, const task_run *run, const graph *g) {
  for (int i = 0; i < g->input_count; i++) {
    const graph_value *input = &g->inputs[i];
    if (is_argument(run, input->name) || find_column(run, input->name)) continue;
    elaborator_error(e, run->at, "the input `%s` of %s gets no value: %s", input->name, run->entry,
                     input->node && input->node->type.rank ? "no column has this name"
                                                           : "give it, as in rate: 1e-3");
  }
}

const char *task_entry(elaborator *e, const ast *call) {
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
                                      "once",    "shuffle", "to",          "as",
                                      "label",   "times"};
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
    case 10: set_count(e, n, &run->times); break;
    default: elaborator_unknown(e, n->at, "option of run named", n->name, names, count);
  }
}

bool task_is_phase(const task_run *run) { return run->epochs >= 0 || run->steps >= 0; }

static int ways_to_say_when(const task_run *run) {
  return (run->epochs >= 0) + (run->steps >= 0) + (run->every_epochs >= 0) +
         (run->every_steps >= 0) + run->at_end + run->once;
}

/* Streams go in order. */
static void check_shuffle(elaborator *e, const task_run *run) {
  if (run->shuffle && !run->source_count)
    elaborator_error(e, run->at, "there is no data to shuffle");
  for (int i = 0; run->shuffle && i < run->source_count; i++)
    if (run->sources[i].cut.kind == CUT_STREAMS)
      elaborator_error(e, run->sources[i].cut.at, "streams go in the order of their rows; what is "
                       "shuffled are windows");
}

/* Exactly one of the ways to say when. */
static void check_time(elaborator *e, const task_run *run) {
  bool every = run->every_epochs >= 0 || run->every_steps >= 0, phase = false;
  if (ways_to_say_when(run) != 1)
    elaborator_error(e, run->at, "a run has one of epochs, steps, every_epochs, every_steps, "
                     "at_end and once");
  for (int i = 0; i < e->task->run_count; i++) phase = phase || task_is_phase(&e->task->runs[i]);
  if (every && !phase)
    elaborator_error(e, run->at, "no phase stands before this run: one with epochs or steps");
  if (run->epochs >= 0 && !run->source_count)
    elaborator_error(e, run->at, "an epoch needs data; give steps instead");
  if (run->times >= 0)
    elaborator_error(e, run->at, "`times` is for runs that take turns, in alternate(…)");
  check_shuffle(e, run);
  if (task_is_phase(run) && run->picture.kind != PICTURE_NONE)
    elaborator_error(e, run->at, "a phase writes no file; a run with every_epochs or at_end after it "
                     "does");
}

static task_run run_new(location at) {
  return (task_run){.epochs = -1, .steps = -1, .times = -1, .every_epochs = -1, .every_steps = -1,
                    .at = at};
}

/* Everything but the time. False after an error. */
static bool read_run(elaborator *e, const ast *n, task_run *run) {
  if (!n->items.count) {
    elaborator_error(e, n->at, "run(…) of which entry?");
    return false;
  }
  const ast *call = n->items.items[0];
  run->entry = task_entry(e, call);
  written w = {0};
  for (int i = 1; i < n->items.count; i++) set_option(e, n->items.items[i], run, &w);
  if (!run->entry) return false;
  const graph *g = program_entry(e->program, run->entry);
  bool fed = add_inputs(e, call, g, run);
  check_arguments(e, run, g);
  run->picture = task_picture(e, w.to, w.as, g, run->source_count > 0);
  if (fed) check_inputs(e, run, g);
  return fed;
}

value task_run_call(elaborator *e, const ast *n) {
  task_run run = run_new(n->at);
  int errors = diag_count(e->diagnostics);
  bool fed = read_run(e, n, &run);
  if (!run.entry) return (value){0};
  if (fed && diag_count(e->diagnostics) == errors) check_time(e, &run);
  if (run.times < 0) run.times = 1;
  arena_push(e->arena, e->task->runs, e->task->run_count) = run;
  return value_none();
}

/* --- runs in turn --------------------------------------------------------------------------- */

/* One of the runs; false after an error. */
static bool add_turn(elaborator *e, const ast *n, task_run *run) {
  bool good = n->kind == AST_CALL && n->base->kind == AST_NAME && !strcmp(n->base->name, "run");
  if (!good) {
    elaborator_error(e, n->at, "alternate(…) takes runs, as in alternate(run(critic(d.train), times: "
                     "5), run(generator()), epochs: 10)");
    return false;
  }
  int errors = diag_count(e->diagnostics);
  if (!read_run(e, n, run) || diag_count(e->diagnostics) > errors) return false;
  if (ways_to_say_when(run) || run->picture.kind != PICTURE_NONE || run->times == 0)
    elaborator_error(e, n->at, "a run that takes turns has inputs, shuffle, label and times");
  else check_shuffle(e, run);
  return diag_count(e->diagnostics) == errors;
}

static void set_length(elaborator *e, const ast *n, task_run *first) {
  static const char *const names[] = {"epochs", "steps"};
  if (!strcmp(n->name, "epochs")) set_count(e, n, &first->epochs);
  else if (!strcmp(n->name, "steps")) set_count(e, n, &first->steps);
  else elaborator_unknown(e, n->at, "option of alternate named", n->name, names, 2);
}

value task_alternate_call(elaborator *e, const ast *n) {
  task_run *runs = NULL;
  int count = 0;
  bool good = true, fed = false;
  for (int i = 0; i < n->items.count; i++) {
    const ast *item = n->items.items[i];
    if (item->kind == AST_NAMED) continue;
    task_run run = run_new(item->at);
    good = add_turn(e, item, &run) && good;
    if (run.times < 0) run.times = 1;
    run.alternate = count > 0;
    fed = fed || run.source_count;
    arena_push(e->arena, runs, count) = run;
  }
  for (int i = 0; i < n->items.count && count; i++)
    if (n->items.items[i]->kind == AST_NAMED) set_length(e, n->items.items[i], runs);
  if (!good) return (value){0};
  if (count < 2 || (runs[0].epochs >= 0) + (runs[0].steps >= 0) != 1)
    return elaborator_error(e, n->at, "alternate(…) takes two runs or more, and epochs or steps");
  if (runs[0].epochs >= 0 && !fed)
    return elaborator_error(e, n->at, "an epoch needs data; give steps instead");
  for (int i = 0; i < count; i++)
    arena_push(e->arena, e->task->runs, e->task->run_count) = runs[i];
  return value_none();
}
