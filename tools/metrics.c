#include "metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "file.h"

static const char heading[] = "stage,epoch,step,run,metric,value\n";

const objective *objective_find(const dnn_entry *entry, int output, const objective *list, int count) {
  for (int i = 0; i < count; i++)
    if (list[i].output == output && !strcmp(list[i].entry, entry->name)) return &list[i];
  return NULL;
}

static bool is_loss(const averages *m, int output) {
  return !m->entry->outputs[output].rank && strstr(m->entry->outputs[output].name, "loss");
}

/* Where nothing tells what else the entry trains by, all of its metrics do. */
static void choose_watched(averages *m, const objective *list, int count) {
  bool hidden = objective_find(m->entry, -1, list, count), found = false;
  for (int i = 0; i < m->entry->output_count; i++)
    found |= is_loss(m, i) || (!hidden && objective_find(m->entry, i, list, count));
  for (int i = 0, metric = 0; i < m->entry->output_count; i++) {
    bool is_metric = metric < m->count && m->outputs[metric] == i;
    if (is_loss(m, i) || objective_find(m->entry, i, list, count) || (!found && is_metric))
      m->watched[m->watched_count++] = i;
    metric += is_metric;
  }
}

averages averages_new(arena *a, const dnn_entry *entry, const char *label, const objective *objectives,
                      int objective_count) {
  averages m = {.entry = entry, .label = label};
  m.names = arena_array_of(a, entry->output_count, const char *);
  m.outputs = arena_array_of(a, entry->output_count, int);
  m.sums = arena_array_of(a, entry->output_count, double);
  m.watched = arena_array_of(a, entry->output_count, int);
  for (int i = 0; i < entry->output_count; i++) {
    const objective *o = objective_find(entry, i, objectives, objective_count);
    if (entry->outputs[i].rank || (o && o->added)) continue;
    m.names[m.count] = entry->outputs[i].name;
    m.outputs[m.count++] = i;
  }
  choose_watched(&m, objectives, objective_count);
  return m;
}

void averages_clear(averages *m) {
  m->rows = 0;
  for (int i = 0; i < m->count; i++) m->sums[i] = 0;
}

static double output_value(const averages *m, int output, void *const *outputs) {
  return element_real((dtype)m->entry->outputs[output].element, outputs[output], 0);
}

void averages_add(averages *m, void *const *outputs, int64_t rows) {
  m->rows += (double)rows;
  for (int i = 0; i < m->count; i++) m->sums[i] += (double)rows * output_value(m, m->outputs[i], outputs);
}

double averages_mean(const averages *m, int metric) { return m->sums[metric] / m->rows; }

const char *metric_text(arena *a, double value) {
  bool plain = value == 0 || (fabs(value) >= 0.01 && fabs(value) < 10000);
  return arena_printf(a, plain ? "%.4f" : "%.4g", value);
}

const char *averages_text(arena *a, const averages *m) {
  const char *text = "";
  for (int i = 0; i < m->count; i++)
    text = arena_printf(a, "%s%s%s %s", text, i ? "  " : "", m->names[i],
                        metric_text(a, averages_mean(m, i)));
  return text;
}

const char *averages_save(arena *a, const averages *m) {
  const char *text = arena_printf(a, "%a", m->rows);
  for (int i = 0; i < m->count; i++) text = arena_printf(a, "%s %a", text, m->sums[i]);
  return text;
}

bool averages_restore(averages *m, const char *text) {
  char *end;
  averages_clear(m);
  m->rows = strtod(text, &end);
  if (end != text && m->rows == 0) return true;
  for (int i = 0; i < m->count; i++) {
    if (*end != ' ') return false;
    m->sums[i] = strtod(end, &end);
  }
  return *text && !*end;
}

int averages_not_finite(const averages *m, void *const *outputs) {
  for (int i = 0; i < m->watched_count; i++)
    if (!isfinite(output_value(m, m->watched[i], outputs))) return m->watched[i];
  return -1;
}

