#include "curves.h"

#include <math.h>
#include <string.h>

#include "png.h"

enum { MOST_PANELS = 4, MOST_CURVES = 6, PANEL_WIDTH = 520, HEIGHT = 400, TITLE = 44 };
enum { LEFT = 72, RIGHT = 20, TOP = 40, BOTTOM = 52, TICKS = 5 };

/* Wong's palette (Nature Methods 8, 2011), which colour-blind readers can tell apart. */
static const double palette[MOST_CURVES][3] = {
    {0.00, 0.45, 0.70}, {0.84, 0.37, 0.00}, {0.00, 0.62, 0.45},
    {0.80, 0.47, 0.65}, {0.90, 0.62, 0.00}, {0.34, 0.71, 0.91}};

typedef struct range {
  double low, high;
} range;

/* A metric and the rectangle in which its curves are drawn. */
typedef struct panel {
  cairo_t *cairo;
  const history *history;
  const double *x; /* epochs since the start of the task, per row */
  const char *metric;
  double left, top, width, height;
  range across, up;
} panel;

/* Adds a name to a list of different ones; its position, or -1 where the list is full. */
static int intern(const char **names, int *count, int most, const char *name) {
  for (int i = 0; i < *count; i++)
    if (strcmp(names[i], name) == 0) return i;
  if (*count == most) return -1;
  names[*count] = name;
  return (*count)++;
}

/* Epochs since the start: those of a stage follow those of the stage before. */
static double *epochs_since_start(arena *a, const history *h) {
  double *x = arena_array_of(a, h->count, double), offset = 0, end = 0;
  for (int i = 0; i < h->count; i++) {
    if (i > 0 && h->rows[i].stage != h->rows[i - 1].stage) offset = end;
    x[i] = offset + h->rows[i].epoch;
    if (x[i] > end) end = x[i];
  }
  return x;
}

