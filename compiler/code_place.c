/* Where values lie in the end: places of loops' bodies become places of the entry. */
#include "code_builder.h"

static placement value_place(const builder *b, int value);

/* The place, which moves by some bytes with each turn of the loop at this depth. */
static placement moving(arena *a, placement p, int depth, int64_t bytes) {
  int64_t *moves = arena_array_of(a, depth + 1, int64_t);
  for (int i = 0; i < p.move_count; i++) moves[i] = p.moves[i];
  moves[depth] = bytes;
  p.moves = moves;
  p.move_count = depth + 1;
  return p;
}

/* Where an input of a body lies; inputs are the turn, the sequences' parts, the invariants; what the loop
 * packs is behind them. */
static placement body_input_place(const builder *b, int input) {
  const planned_loop *l = b->loop;
  const int depth = b->outer->depth;
  if (input == 0) return (placement){.region = REGION_TURN, .index = depth};
  if (input >= b->graph->input_count)
    return value_place(b->outer, l->packed[input - b->graph->input_count]);
  placement p = value_place(b->outer, l->operands[l->shape.carries + input - 1]);
  if (input > l->shape.sequences) return p;
  return moving(b->arena, p, depth, type_bytes(&b->graph->inputs[input].node->type));
}

/* In the frame of the task, whose number counts like the turn of a loop within. */
static placement frame_place(const builder *b, int64_t offset) {
  const planned_loop *l = b->loop;
  placement p = value_place(b->outer, l->frame);
  p.offset += offset;
  return l->tasks ? moving(b->arena, p, b->outer->depth + 1, code_frame_bytes(l)) : p;
}

static placement body_output_place(const builder *b, int output) {
  const planned_loop *l = b->loop;
  if (b == l->condition) return frame_place(b, l->goes_on);
  return moving(b->arena, value_place(b->outer, l->results[l->shape.carries + output]),
                b->outer->depth, type_bytes(&b->graph->outputs[output].node->type));
}

/* Places of bodies are within what is around them. */
static placement value_place(const builder *b, int value) {
  if (value == CONTEXT) return (placement){.region = REGION_CONTEXT};
  placement p = b->plan.values[value].place;
  if (!b->loop) return p;
  switch (p.region) {
    case REGION_INPUT: return body_input_place(b, p.index);
    case REGION_OUTPUT: return body_output_place(b, p.index);
    case REGION_CARRY: return value_place(b->outer, b->loop->results[p.index]);
    case REGION_SCRATCH: return frame_place(b, p.offset);
    default: internal_error("a value of a loop lies in region %d", (int)p.region);
  }
}

static kernel_call *call_of(const builder *b, const planned_step *c) {
  ensure(c->argument_count == c->kernel->parameter_count);
  kernel_call *call = arena_new_of(b->arena, kernel_call);
  call->kernel = c->kernel;
  call->arguments = arena_array_of(b->arena, c->argument_count, placement);
  for (int i = 0; i < c->argument_count; i++)
    call->arguments[i] = value_place(b, c->arguments[i]);
  return call;
}

static module_loop *loop_of(const builder *b, const planned_loop *l) {
  module_loop *loop = arena_new_of(b->arena, module_loop);
  *loop = (module_loop){.depth = b->depth, .turns = l->shape.turns, .bounded = l->shape.size, .reverse = l->shape.reverse,
                        .conditional = l->condition != NULL, .tasks = l->tasks, .at = l->node->at};
  if (loop->tasks) loop->number = b->module->shared_loops++;
  if (l->condition) {
    loop->condition = code_places(l->condition);
    loop->goes_on = frame_place(l->condition, l->goes_on);
  }
  loop->body = code_places(l->body);
  return loop;
}

module_code code_places(const builder *b) {
  module_code code = {arena_array_of(b->arena, b->step_count, module_step), b->step_count, b->fusion};
  for (int i = 0; i < b->step_count; i++) {
    const planned_step *s = &b->steps[i];
    if (s->loop) code.steps[i].loop = loop_of(b, s->loop);
    else code.steps[i].call = call_of(b, s);
    code.steps[i].planned = s->planned;
    code.steps[i].group = s->group;
  }
  return code;
}
