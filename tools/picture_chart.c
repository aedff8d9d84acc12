#include "chart.h"
#include "element.h"
#include "picture_parts.h"

static double *index_values(arena *a, int64_t count) {
  double *values = arena_array_of(a, count, double);
  for (int64_t i = 0; i < count; i++) values[i] = (double)i;
  return values;
}

/* Every step-th element from a start on. */
static double *values_of(arena *a, const array *x, int64_t start, int64_t step, int64_t count) {
  double *values = arena_array_of(a, count, double);
  for (int64_t i = 0; i < count; i++)
    values[i] = element_real(x->element, x->data, start + i * step);
  return values;
}

/* Curves of one output, as far as there is room: a vector, or the rows of a matrix. */
static void add_curves(arena *a, chart *c, const array *y, const double *x, int64_t count) {
  int64_t rows = y->rank == 2 ? y->extents[0] : 1;
  for (int64_t i = 0; i < rows && c->series_count < CHART_MOST_SERIES; i++) {
    const char *name = y->rank == 2 ? arena_printf(a, "%s %lld", y->path, (long long)i) : y->path;
    c->series[c->series_count] =
        (chart_series){.name = name, .x = x, .y = values_of(a, y, i * count, 1, count),
                       .count = count, .line = true, .colour = c->series_count};
    c->series_count++;
  }
}

static bool fill_plot(arena *a, const run_picture *p, const array *outputs, chart *c) {
  const array *across = p->across >= 0 ? &outputs[p->across] : NULL;
  for (int i = 0; i < p->output_count; i++) {
    const array *y = &outputs[p->outputs[i]];
    int64_t count = y->extents[y->rank - 1];
    if (across && across->extents[0] != count) return false;
    const double *x = across ? values_of(a, across, 0, 1, count) : index_values(a, count);
    add_curves(a, c, y, x, count);
  }
  c->across = across ? across->path : "index";
  c->counts = !across;
  return true;
}

/* Points [n, 2], or those whose second coordinate is an output of its own. */
static chart_series points_of(arena *a, const run_picture *p, const array *outputs, int i) {
  const array *y = &outputs[p->outputs[i]];
  const array *x = p->across >= 0 ? &outputs[p->across] : y;
  int64_t step = x == y ? 2 : 1, count = y->extents[0];
  return (chart_series){.name = y->path, .x = values_of(a, x, 0, step, count),
                        .y = values_of(a, y, step - 1, step, count), .count = count, .colour = i};
}

/* The least class above one; false where there is none. */
static bool next_class(const array *classes, bool any, int64_t before, int64_t *next) {
  bool found = false;
  int64_t least = 0;
  for (int64_t i = 0; i < classes->extents[0]; i++) {
    int64_t value = element_int(classes->element, classes->data, i);
    if ((any && value <= before) || (found && value >= least)) continue;
    least = value;
    found = true;
  }
  *next = least;
  return found;
}

/* The points of one class, or with rest of it and all higher ones. */
static chart_series class_points(arena *a, const chart_series *all, const array *classes,
                                 int64_t number, bool rest) {
  double *x = arena_array_of(a, all->count, double), *y = arena_array_of(a, all->count, double);
  chart_series s = {.x = x, .y = y};
  for (int64_t i = 0; i < all->count; i++) {
    int64_t value = element_int(classes->element, classes->data, i);
    if (value != number && !(rest && value > number)) continue;
    x[s.count] = all->x[i];
    y[s.count++] = all->y[i];
  }
  s.name = arena_printf(a, rest ? "%s %lld and more" : "%s %lld", classes->path, (long long)number);
  return s;
}

static void split_by_class(arena *a, chart *c, const array *classes) {
  chart_series all = c->series[0];
  int64_t number = 0, beyond = 0;
  c->series_count = 0;
  for (bool any = false; next_class(classes, any, number, &number); any = true) {
    int i = c->series_count;
    bool rest = i + 1 == CHART_MOST_SERIES && next_class(classes, true, number, &beyond);
    c->series[i] = class_points(a, &all, classes, number, rest);
    c->series[i].colour = i;
    c->series_count++;
    if (i + 1 == CHART_MOST_SERIES) break;
  }
}

static bool fill_scatter(arena *a, const run_picture *p, const array *outputs, chart *c) {
  for (int i = 0; i < p->output_count && i < CHART_MOST_SERIES; i++) {
    const array *y = &outputs[p->outputs[i]];
    if (p->across >= 0 && outputs[p->across].extents[0] != y->extents[0]) return false;
    if (p->classes >= 0 && outputs[p->classes].extents[0] != y->extents[0]) return false;
    c->series[c->series_count++] = points_of(a, p, outputs, i);
  }
  if (p->classes >= 0) split_by_class(a, c, &outputs[p->classes]);
  return true;
}

bool picture_chart(arena *a, const run_picture *p, const array *outputs, const char *title,
                   const char *path, const char **error) {
  chart c = {.title = "", .across = ""};
  bool plot = p->kind == PICTURE_PLOT;
  if (plot ? fill_plot(a, p, outputs, &c) : fill_scatter(a, p, outputs, &c))
    return charts_write(a, title, &c, 1, path, error);
  *error = arena_printf(a, "%s: the arrays that belong together differ in length", path);
  return false;
}
