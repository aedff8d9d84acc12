#include "loop_body.h"

static const char *path_of(arena *a, const graph_value *input, int carry) {
  return arena_printf(a, "%s %d", input->name, carry);
}

static void copy_inputs(graph *to, const graph *from, int carries, node **now) {
  for (int i = 0; i < from->input_count; i++) {
    const graph_value *input = &from->inputs[i];
    bool carry = i > 0 && i <= carries;
    now[input->node->id] =
        carry ? build_slot(to, path_of(to->arena, input, i - 1), &input->node->type)
              : graph_add_input(to, input->name, &input->node->type);
  }
}

graph *loop_body_graph(arena *a, const loop_shape *s, bool condition) {
  const graph *from = condition ? s->condition : s->body;
  graph *to = graph_new(a, NULL, from->name);
  node **now = arena_array_of(a, from->node_count, node *);
  copy_inputs(to, from, s->carries, now);
  for (int id = 0; id < from->node_count; id++) {
    const node *n = from->nodes[id];
    if (n->op == OP_INPUT) continue;
    node **operands = arena_array_of(a, n->operand_count, node *);
    for (int i = 0; i < n->operand_count; i++) operands[i] = now[n->operands[i]->id];
    now[id] = build_like(to, n, operands);
  }
  for (int i = 0; i < from->output_count; i++) {
    const graph_value *output = &from->outputs[i];
    if (!condition && i < s->carries)
      graph_set_update(to, path_of(a, &from->inputs[1 + i], i), now[output->node->id]);
    else
      graph_add_output(to, output->name, now[output->node->id]);
  }
  return to;
}
