/* Loops at run time, whose body is a graph of its own, and their further results. Operands and the
 * body's inputs (behind the turn) are carries, sequences, invariants; results and the body's outputs are
 * carries, then stacks. */
#include <string.h>

#include "build.h"
#include "op.h"

static bool is_count(const attribute *a, int64_t most) {
  return a->count == 1 && a->ints[0] >= 0 && a->ints[0] <= most;
}

static bool is_closed(const graph *g) {
  for (int id = 0; id < g->node_count; id++)
    if (g->nodes[id]->op == OP_SLOT) return false;
  return g->update_count == 0;
}

/* C1 to C4: the attributes by themselves. */
static const char *attributes_violation(arena *a, const node *n) {
  const attribute *turns = &n->attributes[0], *carries = &n->attributes[1];
  const attribute *sequences = &n->attributes[2], *reverse = &n->attributes[3];
  const attribute *recompute = &n->attributes[4];
  const graph *condition = node_graph(n, 5), *body = node_graph(n, 6);
  if (!is_count(carries, n->operand_count) ||
      !is_count(sequences, n->operand_count - carries->ints[0]))
    return arena_printf(a, "loop C1: no numbers of carries and sequences among %d operands",
                        n->operand_count);
  if (!is_count(reverse, 1)) return "loop C2: reverse is neither 0 nor 1";
  if (recompute->count > 1 || (recompute->count && recompute->ints[0] != 1))
    return "loop C2: recompute is not 1";
  if (!body || !is_closed(body) || (condition && !is_closed(condition)))
    return "loop C4: there is no body, or it or the condition has slots";
  if (*node_text(n, 7) && turns->count != 1) return "loop C3: a size without a bound on the turns";
  bool endless = turns->count == 0 && condition && sequences->ints[0] == 0 &&
                 reverse->ints[0] == 0 && body->output_count == carries->ints[0];
  if (!endless && (turns->count != 1 || turns->ints[0] < 1))
    return "loop C3: neither a number of turns, from 1, nor a condition with carries alone";
  return NULL;
}

/* The type of one turn's part of a sequence; false where it has not an element for each turn. */
static bool part_of_sequence(const loop_shape *s, const tensor_type *whole, tensor_type *part) {
  if (whole->rank == 0 || !dim_equal(whole->dims[0], loop_turns(s))) return false;
  *part = (tensor_type){.element = whole->element, .rank = whole->rank - 1};
  for (int i = 0; i < part->rank; i++) part->dims[i] = whole->dims[i + 1];
  return true;
}

static bool has_type(const graph *g, int input, const tensor_type *type) {
  return input < g->input_count && type_equal(&g->inputs[input].node->type, type);
}

static bool takes_turn(const graph *g) {
  tensor_type turn = type_scalar(DTYPE_I64);
  return has_type(g, 0, &turn);
}

/* C5 and C6. */
static const char *body_inputs_violation(arena *a, const node *n, const loop_shape *s) {
  bool fit = takes_turn(s->body) && s->body->input_count == 1 + n->operand_count;
  for (int i = 0; i < n->operand_count; i++) {
    tensor_type type = n->operands[i]->type;
    bool sequence = i >= s->carries && i < s->carries + s->sequences;
    if (sequence && !part_of_sequence(s, &n->operands[i]->type, &type))
      return arena_printf(a, "loop C6: a sequence of type %s for %lld turns", type_text(a, &type),
                          (long long)s->turns);
    fit = fit && has_type(s->body, 1 + i, &type);
  }
  return fit ? NULL : "loop C5: the body's inputs are not turn, carries, sequences' parts, invariants";
}

/* C7 and C9. */
static const char *body_outputs_violation(const node *n, const loop_shape *s) {
  const graph *body = s->body;
  bool fit = body->output_count >= s->carries && body->output_count > 0;
  for (int i = 0; i < s->carries && fit; i++)
    fit = type_equal(&body->outputs[i].node->type, &n->operands[i]->type);
  if (!fit) return "loop C7: the body's outputs do not begin with the carries, or there is none";
  for (int i = s->carries; i < body->output_count; i++)
    if (body->outputs[i].node->type.rank == MAX_RANK) return "loop C9: a stack has 9 axes";
  return NULL;
}

/* C8 */
static const char *condition_violation(const loop_shape *s) {
  const graph *c = s->condition;
  if (!c) return NULL;
  tensor_type truth = type_scalar(DTYPE_BOOL);
  bool fit = c->input_count == s->body->input_count && c->output_count == 1 &&
             type_equal(&c->outputs[0].node->type, &truth);
  for (int i = 0; i < c->input_count && fit; i++)
    fit = has_type(s->body, i, &c->inputs[i].node->type);
  return fit ? NULL : "loop C8: the condition does not take the body's inputs to one bool";
}

/* loop
 *   C1  carries and sequences are one number each, from 0, together no more than the operands
 *   C2  reverse is 0 or 1, recompute 1 or not there
 *   C3  one number of turns, from 1, which may be the bound of a size; or none, with a condition, without
 *       sequences, stacks, reverse
 *   C4  there is a body; it and the condition read no slots and update none
 *   C5  the body's inputs are the turn (i64), the carries, the sequences' parts, the invariants
 *   C6  the first axis of each sequence has the size of the number of turns
 *   C7  the body's outputs are the carries, of the same types, then what is stacked; at least one
 *   C8  the condition has inputs as the body, and its one output is a bool scalar
 *   C9  with the turns' axis a stack has at most 8 axes */
