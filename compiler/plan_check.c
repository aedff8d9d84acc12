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
  bool *has_parts; /* by value */
} memory;

/* Told apart by number: arguments of an entry, and of a loop's body also what it carries. */
static bool is_argument(region r) {
  return r == REGION_INPUT || r == REGION_OUTPUT || r == REGION_CARRY;
}

static extent extent_of(const plan *p, int value) {
  const placement *at = &p->values[value].place;
  int64_t from = is_argument(at->region) ? 0 : at->offset;
  return (extent){at->region, at->index, from, from + p->values[value].bytes, value};
}

static bool meet(const extent *x, const extent *y) {
  return x->region == y->region && (!is_argument(x->region) || x->index == y->index) &&
         x->from < y->to && y->from < x->to;
}

static void add_extent(memory *m, extent e) {
  if (e.from < e.to) arena_push(m->arena, m->extents, m->count) = e;
}

/* The bytes of the value hold it from now on; what lies beside them stays. */
static void write_value(memory *m, int value) {
  extent written = extent_of(m->plan, value);
  int count = m->count, kept = 0;
  extent right = {.from = 0, .to = 0}; /* what is left behind the written bytes: one at most */
  for (int i = 0; i < count; i++) {
    extent old = m->extents[i];
    if (meet(&old, &written)) {
      if (old.to > written.to) right = old;
      old.to = written.from;
    }
    if (old.from < old.to) m->extents[kept++] = old;
  }
  m->count = kept;
  right.from = written.to;
  add_extent(m, right);
  add_extent(m, written);
}

/* NULL where every byte of the value holds it, or what it was joined to. */
static const char *fault_of(const memory *m, int value, const char *when) {
  extent wanted = extent_of(m->plan, value);
  int64_t held = 0;
  int other = -1;
  for (int i = 0; i < m->count; i++) {
    const extent *e = &m->extents[i];
    if (!meet(e, &wanted)) continue;
    int64_t from = e->from > wanted.from ? e->from : wanted.from;
    int64_t to = e->to < wanted.to ? e->to : wanted.to;
    if (e->value == value || e->value == m->plan->values[value].whole)
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
  if (v->whole >= 0) {
    const plan_value *whole = &p->values[v->whole];
    placement expected = whole->place;
    expected.offset += v->start;
    if (is_argument(v->place.region) || !same_place(&v->place, &expected) || v->start < 0 ||
        v->start + v->bytes > whole->bytes)
      return arena_printf(a, "%s does not lie in %s", v->name, whole->name);
  }
  if (is_argument(v->place.region)) return NULL;
  if (v->place.offset < 0 || v->place.offset % 64 != 0)
    return arena_printf(a, "%s lies at %lld", v->name, (long long)v->place.offset);
  if (v->place.region == REGION_SCRATCH && v->place.offset + v->bytes > p->scratch_bytes)
    return arena_printf(a, "%s ends at %lld of %lld bytes of scratch", v->name,
                        (long long)(v->place.offset + v->bytes), (long long)p->scratch_bytes);
  return NULL;
}

/* What a join writes must be its parts, each in its place. */
static const char *not_joined(arena *a, const plan *p, const plan_step *s, int step) {
  const plan_value *whole = s->write_count == 1 ? &p->values[s->writes[0]] : NULL;
  int64_t next = 0;
  for (int i = 0; whole && i < s->read_count; i++) {
    const plan_value *part = &p->values[s->reads[i]];
    if (part->whole != s->writes[0] || part->start != next) whole = NULL;
    next = part->start + part->bytes;
  }
  if (whole && next == whole->bytes) return NULL;
  return arena_printf(a, "step %d does not join the parts of one value", step);
}

/* What a step writes must not lie on what it reads or writes beside it, unless the plan says that
 * they share memory. Only a join writes what has parts. */
static const char *clash(const memory *m, const plan_step *s, int step) {
  arena *a = m->arena;
  const plan *p = m->plan;
  for (int w = 0; w < s->write_count; w++) {
    if (m->has_parts[s->writes[w]])
      return arena_printf(a, "step %d writes %s, which has parts", step,
                          p->values[s->writes[w]].name);
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
  if (!fault)
    fault = s->join ? not_joined(m->arena, m->plan, s, step) : clash(m, s, step);
  for (int i = 0; i < s->write_count; i++) write_value(m, s->writes[i]);
  return fault;
}

const char *plan_check(arena *a, const plan *p) {
  memory m = {.arena = a, .plan = p, .has_parts = arena_array_of(a, p->value_count, bool)};
  const char *fault = NULL;
  for (int i = 0; i < p->value_count; i++)
    if (p->values[i].whole >= 0) m.has_parts[p->values[i].whole] = true;
  for (int i = 0; i < p->value_count && !fault; i++) {
    fault = misplaced(a, p, &p->values[i]);
    if (p->values[i].initial) write_value(&m, i);
  }
  for (int s = 0; s < p->step_count && !fault; s++) fault = replay(&m, s);
  for (int i = 0; i < p->value_count && !fault; i++)
    if (p->values[i].final) fault = fault_of(&m, i, "at the end");
  return fault;
}
