#include "plan.h"

#include <stdlib.h>
#include <string.h>

plan_value plan_value_of(const char *name, const node *n, int64_t bytes) {
  return (plan_value){.name = name, .node = n, .bytes = bytes, .shares = -1, .whole = -1};
}

int plan_add_value(arena *a, plan *p, plan_value v) {
  arena_push(a, p->values, p->value_count) = v;
  return p->value_count - 1;
}

plan_step *plan_add_step(arena *a, plan *p, const char *name) {
  arena_push(a, p->steps, p->step_count) = (plan_step){.name = name};
  return &p->steps[p->step_count - 1];
}

void plan_add_read(arena *a, plan_step *s, int value) {
  arena_push(a, s->reads, s->read_count) = value;
}

void plan_add_write(arena *a, plan_step *s, int value) {
  arena_push(a, s->writes, s->write_count) = value;
}

int64_t plan_aligned(int64_t bytes) {
  return (bytes + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
}

/* ---- lives ----------------------------------------------------------------------------------- */

static void touch(plan_life *life, int step) {
  if (life->first < 0) life->first = step;
  life->last = step;
}

plan_life *plan_lives(arena *a, const plan *p) {
  plan_life *lives = arena_array_of(a, p->value_count, plan_life);
  for (int i = 0; i < p->value_count; i++) lives[i] = (plan_life){-1, -1};
  for (int s = 0; s < p->step_count; s++) {
    for (int i = 0; i < p->steps[s].read_count; i++) touch(&lives[p->steps[s].reads[i]], s);
    for (int i = 0; i < p->steps[s].write_count; i++) touch(&lives[p->steps[s].writes[i]], s);
  }
  return lives;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Values that share memory, as one. */
typedef struct block {
  int64_t bytes, offset; /* bytes: aligned */
  int value;             /* whose memory the others have */
  plan_life life;
} block;

typedef struct placer {
  arena *arena;
  plan *plan;
  block *blocks;         /* in the order of the first of their steps, then of their values */
  int count;
  const block **order, **beside;
} placer;

/* The value whose memory this one has, and where in it. */
static int owner(const plan *p, int value, int64_t *start) {
  *start = 0;
  for (const plan_value *v = &p->values[value]; v->shares >= 0 || v->whole >= 0;
       v = &p->values[value]) {
    if (v->whole >= 0) *start += v->start;
    value = v->whole >= 0 ? v->whole : v->shares;
  }
  return value;
}

static int compare_lives(const void *x, const void *y) {
  const block *b = x, *c = y;
  return b->life.first != c->life.first ? b->life.first - c->life.first : b->value - c->value;
}

static void find_blocks(placer *r) {
  const plan *p = r->plan;
  const plan_life *lives = plan_lives(r->arena, p);
  block *of_value = arena_array_of(r->arena, p->value_count, block);
  for (int i = 0; i < p->value_count; i++) of_value[i] = (block){.value = i, .life = {-1, -1}};
  for (int i = 0; i < p->value_count; i++) {
    int64_t start;
    block *b = &of_value[owner(p, i, &start)];
    int64_t bytes = plan_aligned(start + p->values[i].bytes);
    if (lives[i].first < 0) continue;
    if (bytes > b->bytes) b->bytes = bytes;
    if (b->life.first < 0 || lives[i].first < b->life.first) b->life.first = lives[i].first;
    if (lives[i].last > b->life.last) b->life.last = lives[i].last;
  }
  r->blocks = arena_array_of(r->arena, p->value_count, block);
  for (int i = 0; i < p->value_count; i++)
    if (!p->values[i].fixed && of_value[i].life.first >= 0) r->blocks[r->count++] = of_value[i];
  if (r->count) qsort(r->blocks, (size_t)r->count, sizeof *r->blocks, compare_lives);
}

static void find_bound(placer *r) {
  int64_t *change = arena_array_of(r->arena, r->plan->step_count + 1, int64_t), live = 0;
  for (int i = 0; i < r->count; i++) {
    change[r->blocks[i].life.first] += r->blocks[i].bytes;
    change[r->blocks[i].life.last + 1] -= r->blocks[i].bytes;
  }
  r->plan->bound = 0;
  r->plan->fullest = -1;
  for (int s = 0; s < r->plan->step_count; s++) {
    live += change[s];
    if (live <= r->plan->bound) continue;
    r->plan->bound = live;
    r->plan->fullest = s;
  }
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Total orders of blocks; those of one age (the same first step) are told apart by their values. */
static int compare_ages(const block *b, const block *c) { return compare_lives(b, c); }

static int compare_sizes(const void *x, const void *y) {
  const block *b = *(const block *const *)x, *c = *(const block *const *)y;
  if (b->bytes != c->bytes) return b->bytes > c->bytes ? -1 : 1;
  return compare_ages(b, c);
}

static int span(const block *b) { return b->life.last - b->life.first; }

static int compare_spans(const void *x, const void *y) {
  const block *b = *(const block *const *)x, *c = *(const block *const *)y;
  if (span(b) != span(c)) return span(c) - span(b);
  return compare_sizes(x, y);
}

/* Bytes times steps. */
static int compare_areas(const void *x, const void *y) {
  const block *b = *(const block *const *)x, *c = *(const block *const *)y;
  double first = (double)b->bytes * (span(b) + 1), second = (double)c->bytes * (span(c) + 1);
  if (first != second) return first > second ? -1 : 1;
  return compare_sizes(x, y);
}

static int compare_first_steps(const void *x, const void *y) {
  return compare_ages(*(const block *const *)x, *(const block *const *)y);
}

static int compare_offsets(const void *x, const void *y) {
  const block *b = *(const block *const *)x, *c = *(const block *const *)y;
  if (b->offset != c->offset) return b->offset < c->offset ? -1 : 1;
  return compare_ages(b, c);
}

/* The lowest gap that holds a block among the placed ones that live beside it. */
static int64_t lowest_gap(placer *r, const block *b, int placed) {
  int neighbours = 0;
  for (int i = 0; i < placed; i++)
    if (r->order[i]->life.first <= b->life.last && b->life.first <= r->order[i]->life.last)
      r->beside[neighbours++] = r->order[i];
  qsort(r->beside, (size_t)neighbours, sizeof *r->beside, compare_offsets);
  int64_t offset = 0;
  for (int i = 0; i < neighbours; i++) {
    if (offset + b->bytes <= r->beside[i]->offset) break;
    int64_t end = r->beside[i]->offset + r->beside[i]->bytes;
    if (end > offset) offset = end;
  }
  return offset;
}

/* Places all blocks in the present order; returns the peak. */
static int64_t place_in_order(placer *r) {
  int64_t peak = 0;
  for (int i = 0; i < r->count; i++) {
    block *b = &r->blocks[r->order[i] - r->blocks];
    b->offset = lowest_gap(r, b, i);
    if (b->offset + b->bytes > peak) peak = b->offset + b->bytes;
  }
  return peak;
}

/* Takes the places over as those of the plan where they are the best so far. */
static void keep_better(placer *r, int64_t peak) {
  plan *p = r->plan;
  if (p->scratch_bytes >= 0 && peak >= p->scratch_bytes) return;
  p->scratch_bytes = peak;
  for (int i = 0; i < r->count; i++)
    p->values[r->blocks[i].value].place =
        (placement){.region = REGION_SCRATCH, .offset = r->blocks[i].offset};
}

/* Puts the first block that ends at the peak before all others, where it finds a low place. */
static void promote_highest(placer *r, int64_t peak) {
  int i = 0;
  while (r->order[i]->offset + r->order[i]->bytes < peak) i++;
  const block *highest = r->order[i];
  memmove(&r->order[1], &r->order[0], (size_t)i * sizeof *r->order);
  r->order[0] = highest;
}

/* Tries orders from one on, while the plan lies above its bound. */
static void try_orders(placer *r, int (*compare)(const void *, const void *), int tries) {
  for (int i = 0; i < r->count; i++) r->order[i] = &r->blocks[i];
  if (r->count) qsort(r->order, (size_t)r->count, sizeof *r->order, compare);
  for (int i = 0; i < tries && r->plan->scratch_bytes != r->plan->bound; i++) {
    int64_t peak = place_in_order(r);
    keep_better(r, peak);
    if (peak > 0) promote_highest(r, peak);
  }
}

void plan_place(plan *p) {
  enum { ORDERS = 4, MOST_TRIES = 32, MOST_COMPARISONS = 1 << 23 };
  static int (*const orders[ORDERS])(const void *, const void *) = {
      compare_sizes, compare_areas, compare_spans, compare_first_steps};
  placer r = {.arena = arena_new(), .plan = p};
  find_blocks(&r);
  find_bound(&r);
  r.order = arena_array_of(r.arena, r.count, const block *);
  r.beside = arena_array_of(r.arena, r.count, const block *);
  p->scratch_bytes = -1;
  for (int i = 0; i < ORDERS; i++) try_orders(&r, orders[i], 1);
  int64_t more = MOST_COMPARISONS / ((int64_t)r.count * r.count + 1);
  for (int i = 0; i < ORDERS; i++) try_orders(&r, orders[i], more < MOST_TRIES ? (int)more : MOST_TRIES);
  for (int i = 0; i < p->value_count; i++) {
    int64_t start;
    plan_value *v = &p->values[i], *of = &p->values[owner(p, i, &start)];
    if (v->fixed) continue;
    v->place = of->place;
    v->place.offset += start;
  }
  arena_free(r.arena);
}