/* The nearest of 1, 2 and 5 times a power of ten that is no smaller. */
static double round_step(double least) {
  double power = pow(10, floor(log10(least)));
  double part = least / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static double tick_step(range r) { return round_step((r.high - r.low) / TICKS); }

/* Widens a range so that it is not empty and ends at ticks. */
static range rounded(range r) {
  if (!(r.low <= r.high)) r = (range){0, 1};
  double least = 1e-6 * fmax(fabs(r.low), fabs(r.high)) + 1e-12;
  if (r.high - r.low < least) r.high = r.low + least;
  double step = tick_step(r);
  return (range){step * floor(r.low / step + 1e-9), step * ceil(r.high / step - 1e-9)};
}

static bool in_panel(const panel *p, int row) {
  return strcmp(p->history->rows[row].metric, p->metric) == 0 &&
         isfinite(p->history->rows[row].value);
}

static void find_ranges(panel *p) {
  p->across = (range){0, 0};
  p->up = (range){INFINITY, -INFINITY};
  for (int i = 0; i < p->history->count; i++) {
    p->across.high = fmax(p->across.high, p->x[i]);
    if (!in_panel(p, i)) continue;
    p->up.low = fmin(p->up.low, p->history->rows[i].value);
    p->up.high = fmax(p->up.high, p->history->rows[i].value);
  }
  if (p->across.high <= 0) p->across.high = 1;
  p->up = rounded(p->up);
}

static double place_x(const panel *p, double x) {
  return p->left + (x - p->across.low) / (p->across.high - p->across.low) * p->width;
}

static double place_y(const panel *p, double y) {
  return p->top + p->height - (y - p->up.low) / (p->up.high - p->up.low) * p->height;
}

/* Text at a point: align is 0 where the point is its left end, 0.5 its middle, 1 its right end. */
static void draw_text(cairo_t *c, double x, double y, double align, const char *text) {
  cairo_text_extents_t extents;
  cairo_text_extents(c, text, &extents);
  cairo_move_to(c, x - align * extents.x_advance, y);
  cairo_show_text(c, text);
}

static void draw_line(cairo_t *c, double x0, double y0, double x1, double y1) {
  cairo_move_to(c, x0, y0);
  cairo_line_to(c, x1, y1);
  cairo_stroke(c);
}

static void draw_tick(arena *a, const panel *p, bool across, double value, double step) {
  cairo_t *c = p->cairo;
  double at = across ? place_x(p, value) : place_y(p, value);
  const char *text = arena_printf(a, "%.6g", fabs(value) < 1e-9 * step ? 0 : value);
  cairo_set_source_rgb(c, 0.88, 0.88, 0.88);
  if (across) draw_line(c, at, p->top, at, p->top + p->height);
  else draw_line(c, p->left, at, p->left + p->width, at);
  cairo_set_source_rgb(c, 0.2, 0.2, 0.2);
  if (across) draw_text(c, at, p->top + p->height + 18, 0.5, text);
  else draw_text(c, p->left - 8, at + 4, 1, text);
}

static void draw_ticks(arena *a, const panel *p, bool across) {
  range r = across ? p->across : p->up;
  double step = tick_step(r);
  if (across && step < 1) step = 1;
  int64_t first = (int64_t)ceil(r.low / step - 1e-9), last = (int64_t)floor(r.high / step + 1e-9);
  for (int64_t i = first; i <= last; i++) draw_tick(a, p, across, (double)i * step, step);
}

static void draw_axes(arena *a, const panel *p) {
  cairo_t *c = p->cairo;
  cairo_set_line_width(c, 1);
  cairo_set_font_size(c, 12);
  draw_ticks(a, p, true);
  draw_ticks(a, p, false);
  cairo_set_source_rgb(c, 0.2, 0.2, 0.2);
  draw_line(c, p->left, p->top, p->left, p->top + p->height);
  draw_line(c, p->left, p->top + p->height, p->left + p->width, p->top + p->height);
  draw_text(c, p->left + p->width / 2, p->top + p->height + 40, 0.5, "epoch");
  cairo_set_font_size(c, 15);
  draw_text(c, p->left, p->top - 12, 0, p->metric);
}

/* Draws one run's curve with points where there are few; false where it has none. */
static bool draw_curve(const panel *p, const char *label, const double colour[3]) {
  cairo_t *c = p->cairo;
  int points = 0;
  cairo_new_path(c);
  cairo_set_source_rgb(c, colour[0], colour[1], colour[2]);
  cairo_set_line_width(c, 2);
  for (int i = 0; i < p->history->count; i++) {
    if (!in_panel(p, i) || strcmp(p->history->rows[i].label, label)) continue;
    cairo_line_to(c, place_x(p, p->x[i]), place_y(p, p->history->rows[i].value));
    points++;
  }
  cairo_stroke(c);
  for (int i = 0; points < 40 && i < p->history->count; i++) {
    if (!in_panel(p, i) || strcmp(p->history->rows[i].label, label)) continue;
    cairo_arc(c, place_x(p, p->x[i]), place_y(p, p->history->rows[i].value), 3, 0, 2 * M_PI);
    cairo_fill(c);
  }
  return points > 0;
}

/* One more name in the legend, which runs from the right edge to the left. */
static double draw_legend(const panel *p, double right, const char *label, const double colour[3]) {
  cairo_t *c = p->cairo;
  cairo_text_extents_t extents;
  cairo_set_font_size(c, 13);
  cairo_text_extents(c, label, &extents);
  double left = right - extents.x_advance;
  cairo_set_source_rgb(c, colour[0], colour[1], colour[2]);
  cairo_set_line_width(c, 3);
  draw_line(c, left - 26, p->top - 16, left - 6, p->top - 16);
  cairo_set_source_rgb(c, 0.2, 0.2, 0.2);
  draw_text(c, left, p->top - 12, 0, label);
  return left - 40;
}

static void draw_panel(arena *a, panel *p, const char *const *labels, int label_count) {
  find_ranges(p);
  draw_axes(a, p);
  double right = p->left + p->width;
  for (int i = label_count; i-- > 0;)
    if (draw_curve(p, labels[i], palette[i]))
      right = draw_legend(p, right, labels[i], palette[i]);
}

static void draw(arena *a, cairo_t *c, const history *h, const char *title,
                 const char *const *metrics, int panels) {
  const char *labels[MOST_CURVES];
  int label_count = 0;
  for (int i = 0; i < h->count; i++) intern(labels, &label_count, MOST_CURVES, h->rows[i].label);
  cairo_set_source_rgb(c, 1, 1, 1);
  cairo_paint(c);
  cairo_set_source_rgb(c, 0, 0, 0);
  cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(c, 18);
  draw_text(c, LEFT, 30, 0, title);
  const double *x = epochs_since_start(a, h);
  for (int i = 0; i < panels; i++) {
    panel p = {.cairo = c, .history = h, .x = x, .metric = metrics[i],
               .left = i * PANEL_WIDTH + LEFT, .top = TITLE + TOP,
               .width = PANEL_WIDTH - LEFT - RIGHT, .height = HEIGHT - TOP - BOTTOM};
    draw_panel(a, &p, labels, label_count);
  }
}

bool curves_write(const history *h, const char *title, const char *path, const char **error) {
  const char *metrics[MOST_PANELS], *message = NULL;
  int panels = 0;
  for (int i = 0; i < h->count; i++) intern(metrics, &panels, MOST_PANELS, h->rows[i].metric);
  if (!panels) return true;
  arena *a = arena_new();
  cairo_surface_t *surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, panels * PANEL_WIDTH, TITLE + HEIGHT);
  cairo_t *cairo = cairo_create(surface);
  draw(a, cairo, h, title, metrics, panels);
  bool written = png_write(a, surface, path, &message);
  if (!written) *error = arena_text(h->arena, message);
  cairo_destroy(cairo);
  cairo_surface_destroy(surface);
  arena_free(a);
  return written;
}
