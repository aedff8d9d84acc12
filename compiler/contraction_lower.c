/* The kernel of a group whose heart is a product or convolution. */
#include "contraction.h"
#include "lower.h"

static const node *heart_of(const group *g) {
  for (int i = 0; i < g->member_count; i++)
    if (op_has(g->members[i]->op, CONTRACTION)) return g->members[i];
  internal_error("group %d has no contraction", g->id);
}

static loop_buffer *buffer_of(const group *g, loop_buffer *const *buffers, const node *root) {
  for (int i = 0; i < g->input_count; i++)
    if (g->inputs[i] == root) return buffers[i];
  internal_error("group %d does not read node %d", g->id, root->id);
}

static loop_kernel *contraction_kernel(lowering *l, const group *g) {
  loop_buffer **buffers = arena_array_of(l->arena, g->input_count + g->output_count, loop_buffer *);
  loop_kernel *kernel = lower_parameters(l, g, buffers);
  const node *n = heart_of(g);
  contraction *c = arena_new_of(l->arena, contraction);
  contraction_of_node(l->arena, n, c);
  for (int i = 0; i < 2; i++) {
    operand_root root = contraction_operand_root(l->arena, n->operands[i]);
    contraction_operand_strided(&c->operands[i], buffer_of(g, buffers, root.root), root.base,
                                root.strides);
  }
  c->output = buffers[g->input_count];
  contraction_schedule s = contraction_schedule_find(c, l->target);
  contraction_emit(l->arena, c, &s, l->target, &kernel->body);
  return kernel;
}

const op_lowering contraction_lowering = {.kernel = contraction_kernel};
