/* Rules: values whose derivative the model gives. */
#include <string.h>

#include "build.h"
#include "op.h"
#include "rewrite.h"

static int argument_count(const node *n) { return (int)node_int(n, 0); }

/* C3 and C4. */
static const char *body_violation(const node *n, const graph *body) {
  const int arguments = argument_count(n), reads = n->operand_count - 1 - arguments;
  bool fit = body->input_count == 1 + reads && body->update_count == 0 &&
             type_equal(&body->inputs[0].node->type, &n->operands[0]->type);
  for (int id = 0; id < body->node_count; id++) fit = fit && body->nodes[id]->op != OP_SLOT;
  for (int i = 0; i < reads && fit; i++)
    fit = type_equal(&body->inputs[1 + i].node->type, &n->operands[1 + arguments + i]->type);
  if (!fit) return "rule C3: the body's inputs are not the cotangent and what it reads";
  fit = body->output_count == arguments;
  for (int i = 0; i < arguments && fit; i++)
    fit = type_equal(&body->outputs[i].node->type, &n->operands[1 + i]->type);
  return fit ? NULL : "rule C4: the body's outputs are not of the arguments' types";
}

/* rule
 *   C1  one number of arguments, from 1, less than that of the operands
 *   C2  the value and the arguments are floating
 *   C3  the body takes the value's cotangent, then what it reads; it reads no slots and updates none
 *   C4  it gives the cotangents of the arguments */
static const char *rule_type(arena *a, const node *n, tensor_type *result) {
  const attribute *arguments = &n->attributes[0];
  const graph *body = node_graph(n, 1);
  if (arguments->count != 1 || arguments->ints[0] < 1 || arguments->ints[0] >= n->operand_count)
    return "rule C1: no number of arguments from 1, less than that of the operands";
  for (int i = 0; i <= arguments->ints[0]; i++)
    if (!dtype_is_float(n->operands[i]->type.element))
      return arena_printf(a, "rule C2: the value or an argument is %s",
                          type_text(a, &n->operands[i]->type));
  if (!body) return "rule C3: there is no body";
  *result = n->operands[0]->type;
  return body_violation(n, body);
}

static void rule_grad(graph *g, const node *n, node *cotangent, const bool *wanted,
                      node **operand_cotangents) {
  const graph *body = node_graph(n, 1);
  const int arguments = argument_count(n);
  node **inputs = arena_array_of(g->arena, body->input_count, node *);
  node **outputs = arena_array_of(g->arena, body->output_count, node *);
  inputs[0] = cotangent;
  for (int i = 1; i < body->input_count; i++) inputs[i] = n->operands[arguments + i];
  rewrite_inline(g, body, inputs, outputs);
  for (int i = 0; i < arguments; i++)
    if (wanted[1 + i]) operand_cotangents[1 + i] = outputs[i];
}

static void rule_eval(const evaluation *e, const node *n, const tensor *const *operands,
                      tensor *result) {
  (void)e;
  size_t elements = (size_t)type_elements(&n->type);
  memcpy(result->reals, operands[0]->reals, elements * sizeof *result->reals);
}

/* Not lowered: pass_intern puts the value in its place. */
const op_definition op_RULE = {.type = rule_type, .grad = rule_grad, .eval = rule_eval};
