#include "task_cut.h"

#include <string.h>

#include "expression.h"

static const char *const cut_names[] = {
    [CUT_WINDOWS] = "windows", [CUT_STREAMS] = "streams", [CUT_SEQUENCES] = "sequences"};

static cut_kind kind_of(const ast *n) {
  if (n->kind != AST_CALL || n->base->kind != AST_NAME) return CUT_NONE;
  for (cut_kind k = CUT_WINDOWS; k <= CUT_SEQUENCES; k++)
    if (!strcmp(cut_names[k], n->base->name)) return k;
  return CUT_NONE;
}

const ast *task_cut_of(const ast *n) {
  return kind_of(n) != CUT_NONE && n->items.count ? n->items.items[0] : NULL;
}

static value form_error(elaborator *e, const ast *n, cut_kind kind) {
  static const char *const forms[] = {[CUT_WINDOWS] = "windows(d.train, 64, step: 1)",
                                      [CUT_STREAMS] = "streams(d.train, 65, step: 64)",
                                      [CUT_SEQUENCES] = "sequences(d.train, 14, by: \"word\")"};
  return elaborator_error(e, n->at, "%s(…) is written as in %s", cut_names[kind], forms[kind]);
}

/* A number of rows; false after an error. */
static bool read_count(elaborator *e, const ast *n, const char *what, int64_t *count) {
  if (!elaborator_integer(e, n->at, expression_value(e, n), what, count)) return false;
  if (*count >= 1) return true;
  elaborator_error(e, n->at, "%s is at least 1, not %lld", what, (long long)*count);
  return false;
}

/* The column of the split whose values say what belongs together; false after an error. */
static bool read_key(elaborator *e, const char *option, const ast *n, data_rows rows, int *key) {
  const data_split *split = &e->task->sets[rows.set].splits[rows.split];
  value v = expression_value(e, n);
  const char **names = NULL;
  int count = 0;
  if (value_is_poison(v)) return false;
  if (!value_is(v, VALUE_TEXT)) {
    elaborator_error(e, n->at, "`%s` is the name of a column, a text", option);
    return false;
  }
  for (*key = 0; *key < split->column_count; ++*key) {
    arena_push(e->arena, names, count) = split->columns[*key].name;
    if (!strcmp(split->columns[*key].name, v.text)) return true;
  }
  elaborator_unknown(e, n->at, "column", v.text, names, count);
  return false;
}

static bool is_option(const ast *n, const char *const *names) {
  while (*names && (n->kind != AST_NAMED || strcmp(n->name, *names))) names++;
  return *names != NULL;
}

value task_cut_call(elaborator *e, const ast *n) {
  static const char *const by_or_rising[] = {"by", "rising", NULL}, *const step[] = {"step", NULL};
  data_cut *cut = arena_new_of(e->arena, data_cut);
  *cut = (data_cut){.kind = kind_of(n), .at = n->at};
  bool keyed = cut->kind == CUT_SEQUENCES;
  const ast *option = n->items.count == 3 ? n->items.items[2] : NULL;
  bool two = n->items.count >= 2 && n->items.items[0]->kind != AST_NAMED &&
             n->items.items[1]->kind != AST_NAMED;
  if (!two || n->items.count > 3 || (keyed && !option) ||
      (option && !is_option(option, keyed ? by_or_rising : step)))
    return form_error(e, n, cut->kind);
  value v = expression_value(e, n->items.items[0]);
  if (value_is_poison(v)) return v;
  if (!value_is(v, VALUE_DATA) || v.rows.split < 0)
    return elaborator_error(e, n->items.items[0]->at, "%s are cut from a split of data, as in d.train, "
                            "or a column of it, not %s", cut_names[cut->kind], value_words(e->arena, v));
  if (v.rows.cut) return elaborator_error(e, n->at, "this data is cut already");
  if (keyed && e->task->sets[v.rows.set].entry)
    return elaborator_error(e, n->at, "sequences are cut from files, not from what an entry makes");
  if (!read_count(e, n->items.items[1], "the length of a piece", &cut->length)) return (value){0};
  cut->step = cut->kind == CUT_WINDOWS ? 1 : cut->length;
  cut->rising = keyed && !strcmp(option->name, "rising");
  if (keyed ? !read_key(e, option->name, option->value, v.rows, &cut->key)
         : option && !read_count(e, option->value, "`step`", &cut->step))
    return (value){0};
  v.rows.cut = cut;
  return v;
}

bool task_cut_fits(elaborator *e, location at, const graph_value *input, const data_cut *cut, int column) {
  const tensor_type *type = &input->node->type;
  bool lengths = column == COLUMN_LENGTHS;
  bool fits = lengths ? type->rank == 1 && dtype_is_integer(type->element)
                      : type->rank >= 2 && type->dims[1].maximum == cut->length;
  if (!fits)
    elaborator_error(e, at,
                     lengths ? "the input `%s` is %s; lengths of %s are a vector of integers, as in i32[B]"
                             : "the input `%s` is %s; its second axis is not that of %s of %lld rows",
                     input->name, type_text(e->arena, type), cut_names[cut->kind], (long long)cut->length);
  return fits;
}