static const char *loop_type(arena *a, const node *n, tensor_type *result) {
  const char *message = attributes_violation(a, n);
  if (message) return message;
  loop_shape s = loop_shape_of(n);
  message = body_inputs_violation(a, n, &s);
  if (!message) message = body_outputs_violation(n, &s);
  if (!message) message = condition_violation(&s);
  if (!message) *result = loop_result_type(&s, 0);
  return message;
}

/* result
 *   C1  the operand is a loop
 *   C2  one number, from 1, of a result of the loop */
static const char *other_type(arena *a, const node *n, tensor_type *result) {
  const node *loop = n->operands[0];
  if (loop->op != OP_LOOP)
    return arena_printf(a, "result C1: the operand is a %s", op_infos[loop->op].name);
  loop_shape s = loop_shape_of(loop);
  const attribute *number = &n->attributes[0];
  if (number->count != 1 || number->ints[0] < 1 || number->ints[0] >= s.body->output_count)
    return arena_printf(a, "result C2: no number from 1 to %d", s.body->output_count - 1);
  *result = loop_result_type(&s, (int)number->ints[0]);
  return NULL;
}

/* ---- meaning --------------------------------------------------------------------------------- */

/* Copies a value over part number `part` of another, which has parts of its size. */
static void put_part(tensor *whole, int64_t part, const tensor *value) {
  size_t elements = (size_t)type_elements(&value->type);
  memcpy(whole->reals + (size_t)part * elements, value->reals, elements * sizeof *value->reals);
}

/* The inputs of body and condition in one turn. */
static const tensor **turn_inputs(arena *a, const loop_shape *s, int64_t turn,
                                  const tensor *const *operands, tensor *const *results) {
  const tensor **inputs = arena_array_of(a, s->body->input_count, const tensor *);
  tensor_type scalar = type_scalar(DTYPE_I64);
  tensor *number = tensor_new(a, &scalar);
  int count = 0;
  number->ints[0] = turn;
  inputs[count++] = number;
  for (int i = 0; i < s->carries; i++) inputs[count++] = results[i];
  for (int i = 0; i < s->sequences; i++) {
    tensor *part = tensor_new(a, &s->body->inputs[count].node->type);
    size_t elements = (size_t)type_elements(&part->type);
    memcpy(part->reals, operands[s->carries + i]->reals + (size_t)turn * elements,
           elements * sizeof *part->reals);
    inputs[count++] = part;
  }
  for (int i = 0; i < s->invariants; i++)
    inputs[count++] = operands[s->carries + s->sequences + i];
  return inputs;
}

/* One turn, in memory of its own, where the condition, if it is asked, holds; else false. */
static bool run_turn(const evaluation *e, const loop_shape *s, bool asks, int64_t turn,
                     const tensor *const *operands, tensor *const *results) {
  arena *scratch = arena_new();
  evaluation own = *e;
  own.arena = scratch;
  const tensor **inputs = turn_inputs(scratch, s, turn, operands, results);
  tensor *goes_on = NULL;
  if (asks) graph_eval(&own, s->condition, inputs, NULL, NULL, &goes_on, NULL);
  bool runs = !goes_on || goes_on->ints[0];
  if (runs) {
    tensor **outputs = arena_array_of(scratch, s->body->output_count, tensor *);
    graph_eval(&own, s->body, inputs, NULL, NULL, outputs, NULL);
    for (int i = 0; i < s->body->output_count; i++)
      put_part(results[i], i < s->carries ? 0 : turn, outputs[i]);
  }
  arena_free(scratch);
  return runs;
}

static void loop_eval(const evaluation *e, const node *n, const tensor *const *operands,
                      tensor *result) {
  loop_shape s = loop_shape_of(n);
  tensor **results = arena_array_of(e->arena, s.body->output_count, tensor *);
  results[0] = result;
  for (int i = 1; i < s.body->output_count; i++) {
    tensor_type type = loop_result_type(&s, i);
    results[i] = tensor_new(e->arena, &type);
  }
  result->results = results;
  for (int i = 0; i < s.carries; i++) put_part(results[i], 0, operands[i]);
  const int64_t turns = s.turns ? s.turns : LOOP_MOST_TURNS;
  bool asks = s.condition != NULL;
  for (int64_t k = 0; k < turns; k++) {
    const int64_t turn = s.reverse ? s.turns - 1 - k : k;
    const bool ran = run_turn(e, &s, asks, turn, operands, results);
    if (!ran && !s.reverse) return;
    asks = asks && !(ran && s.reverse);
  }
}

static void other_eval(const evaluation *e, const node *n, const tensor *const *operands,
                       tensor *result) {
  (void)e;
  put_part(result, 0, operands[0]->results[node_int(n, 0)]);
}

/* Derivatives: grad_loop.c; lowering: code.c. */
const op_definition op_LOOP = {.type = loop_type, .eval = loop_eval};
const op_definition op_RESULT = {.type = other_type, .eval = other_eval};
