/* What comes from beyond the second cache is asked for before it is read. */
#include <stdlib.h>

#include "lower_nest.h"

/* True where vectors of an access come from beyond the second cache, for which others lie so many bytes further along the
 * variable that the processor does not foresee them; `step` is how many elements. */
static bool comes_from_afar(const nest *k, const group_access *access, int variable, int64_t *step) {
  enum { HALF_LINE = 32, FORESEEN = 256 };
  const int64_t size = (int64_t)dtype_size(access->node->type.element);
  int64_t along;
  return !access->store && !access->guarded && index_linear(access->position, k->vector_axis, &along) && along == 1 &&
         k->lanes * size >= HALF_LINE && index_linear(access->position, variable, step) && llabs(*step) * size >= FORESEEN &&
         type_elements(&access->node->type) * size > k->lowering->target->l2_bytes;
}

void nest_fetch(nest *k, const group_access *access, int64_t further) {
  const loop_expr *at = index_loop(k->arena, access->position, k->variables);
  at = loop_add(k->arena, at, loop_int(k->arena, further));
  loop_fetch(k->arena, nest_block(k), 2, nest_input(k, access->node), &at);
}

void nest_fetch_ahead(nest *k, int variable, int64_t count) {
  const group *g = k->group;
  int64_t step;
  for (int i = 0; i < g->access_count; i++) {
    const group_access *access = &g->accesses[i];
    if (comes_from_afar(k, access, variable, &step)) nest_fetch(k, access, count * step);
  }
}
