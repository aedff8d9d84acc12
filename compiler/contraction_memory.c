/* Schedules that were found, by contraction: a model has the same product in many layers and entries. */
#include "contraction.h"

#include <string.h>

typedef struct found {
  const char *text;
  contraction_schedule schedule;
} found;

struct schedule_memory {
  arena *arena;
  found *items;
  int count;
};

schedule_memory *schedule_memory_new(arena *a) {
  schedule_memory *m = arena_new_of(a, schedule_memory);
  m->arena = a;
  return m;
}

/* The contraction's text, and exactly what that rounds. */
static const char *exact_text(arena *a, const contraction *c) {
  const contraction_operand *o = c->operands;
  return arena_printf(a, "%s; %a %a %a %a %a %a", contraction_text(a, c), o[0].element_cycles, o[0].runs_alike,
                      o[1].element_cycles, o[1].runs_alike, c->epilogue_elements, c->epilogue_operations);
}

contraction_schedule schedule_remembered(schedule_memory *m, const contraction *c, const target *t,
                                         contraction_schedule (*find)(const contraction *c, const target *t)) {
  arena *scratch = arena_new();
  const char *text = exact_text(scratch, c);
  int i = 0;
  while (i < m->count && strcmp(m->items[i].text, text) != 0) i++;
  if (i == m->count) arena_push(m->arena, m->items, m->count) = (found){arena_text(m->arena, text), find(c, t)};
  arena_free(scratch);
  return m->items[i].schedule;
}
