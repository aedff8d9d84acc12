#include "task_picture.h"

#include <string.h>

#include "build.h"
#include "expression.h"

enum { FORMS = 5 };

static const char *const form_names[FORMS] = {"grid", "plot", "scatter", "text", "table"};
static const picture_kind form_kinds[FORMS] = {PICTURE_GRID, PICTURE_PLOT, PICTURE_SCATTER,
                                               PICTURE_TEXT, PICTURE_TABLE};

/* --- outputs -------------------------------------------------------------------------------- */

static const tensor_type *output_type(const graph *g, int i) { return &g->outputs[i].node->type; }

static bool is_integer(const tensor_type *t) { return !dtype_is_float(t->element); }

static int64_t extent(const tensor_type *t, int axis) { return t->dims[axis].maximum; }

static bool has_shape(const tensor_type *t, int rank, int64_t rows) {
  return t->rank == rank && extent(t, 0) == rows;
}

static int named_vector(const graph *g, const char *name) {
  for (int i = 0; i < g->output_count; i++)
    if (!strcmp(g->outputs[i].name, name) && output_type(g, i)->rank == 1) return i;
  return -1;
}

static void use_output(elaborator *e, run_picture *p, int output) {
  arena_push(e->arena, p->outputs, p->output_count) = output;
}

/* The outputs of the entry, to be listed below an error. */
static void refuse(elaborator *e, const ast *at, const graph *g, const char *what) {
  elaborator_error(e, at->at, "%s", what);
  for (int i = 0; i < g->output_count; i++)
    diag_note(e->diagnostics, "    %s returns %s: %s", g->name, g->outputs[i].name,
              type_text(e->arena, output_type(g, i)));
}

static bool is_images(const tensor_type *t) {
  return t->rank == 3 || (t->rank == 4 && (extent(t, 1) == 1 || extent(t, 1) == 3));
}

/* The first stack of images, else the first matrix. */
static void choose_grid(elaborator *e, const ast *at, const graph *g, run_picture *p) {
  int matrix = -1;
  for (int i = 0; i < g->output_count && !p->output_count; i++) {
    if (is_images(output_type(g, i))) use_output(e, p, i);
    else if (output_type(g, i)->rank == 2 && matrix < 0) matrix = i;
  }
  if (!p->output_count && matrix >= 0) use_output(e, p, matrix);
  if (!p->output_count)
    refuse(e, at, g, "a grid shows images: f32[n, h, w], f32[n, 1, h, w], f32[n, 3, h, w] or one "
                     "f32[h, w], or such of u8");
}

/* Curves: vectors [n] and the rows of [k, n], over `x` where there is one. */
static void choose_plot(elaborator *e, const ast *at, const graph *g, run_picture *p) {
  p->across = named_vector(g, "x");
  int64_t points = p->across >= 0 ? extent(output_type(g, p->across), 0) : -1;
  bool fits = true;
  for (int i = 0; i < g->output_count; i++) {
    const tensor_type *t = output_type(g, i);
    if (i == p->across || !t->rank) continue;
    fits = fits && t->rank <= 2 && (points < 0 || extent(t, t->rank - 1) == points);
    use_output(e, p, i);
  }
  if (!fits || !p->output_count)
    refuse(e, at, g, "a plot draws curves: vectors f32[n], or the rows of f32[k, n]; all over x: "
                     "f32[n] where the entry returns such an x");
}

/* Points: the rows of [n, 2], or x and y; of numbered classes where an integer vector says so. */
static void choose_scatter(elaborator *e, const ast *at, const graph *g, run_picture *p) {
  p->across = named_vector(g, "x");
  int up = p->across >= 0 ? named_vector(g, "y") : -1;
  if (up >= 0) use_output(e, p, up);
  else p->across = -1;
  bool fits = true;
  for (int i = 0; i < g->output_count; i++) {
    const tensor_type *t = output_type(g, i);
    if (!t->rank || i == up || i == p->across) continue;
    if (up < 0 && t->rank == 2 && extent(t, 1) == 2) use_output(e, p, i);
    else if (t->rank == 1 && is_integer(t) && p->classes < 0) p->classes = i;
    else fits = false;
  }
  int64_t points = p->output_count ? extent(output_type(g, p->outputs[0]), 0) : 0;
  if (p->across >= 0) fits = fits && extent(output_type(g, p->across), 0) == points;
  if (p->classes >= 0)
    fits = fits && p->output_count == 1 && has_shape(output_type(g, p->classes), 1, points);
  if (!fits || !p->output_count)
    refuse(e, at, g, "a scatter draws points: f32[n, 2], or x: f32[n] and y: f32[n], and beside "
                     "one such set integers [n], the points' classes");
}

