#include "memory_report.h"

#include <stdlib.h>

#include "plan.h"

/* Bytes of a region that the entry touches. Several versions of a slot lie in one place. */
static int64_t bytes_in(const plan *p, region where) {
  int64_t bytes = 0;
  for (int i = 0; i < p->value_count; i++) {
    const placement *at = &p->values[i].place;
    bool known = at->region != where;
    for (int k = 0; k < i && !known; k++)
      known = p->values[k].place.region == where && p->values[k].place.offset == at->offset;
    if (!known) bytes += plan_aligned(p->values[i].bytes);
  }
  return bytes;
}

static double ratio(int64_t bytes, int64_t bound) {
  return bound > 0 ? (double)bytes / (double)bound : 1;
}

static void print_entries(FILE *out, const module *m) {
  fprintf(out, "%-16s %12s %12s %12s %12s %12s %7s %12s\n", "entry", "parameters", "state",
          "constants", "scratch", "bound", "ratio", "any order");
  for (int i = 0; i < m->entry_count; i++) {
    const module_entry *e = &m->entries[i];
    const plan *p = e->plan;
    fprintf(out, "%-16s %12lld %12lld %12lld %12lld %12lld %7.3f %12lld\n", e->name,
            (long long)bytes_in(p, REGION_PARAMETERS), (long long)bytes_in(p, REGION_STATE),
            (long long)bytes_in(p, REGION_CONSTANTS), (long long)p->scratch_bytes,
            (long long)p->bound, ratio(p->scratch_bytes, p->bound), (long long)e->scratch_bound);
  }
  fprintf(out, "%-16s %12lld %12lld %12lld %12lld\n", "all", (long long)m->parameter_bytes,
          (long long)m->state_bytes, (long long)m->constant_bytes, (long long)m->scratch_bytes);
}

/* Largest first, then by place, then by number. */
static int compare_values(const void *x, const void *y) {
  const plan_value *b = *(const plan_value *const *)x, *c = *(const plan_value *const *)y;
  if (b->bytes != c->bytes) return b->bytes > c->bytes ? -1 : 1;
  if (b->place.offset != c->place.offset) return b->place.offset < c->place.offset ? -1 : 1;
  return b < c ? -1 : b > c;
}

static void print_fullest(FILE *out, arena *a, const module_entry *e) {
  const plan *p = e->plan;
  const plan_life *lives = plan_lives(a, p);
  const plan_value **alive = arena_array_of(a, p->value_count, const plan_value *);
  int count = 0;
  for (int i = 0; i < p->value_count; i++)
    if (p->values[i].place.region == REGION_SCRATCH && lives[i].first <= p->fullest &&
        p->fullest <= lives[i].last)
      alive[count++] = &p->values[i];
  if (count) qsort(alive, (size_t)count, sizeof *alive, compare_values);
  fprintf(out, "\n%s is fullest at step %d of %d, %s:\n", e->name, p->fullest + 1, p->step_count,
          p->steps[p->fullest].name);
  fprintf(out, "%12s %12s  %-20s %-24s %s\n", "bytes", "offset", "value", "type", "place");
  for (int i = 0; i < count; i++) {
    const node *n = alive[i]->node;
    fprintf(out, "%12lld %12lld  %-20s %-24s %s\n", (long long)alive[i]->bytes,
            (long long)alive[i]->place.offset, alive[i]->name, n ? type_text(a, &n->type) : "-",
            n && n->at.source ? diag_place(a, n->at) : "-");
  }
}

void memory_report(FILE *out, const module *m) {
  arena *a = arena_new();
  print_entries(out, m);
  for (int i = 0; i < m->entry_count; i++)
    if (m->entries[i].plan->fullest >= 0) print_fullest(out, a, &m->entries[i]);
  arena_free(a);
}
