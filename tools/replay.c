#include "replay.h"

#include <string.h>

#include "op.h"

static const point nowhere = {-1, -1};

static const plan *plan_of(const seen_call *calls, point p) { return calls[p.call].entry->plan; }

static const plan_value *value_of(const seen_call *calls, point p) {
  return &plan_of(calls, p)->values[p.value];
}

static bool is_slot_place(const placement *p) {
  return p->region == REGION_PARAMETERS || p->region == REGION_STATE;
}

/* The last version of what lies at a place outside of scratch; an initial one where nothing writes it. */
static point last_version(const seen_call *calls, int call, placement place) {
  const plan *p = calls[call].entry->plan;
  int found = -1;
  for (int i = 0; i < p->value_count; i++) {
    const plan_value *v = &p->values[i];
    if (!v->fixed || v->place.region != place.region || v->place.offset != place.offset ||
        v->place.index != place.index)
      continue;
    if (found < 0 || !v->initial) found = i;
  }
  return found < 0 ? nowhere : (point){call, found};
}

point point_of_output(const seen_call *calls, int call, int output) {
  return last_version(calls, call, (placement){.region = REGION_OUTPUT, .index = output});
}

point point_of_slot(const seen_call *calls, int call, const char *path) {
  for (; call >= 0; call--) {
    const plan *p = calls[call].entry->plan;
    for (int i = 0; i < p->value_count; i++)
      if (p->values[i].fixed && is_slot_place(&p->values[i].place) &&
          strcmp(p->values[i].name, path) == 0)
        return last_version(calls, call, p->values[i].place);
  }
  return nowhere;
}

finiteness point_level(const seen_call *calls, point p) {
  return (finiteness)calls[p.call].levels[p.value];
}

int point_step(const seen_call *calls, point p) {
  const plan *in = plan_of(calls, p);
  for (int s = 0; s < in->step_count; s++)
    for (int i = 0; i < in->steps[s].write_count; i++)
      if (in->steps[s].writes[i] == p.value) return s;
  return -1;
}

static point read_so_far(const seen_call *calls, point p, finiteness least) {
  int step = point_step(calls, p);
  if (step < 0) return nowhere;
  const plan_step *s = &plan_of(calls, p)->steps[step];
  for (int i = 0; i < s->read_count; i++) {
    point read = {p.call, s->reads[i]};
    if (point_level(calls, read) >= least) return read;
  }
  return nowhere;
}

point point_read(const seen_call *calls, point p) { return read_so_far(calls, p, INFINITE); }

/* What a slot that is there when a call begins was after an earlier call. */
static point before_call(const seen_call *calls, point p) {
  const plan_value *v = value_of(calls, p);
  if (!is_slot_place(&v->place)) return nowhere;
  for (int call = p.call - 1; call >= 0; call--) {
    point version = last_version(calls, call, v->place);
    if (version.call >= 0) return version;
  }
  return nowhere;
}

point point_of_origin(const seen_call *calls, point from, finiteness least) {
  for (;;) {
    point earlier = point_step(calls, from) < 0 ? before_call(calls, from)
                                                : read_so_far(calls, from, least);
    if (earlier.call < 0) return from;
    from = earlier;
  }
}

const char *point_name(const seen_call *calls, point p) { return value_of(calls, p)->name; }

const node *point_node(const seen_call *calls, point p) { return value_of(calls, p)->node; }