static void choose_text(elaborator *e, const ast *at, const graph *g, run_picture *p) {
  for (int i = 0; i < g->output_count && !p->output_count; i++) {
    const tensor_type *t = output_type(g, i);
    if (is_integer(t) && t->element != DTYPE_BOOL && (t->rank == 1 || t->rank == 2))
      use_output(e, p, i);
  }
  if (!p->output_count)
    refuse(e, at, g, "text is made of characters: u8[n] or i32[n], or [k, n], a line each; numbers "
                     "are written with `as: table`");
}

/* Columns: vectors [n] and matrices [n, k]; where there are none, a line of scalars. */
static void choose_table(elaborator *e, const ast *at, const graph *g, run_picture *p) {
  bool arrays = false, fits = g->output_count > 0;
  for (int i = 0; i < g->output_count; i++) arrays = arrays || output_type(g, i)->rank;
  for (int i = 0; i < g->output_count; i++) {
    if (arrays && !output_type(g, i)->rank) continue;
    use_output(e, p, i);
    const tensor_type *t = output_type(g, i), *first = output_type(g, p->outputs[0]);
    fits = fits && t->rank <= 2 && (!arrays || extent(t, 0) == extent(first, 0));
  }
  if (!fits)
    refuse(e, at, g, "a table has vectors [n] and matrices [n, k] as columns, or scalars");
}

static void choose_array(elaborator *e, const ast *at, const graph *g, run_picture *p) {
  for (int i = 0; i < g->output_count && !p->output_count; i++)
    if (output_type(g, i)->rank) use_output(e, p, i);
  if (!p->output_count) refuse(e, at, g, "a file of an array needs an entry that returns one");
}

static void choose_outputs(elaborator *e, const ast *at, const graph *g, run_picture *p) {
  switch (p->kind) {
    case PICTURE_NONE: break;
    case PICTURE_ARRAY: choose_array(e, at, g, p); break;
    case PICTURE_GRID: choose_grid(e, at, g, p); break;
    case PICTURE_PLOT: choose_plot(e, at, g, p); break;
    case PICTURE_SCATTER: choose_scatter(e, at, g, p); break;
    case PICTURE_TEXT: choose_text(e, at, g, p); break;
    case PICTURE_TABLE: choose_table(e, at, g, p); break;
  }
}

/* --- as: ------------------------------------------------------------------------------------ */

static void set_size(elaborator *e, const argument *a, const char *what, int64_t *size) {
  if (!elaborator_integer(e, a->source->at, a->value, what, size) || *size >= 1) return;
  elaborator_error(e, a->source->at, "%s is at least 1, not %lld", what, (long long)*size);
}

static void set_bound(elaborator *e, const argument *a, double *bound) {
  if (value_is(a->value, VALUE_NUMBER)) *bound = a->value.number.real;
  else if (!value_is_poison(a->value))
    elaborator_error(e, a->source->at, "`%s` is a number", a->name);
}

static void set_each(elaborator *e, const argument *a, bool *each) {
  if (value_is(a->value, VALUE_TRUTH)) *each = a->value.truth;
  else if (!value_is_poison(a->value))
    elaborator_error(e, a->source->at, "`each` is true or false");
}

/* grid[8, 8, low: -1, high: 1, each: true, zoom: 4] */
static void grid_arguments(elaborator *e, const ast *n, run_picture *p) {
  static const char *const names[] = {"low", "high", "each", "zoom"};
  argument_list list = expression_arguments(e, &n->items);
  int sizes = 0, bounds = 0;
  for (int i = 0; i < list.count; i++) {
    const argument *a = &list.items[i];
    const char *name = a->name ? a->name : "";
    if (!a->name && sizes < 2) set_size(e, a, sizes ? "columns" : "rows", sizes ? &p->columns : &p->rows);
    else if (!strcmp(name, "low")) set_bound(e, a, &p->low);
    else if (!strcmp(name, "high")) set_bound(e, a, &p->high);
    else if (!strcmp(name, "each")) set_each(e, a, &p->each);
    else if (!strcmp(name, "zoom")) set_size(e, a, "zoom", &p->zoom);
    else if (a->name) elaborator_unknown(e, a->source->at, "option of grid", name, names, 4);
    sizes += !a->name;
    bounds += !strcmp(name, "low") || !strcmp(name, "high");
  }
  if (sizes != 0 && sizes != 2)
    elaborator_error(e, n->at, "a grid has rows and columns, as in grid[8, 8]");
  p->ranged = bounds == 2;
  if (bounds == 1 || (p->ranged && !(p->low < p->high)) || (p->ranged && p->each))
    elaborator_error(e, n->at, "a grid's values go from `low`, black, to a larger `high`, white; "
                     "`each: true` takes every image's own");
}

static const char forms[] = "grid, plot, scatter, text and table";

