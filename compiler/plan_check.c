#include "plan_check.h"

/* Bytes that hold one value. */
typedef struct extent {
  region region;
  int index;
  int64_t from, to;
  int value;
} extent;

typedef struct memory {
  arena *arena;
  const plan *plan;
  extent *extents; /* disjoint */
  int count;
} memory;

static bool is_argument(region r) { return r == REGION_INPUT || r == REGION_OUTPUT; }

static extent extent_of(const plan *p, int value) {
  const placement *at = &p->values[value].place;
  int64_t from = is_argument(at->region) ? 0 : at->offset;
  return (extent){at->region, at->index, from, from + p->values[value].bytes, value};
}

static bool meet(const extent *x, const extent *y) {
  return x->region == y->region && (!is_argument(x->region) || x->index == y->index) &&
         x->from < y->to && y->from < x->to;
}

/* The bytes of the value hold it from now on; what lies beside them stays. */
static void write_value(memory *m, int value) {
  extent written = extent_of(m->plan, value), *kept = NULL;
  int count = 0;
  for (int i = 0; i < m->count; i++) {
    extent old = m->extents[i], left = old, right = old;
    if (!meet(&old, &written)) {
      arena_push(m->arena, kept, count) = old;
      continue;
    }
    left.to = written.from;
    right.from = written.to;
    if (left.from < left.to) arena_push(m->arena, kept, count) = left;
    if (right.from < right.to) arena_push(m->arena, kept, count) = right;
  }
  arena_push(m->arena, kept, count) = written;
  m->extents = kept;
  m->count = count;
}

/* NULL where every byte of the value holds it. */
static const char *fault_of(const memory *m, int value, const char *when) {
  extent wanted = extent_of(m->plan, value);
  int64_t held = 0;
  int other = -1;
  for (int i = 0; i < m->count; i++) {
    const extent *e = &m->extents[i];
    if (!meet(e, &wanted)) continue;
    int64_t from = e->from > wanted.from ? e->from : wanted.from;
    int64_t to = e->to < wanted.to ? e->to : wanted.to;
    if (e->value == value)
      held += to - from;
    else
      other = e->value;
  }
  if (held == wanted.to - wanted.from) return NULL;
  return arena_printf(m->arena, "%s: %s has %lld of %lld bytes left; %s lies there", when,
                      m->plan->values[value].name, (long long)held,
                      (long long)(wanted.to - wanted.from),
                      other < 0 ? "nothing" : m->plan->values[other].name);
}

static bool same_place(const placement *x, const placement *y) {
  return x->region == y->region && (is_argument(x->region) ? x->index == y->index
                                                           : x->offset == y->offset);
}

static const char *misplaced(arena *a, const plan *p, const plan_value *v) {
  if (v->shares >= 0 && !same_place(&v->place, &p->values[v->shares].place))
    return arena_printf(a, "%s does not lie where %s does", v->name, p->values[v->shares].name);
  if (is_argument(v->place.region)) return NULL;
  if (v->place.offset < 0 || v->place.offset % 64 != 0)
    return arena_printf(a, "%s lies at %lld", v->name, (long long)v->place.offset);
  if (v->place.region == REGION_SCRATCH && v->place.offset + v->bytes > p->scratch_bytes)
    return arena_printf(a, "%s ends at %lld of %lld bytes of scratch", v->name,
                        (long long)(v->place.offset + v->bytes), (long long)p->scratch_bytes);
  return NULL;
}

/* What a step writes must not lie on what it reads or writes beside it, unless the plan says that
 * they share memory. */
static const char *clash(arena *a, const plan *p, const plan_step *s, int step) {
  for (int w = 0; w < s->write_count; w++) {
    extent written = extent_of(p, s->writes[w]);
    for (int i = 0; i < s->read_count + s->write_count; i++) {
      int other = i < s->read_count ? s->reads[i] : s->writes[i - s->read_count];
      extent e = extent_of(p, other);
      if (other == s->writes[w] || p->values[s->writes[w]].shares == other || !meet(&written, &e))
        continue;
      return arena_printf(a, "step %d writes %s over %s", step, p->values[s->writes[w]].name,
                          p->values[other].name);
    }
  }
  return NULL;
}

static const char *replay(memory *m, int step) {
  const plan_step *s = &m->plan->steps[step];
  const char *when = arena_printf(m->arena, "step %d", step), *fault = NULL;
  for (int i = 0; i < s->read_count && !fault; i++) fault = fault_of(m, s->reads[i], when);
  if (!fault) fault = clash(m->arena, m->plan, s, step);
  for (int i = 0; i < s->write_count; i++) write_value(m, s->writes[i]);
  return fault;
}

const char *plan_check(arena *a, const plan *p) {
  memory m = {.arena = a, .plan = p};
  const char *fault = NULL;
  for (int i = 0; i < p->value_count && !fault; i++) {
    fault = misplaced(a, p, &p->values[i]);
    if (p->values[i].initial) write_value(&m, i);
  }
  for (int s = 0; s < p->step_count && !fault; s++) fault = replay(&m, s);
  for (int i = 0; i < p->value_count && !fault; i++)
    if (p->values[i].final) fault = fault_of(&m, i, "at the end");
  return fault;
}