static void add_row(history *h, metric_row row) {
  for (int i = h->count; i-- > 0;) {
    metric_row *old = &h->rows[i];
    if (old->stage != row.stage || old->step != row.step) break;
    if (strcmp(old->label, row.label) || strcmp(old->metric, row.metric)) continue;
    *old = row;
    return;
  }
  arena_push(h->arena, h->rows, h->count) = row;
}

void history_add(history *h, int stage, double epoch, int64_t step, const averages *m) {
  for (int i = 0; i < m->count; i++)
    add_row(h, (metric_row){stage, epoch, step, m->label, m->names[i], averages_mean(m, i)});
}

/* Cuts a line at its commas; false where there are not exactly so many fields. */
static bool split_line(char *line, char *fields[], int count) {
  for (int i = 0; i < count; i++) {
    fields[i] = line;
    char *comma = strchr(line, ',');
    if ((comma != NULL) != (i + 1 < count)) return false;
    if (comma) *comma = 0;
    line = comma + 1;
  }
  return true;
}

static bool read_line(history *h, char *line, int stage, int64_t step) {
  enum { FIELDS = 6 };
  char *f[FIELDS], *ends[4];
  if (!split_line(line, f, FIELDS)) return false;
  metric_row row = {(int)strtol(f[0], &ends[0], 10), strtod(f[1], &ends[1]),
                    strtoll(f[2], &ends[2], 10),     f[3],
                    f[4],                            strtod(f[5], &ends[3])};
  if (*ends[0] || *ends[1] || *ends[2] || *ends[3] || row.stage < 0) return false;
  if (row.stage < stage || (row.stage == stage && row.step <= step)) add_row(h, row);
  return true;
}

bool history_read(history *h, const char *path, int stage, int64_t step, const char **error) {
  size_t size;
  if (!file_exists(path)) return true;
  char *text = file_read(h->arena, path, &size, error);
  if (!text) return false;
  bool good = strncmp(text, heading, strlen(heading)) == 0;
  for (char *line = good ? text + strlen(heading) : NULL, *end; line && *line; line = end + 1) {
    end = strchr(line, '\n');
    if (!end) break; /* a line cut off by a crash */
    *end = 0;
    good &= read_line(h, line, stage, step);
  }
  if (!good) *error = arena_printf(h->arena, "%s is no table of metrics", path);
  return good;
}

bool history_write(const history *h, const char *path, const char **error) {
  arena *a = arena_new();
  file_part *lines = arena_array_of(a, h->count + 1, file_part);
  lines[0] = (file_part){heading, strlen(heading)};
  for (int i = 0; i < h->count; i++) {
    const metric_row *r = &h->rows[i];
    const char *line = arena_printf(a, "%d,%.9g,%lld,%s,%s,%.9g\n", r->stage, r->epoch,
                                    (long long)r->step, r->label, r->metric, r->value);
    lines[i + 1] = (file_part){line, strlen(line)};
  }
  const char *message = NULL;
  bool written = file_replace(a, path, h->count + 1, lines, &message);
  if (!written) *error = arena_text(h->arena, message);
  arena_free(a);
  return written;
}

static bool is_of(const metric_row *r, const char *label, const char *metric) {
  return strcmp(r->label, label) == 0 && strcmp(r->metric, metric) == 0;
}

const metric_row *history_last(const history *h, const char *label, const char *metric,
                               const metric_row *until) {
  for (int i = h->count; i-- > 0;) {
    const metric_row *r = &h->rows[i];
    if (until && (r->stage != until->stage || r->step > until->step)) continue;
    if (is_of(r, label, metric)) return r;
  }
  return NULL;
}

const metric_row *history_best(const history *h, int stage, const char *label, const char *metric,
                               bool higher) {
  const metric_row *best = NULL;
  for (int i = 0; i < h->count; i++) {
    const metric_row *r = &h->rows[i];
    if (r->stage != stage || !is_of(r, label, metric)) continue;
    if (best ? (higher ? r->value > best->value : r->value < best->value) : !isnan(r->value)) best = r;
  }
  return best;
}