static void read_form(elaborator *e, const ast *n, run_picture *p) {
  const ast *base = n->kind == AST_BRACKETS ? n->base : n;
  if (base->kind != AST_NAME) {
    elaborator_error(e, n->at, "`as` is one of %s", forms);
    return;
  }
  for (int i = 0; i < FORMS; i++)
    if (!strcmp(form_names[i], base->name)) p->kind = form_kinds[i];
  if (p->kind == PICTURE_NONE) {
    elaborator_unknown(e, base->at, "form", base->name, form_names, FORMS);
    diag_note(e->diagnostics, "    there are %s", forms);
  } else if (n != base && p->kind == PICTURE_GRID) grid_arguments(e, n, p);
  else if (n != base) elaborator_error(e, n->at, "`%s` takes no brackets", base->name);
}

/* A grid is not to be far larger than what it shows. */
static void check_grid(elaborator *e, const ast *at, const graph *g, const run_picture *p, bool fed) {
  const tensor_type *t = output_type(g, p->outputs[0]);
  int64_t images = t->rank == 2 ? 1 : extent(t, 0), rows;
  if (!p->rows || (fed && t->rank > 2)) return; /* data brings any number of them */
  if (__builtin_mul_overflow(p->rows - 1, p->columns, &rows) || rows >= images)
    elaborator_error(e, at->at, "a grid of %lld by %lld for %lld images: its last row stays empty",
                     (long long)p->rows, (long long)p->columns, (long long)images);
}

/* --- to: ------------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length > end_length && !strcmp(text + length - end_length, end);
}

/* A file in the folder of the training that is not one of its own. */
static void check_path(elaborator *e, const ast *at, const char *path) {
  static const char *const own[] = {"checkpoint.safetensors", "metrics.csv", "curves.png", "lock"};
  size_t last = strlen(path);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (!strcmp(path, own[i]))
      elaborator_error(e, at->at, "%s is written by the training itself; choose another name", path);
  if (!last || *path == '/' || path[last - 1] == '/' || strstr(path, ".."))
    elaborator_error(e, at->at, "`to` names a file in the folder of the training, not \"%s\"", path);
}

/* samples-{epoch}.png */
static void check_places(elaborator *e, const ast *at, const char *path) {
  static const char *const known[] = {"{entry}", "{epoch}", "{step}"};
  for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
    bool good = false;
    for (int i = 0; i < 3; i++) good = good || !strncmp(open, known[i], strlen(known[i]));
    if (!good)
      elaborator_error(e, at->at, "braces in a file's name stand for {entry}, {epoch} or {step}");
  }
}

static picture_kind kind_of_path(const char *path) {
  return ends_with(path, ".png")   ? PICTURE_GRID
         : ends_with(path, ".npy") ? PICTURE_ARRAY
         : ends_with(path, ".csv") ? PICTURE_TABLE
         : ends_with(path, ".txt") ? PICTURE_TEXT
                                   : PICTURE_NONE;
}

static void check_suffix(elaborator *e, const ast *at, const run_picture *p) {
  bool drawn = p->kind == PICTURE_GRID || p->kind == PICTURE_PLOT || p->kind == PICTURE_SCATTER;
  bool png = ends_with(p->to, ".png"), npy = ends_with(p->to, ".npy");
  if (p->kind == PICTURE_NONE)
    elaborator_error(e, at->at, "a file ends in .png, .npy, .csv or .txt, or `as` says what it "
                     "is, as in as: text");
  else if (drawn && !png)
    elaborator_error(e, at->at, "a picture is written as PNG: its name ends in .png");
  else if (!drawn && (png || (npy && p->kind != PICTURE_ARRAY)))
    elaborator_error(e, at->at, "%s is not for text", png ? ".png" : ".npy");
}

static void read_path(elaborator *e, const ast *to, run_picture *p) {
  value v = expression_value(e, to->value);
  if (value_is_poison(v)) return;
  if (!value_is(v, VALUE_TEXT)) {
    elaborator_error(e, to->at, "`to` is a text, the name of a file");
    return;
  }
  p->to = v.text;
  if (p->kind == PICTURE_NONE) p->kind = kind_of_path(p->to);
  check_path(e, to, p->to);
  check_places(e, to, p->to);
  check_suffix(e, to, p);
}

run_picture task_picture(elaborator *e, const ast *to, const ast *as, const graph *entry, bool fed) {
  run_picture p = {.across = -1, .classes = -1};
  int errors = diag_count(e->diagnostics);
  if (as) read_form(e, as->value, &p);
  if (to && (!as || p.kind != PICTURE_NONE)) read_path(e, to, &p);
  if (as && !to && p.kind != PICTURE_NONE && p.kind != PICTURE_TEXT)
    elaborator_error(e, as->at, "where to? Give the file, as in to: \"%s.png\"", entry->name);
  if (diag_count(e->diagnostics) != errors || (errors && !entry->output_count)) return p;
  choose_outputs(e, as ? as : to, entry, &p);
  if (p.kind == PICTURE_GRID && p.output_count) check_grid(e, as ? as : to, entry, &p, fed);
  return p;
}
