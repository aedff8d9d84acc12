#include "chart.h"

#include <math.h>

#include "png.h"

enum { WIDTH = 520, HEIGHT = 400, TITLE = 44, TICKS = 5, FEW_POINTS = 40 };
enum { LEFT = 72, RIGHT = 20, TOP = 34, BOTTOM = 52, LEGEND_ROW = 20, LEGEND_MARK = 26 };

/* Wong's palette (Nature Methods 8, 2011), which colour-blind readers can tell apart, and behind it
 * more for those who need them. */
static const double palette[CHART_MOST_SERIES][3] = {
    {0.00, 0.45, 0.70}, {0.84, 0.37, 0.00}, {0.00, 0.62, 0.45}, {0.80, 0.47, 0.65},
    {0.90, 0.62, 0.00}, {0.34, 0.71, 0.91}, {0.30, 0.30, 0.30}, {0.85, 0.80, 0.10},
    {0.45, 0.20, 0.60}, {0.55, 0.34, 0.16}, {0.55, 0.75, 0.20}, {0.62, 0.05, 0.15}};

typedef struct range {
  double low, high;
} range;

/* A chart and the rectangle inside its axes. */
typedef struct panel {
  cairo_t *cairo;
  const chart *chart;
  double left, top, width, height;
  range across, up;
} panel;

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

static bool is_shown(const chart_series *s, int64_t i) {
  return isfinite(s->x[i]) && isfinite(s->y[i]);
}

static void widen(range *r, double value) {
  r->low = fmin(r->low, value);
  r->high = fmax(r->high, value);
}

static void find_ranges(panel *p) {
  p->across = p->up = (range){INFINITY, -INFINITY};
  for (int k = 0; k < p->chart->series_count; k++) {
    const chart_series *s = &p->chart->series[k];
    for (int64_t i = 0; i < s->count; i++) {
      if (!is_shown(s, i)) continue;
      widen(&p->across, s->x[i]);
      widen(&p->up, s->y[i]);
    }
  }
  p->up = rounded(p->up);
  if (!p->chart->counts) p->across = rounded(p->across);
  else p->across = (range){0, p->across.high > 0 ? p->across.high : 1};
}

static double place_x(const panel *p, double x) {
  return p->left + (x - p->across.low) / (p->across.high - p->across.low) * p->width;
}

static double place_y(const panel *p, double y) {
  return p->top + p->height - (y - p->up.low) / (p->up.high - p->up.low) * p->height;
}

static double text_width(cairo_t *c, const char *text) {
  cairo_text_extents_t extents;
  cairo_text_extents(c, text, &extents);
  return extents.x_advance;
}

/* Text at a point: align is 0 where the point is its left end, 0.5 its middle, 1 its right end. */
static void draw_text(cairo_t *c, double x, double y, double align, const char *text) {
  cairo_move_to(c, x - align * text_width(c, text), y);
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
  if (across && p->chart->counts && step < 1) step = 1;
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
  draw_text(c, p->left + p->width / 2, p->top + p->height + 40, 0.5, p->chart->across);
}

static void set_colour(cairo_t *c, int colour) {
  const double *part = palette[colour % CHART_MOST_SERIES];
  cairo_set_source_rgb(c, part[0], part[1], part[2]);
}

static void draw_points(const panel *p, const chart_series *s, double radius) {
  for (int64_t i = 0; i < s->count; i++) {
    if (!is_shown(s, i)) continue;
    cairo_arc(p->cairo, place_x(p, s->x[i]), place_y(p, s->y[i]), radius, 0, 2 * M_PI);
    cairo_fill(p->cairo);
  }
}

static void draw_series(const panel *p, const chart_series *s) {
  set_colour(p->cairo, s->colour);
  if (!s->line) {
    draw_points(p, s, s->count < 1000 ? 2.5 : 1.5);
    return;
  }
  cairo_new_path(p->cairo);
  cairo_set_line_width(p->cairo, 2);
  for (int64_t i = 0; i < s->count; i++)
    if (is_shown(s, i)) cairo_line_to(p->cairo, place_x(p, s->x[i]), place_y(p, s->y[i]));
  cairo_stroke(p->cairo);
  if (s->count < FEW_POINTS) draw_points(p, s, 3);
}

/* Names with their marks, in as many rows as they need; the panel begins below them. */
static void draw_legend(panel *p) {
  cairo_t *c = p->cairo;
  cairo_set_font_size(c, 13);
  double x = p->left, right = p->left + p->width, y = p->top + 12;
  for (int i = 0; i < p->chart->series_count; i++) {
    const chart_series *s = &p->chart->series[i];
    double width = LEGEND_MARK + text_width(c, s->name);
    if (x > p->left && x + width > right) {
      x = p->left;
      y += LEGEND_ROW;
    }
    set_colour(c, s->colour);
    cairo_set_line_width(c, 3);
    if (s->line) draw_line(c, x, y - 4, x + LEGEND_MARK - 6, y - 4);
    else cairo_arc(c, x + LEGEND_MARK - 12, y - 4, 4, 0, 2 * M_PI);
    cairo_fill(c);
    cairo_set_source_rgb(c, 0.2, 0.2, 0.2);
    draw_text(c, x + LEGEND_MARK, y, 0, s->name);
    x += width + 14;
  }
  p->height -= y + 10 - p->top;
  p->top = y + 10;
}

static void draw_chart(arena *a, cairo_t *c, const chart *shown, double left) {
  panel p = {.cairo = c, .chart = shown, .left = left + LEFT, .top = TITLE + TOP,
             .width = WIDTH - LEFT - RIGHT, .height = HEIGHT - TOP - BOTTOM};
  cairo_set_source_rgb(c, 0.2, 0.2, 0.2);
  cairo_set_font_size(c, 15);
  draw_text(c, p.left, p.top - 12, 0, shown->title);
  draw_legend(&p);
  find_ranges(&p);
  draw_axes(a, &p);
  for (int i = 0; i < shown->series_count; i++) draw_series(&p, &shown->series[i]);
}

bool charts_write(arena *a, const char *title, const chart *charts, int count, const char *path,
                  const char **error) {
  cairo_surface_t *surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, count * WIDTH, TITLE + HEIGHT);
  cairo_t *c = cairo_create(surface);
  cairo_set_source_rgb(c, 1, 1, 1);
  cairo_paint(c);
  cairo_set_source_rgb(c, 0, 0, 0);
  cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(c, 18);
  draw_text(c, LEFT, 30, 0, title);
  for (int i = 0; i < count; i++) draw_chart(a, c, &charts[i], i * WIDTH);
  bool written = png_write(a, surface, path, error);
  cairo_destroy(c);
  cairo_surface_destroy(surface);
  return written;
}
