#include "plan.h"

#include <stdlib.h>

int plan_add_value(arena *a, plan *p, plan_value v) {
  arena_push(a, p->values, p->value_count) = v;
  return p->value_count - 1;
}

plan_step *plan_add_step(arena *a, plan *p) {
  arena_push(a, p->steps, p->step_count) = (plan_step){0};
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

/* Values that share memory, as one: from the first step that touches any to the last. */
typedef struct block {
  int64_t bytes, offset;
  int value; /* the first of them */
  int first, last;
} block;

static int owner(const plan *p, int value) {
  while (p->values[value].shares >= 0) value = p->values[value].shares;
  return value;
}

static void touch(block *blocks, const plan *p, int value, int step) {
  block *b = &blocks[owner(p, value)];
  if (p->values[value].bytes > b->bytes) b->bytes = p->values[value].bytes;
  if (b->first < 0 || step < b->first) b->first = step;
  if (step > b->last) b->last = step;
}

/* By decreasing size, then by value: a total order. */
static int compare_blocks(const void *x, const void *y) {
  const block *b = x, *c = y;
  if (b->bytes != c->bytes) return b->bytes > c->bytes ? -1 : 1;
  return b->value - c->value;
}

static int compare_offsets(const void *x, const void *y) {
  const block *const *b = x, *const *c = y;
  if ((*b)->offset != (*c)->offset) return (*b)->offset < (*c)->offset ? -1 : 1;
  return (*b)->value - (*c)->value;
}

/* The lowest gap that holds the block among the placed ones that live beside it. */
static int64_t lowest_gap(const block *b, const block *placed, int count, const block **beside) {
  int neighbours = 0;
  for (int i = 0; i < count; i++)
    if (placed[i].first <= b->last && b->first <= placed[i].last) beside[neighbours++] = &placed[i];
  qsort(beside, (size_t)neighbours, sizeof *beside, compare_offsets);
  int64_t offset = 0;
  for (int i = 0; i < neighbours; i++) {
    if (offset + plan_aligned(b->bytes) <= beside[i]->offset) break;
    int64_t end = beside[i]->offset + plan_aligned(beside[i]->bytes);
    if (end > offset) offset = end;
  }
  return offset;
}

/* Blocks with their lives; returns how many need a place. */
static int find_blocks(arena *a, const plan *p, block *blocks) {
  block *of_value = arena_array_of(a, p->value_count, block);
  int count = 0;
  for (int i = 0; i < p->value_count; i++) of_value[i] = (block){.value = i, .first = -1, .last = -1};
  for (int s = 0; s < p->step_count; s++) {
    for (int i = 0; i < p->steps[s].read_count; i++) touch(of_value, p, p->steps[s].reads[i], s);
    for (int i = 0; i < p->steps[s].write_count; i++) touch(of_value, p, p->steps[s].writes[i], s);
  }
  for (int i = 0; i < p->value_count; i++)
    if (!p->values[i].fixed && of_value[i].first >= 0) blocks[count++] = of_value[i];
  return count;
}

static int64_t live_bytes(const block *blocks, int count, int step) {
  int64_t bytes = 0;
  for (int i = 0; i < count; i++)
    if (blocks[i].first <= step && step <= blocks[i].last) bytes += plan_aligned(blocks[i].bytes);
  return bytes;
}

void plan_place(arena *a, plan *p) {
  block *blocks = arena_array_of(a, p->value_count, block);
  const block **beside = arena_array_of(a, p->value_count, const block *);
  int count = find_blocks(a, p, blocks);
  qsort(blocks, (size_t)count, sizeof *blocks, compare_blocks);
  for (int i = 0; i < count; i++) {
    blocks[i].offset = lowest_gap(&blocks[i], blocks, i, beside);
    int64_t end = blocks[i].offset + plan_aligned(blocks[i].bytes);
    if (end > p->scratch_bytes) p->scratch_bytes = end;
    p->values[blocks[i].value].place =
        (placement){.region = REGION_SCRATCH, .offset = blocks[i].offset};
  }
  for (int s = 0; s < p->step_count; s++) {
    int64_t live = live_bytes(blocks, count, s);
    if (live > p->bound) p->bound = live;
  }
  for (int i = 0; i < p->value_count; i++)
    if (!p->values[i].fixed) p->values[i].place = p->values[owner(p, i)].place;
}
