#include "final_metrics.h"

#include <stdio.h>
#include <string.h>

static bool ends_with_stage(const stage *s, const char *label) {
  for (int i = 0; i < s->attached_count; i++)
    if (s->attached[i]->run->at_end && strcmp(s->attached[i]->label, label) == 0) return true;
  return false;
}

/* The last value of a metric: in a phase with a stop(…), what it was in the state that was kept. */
static const metric_row *final_row(const plan *p, const history *h, const char *label, const char *metric) {
  const metric_row *last = history_last(h, label, metric, NULL);
  const stage *s = last ? &p->stages[last->stage] : NULL;
  if (!s || !s->stop || ends_with_stage(s, label)) return last;
  const metric_row *best = history_best(h, last->stage, s->measure->label,
                                        s->stop->metric, s->stop->higher);
  return best ? history_last(h, label, metric, best) : last;
}

/* The values that are wanted, and where they come from. */
typedef struct finals {
  arena *arena;
  const plan *plan;
  const dnn_model *model;
  const history *history;
  final_metrics list;
} finals;

/* The last metrics of a run; nothing where a run before has the same label. */
static void add(finals *f, const feed *run) {
  for (int i = 0; i < f->list.count; i++)
    if (strcmp(f->list.items[i].run, run->label) == 0) return;
  averages m = averages_new(f->arena, dnn_find_entry(f->model, run->run->entry), run->label,
                            f->plan->objectives, f->plan->objective_count);
  for (int i = 0; i < m.count; i++) {
    const metric_row *row = final_row(f->plan, f->history, run->label, m.names[i]);
    if (row)
      arena_push(f->arena, f->list.items, f->list.count) = (final_metric){run->label, m.names[i], row->value};
  }
}

final_metrics final_metrics_of(arena *a, const plan *p, const dnn_model *model, const history *h) {
  finals f = {.arena = a, .plan = p, .model = model, .history = h};
  for (int i = 0; i < p->stage_count; i++) {
    const stage *s = &p->stages[i];
    if (s->transfer) continue;
    if (s->pass) add(&f, s->main);
    for (int k = 0; k < s->turn_count; k++) add(&f, s->turns[k]);
    for (int k = 0; k < s->attached_count; k++) add(&f, s->attached[k]);
  }
  return f.list;
}

void final_metrics_print(arena *a, const final_metrics *list) {
  for (int i = 0; i < list->count; i++) {
    const final_metric *m = &list->items[i];
    bool first = i == 0 || strcmp(list->items[i - 1].run, m->run) != 0;
    bool last = i + 1 == list->count || strcmp(list->items[i + 1].run, m->run) != 0;
    if (first) printf("%s:", m->run);
    printf("%s%s %s%s", first ? " " : "  ", m->name, metric_text(a, m->value), last ? "\n" : "");
  }
}
