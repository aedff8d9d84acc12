/* From one graph, an entry or what a loop runs, to its code: kernels, calls, loops, places. */
#include "code.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "code_builder.h"
#include "contraction_cost.h"
#include "loop_body.h"
#include "plan_check.h"
#include "scalar.h"

/* ---- kernels --------------------------------------------------------------------------------- */

static const char *word_of(const node *n) {
  return n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name;
}

/* What a kernel's name tells: the heaviest of its members, in order, each word once. */
static const char *words_of(arena *a, const group *g) {
  enum { MOST_WORDS = 3 };
  const char *names[MOST_WORDS], *text = "";
  int count = 0;
  for (int weight = 2; weight >= 0; weight--) {
    for (int i = 0; i < g->member_count && count < MOST_WORDS; i++) {
      const node *n = g->members[i];
      bool whole = op_has(n->op, CONTRACTION) || op_has(n->op, REDUCTION);
      if ((whole ? 2 : group_weight(n) > 4 ? 1 : 0) != weight) continue;
      const char *name = word_of(n);
      bool known = false;
      for (int k = 0; k < count; k++) known = known || strcmp(names[k], name) == 0;
      if (!known) names[count++] = name;
    }
  }
  for (int i = 0; i < count; i++) text = arena_printf(a, "%s_%s", text, names[i]);
  return text;
}

/* A quick look, before all of two kernels is compared. */
static bool may_equal(const loop_kernel *x, const loop_kernel *y) {
  if (x->parameter_count != y->parameter_count || x->body.count != y->body.count) return false;
  for (int i = 0; i < x->parameter_count; i++)
    if (x->parameters[i]->extents[0] != y->parameters[i]->extents[0]) return false;
  return true;
}

const loop_kernel *code_settle_kernel(arena *a, module *m, loop_kernel *k, const char *words) {
  for (int i = 0; i < m->kernel_count; i++)
    if (may_equal(m->kernels[i], k) && loop_equal(m->kernels[i], k)) return m->kernels[i];
  k->name = arena_printf(a, "k%d%s", m->kernel_count, words);
  const char *fault = loop_verify(a, k);
  if (fault) internal_error("kernel %s: %s", k->name, fault);
  arena_push(a, m->kernels, m->kernel_count) = k;
  return k;
}

/* ---- values ----------------------------------------------------------------------------------- */

placement code_slot_place(const builder *b, const char *path) {
  const module *m = b->module;
  if (b->loop)
    return (placement){.region = REGION_CARRY, .index = atoi(strrchr(path, ' ') + 1)};
  for (int i = 0; i < m->slot_count; i++)
    if (strcmp(m->slots[i].slot->path, path) == 0) return m->slots[i].place;
  internal_error("the program has no slot %s", path);
}
bool code_updates(const graph *g, const char *path) {
  for (int i = 0; i < g->update_count; i++)
    if (strcmp(g->updates[i].name, path) == 0) return true;
  return false;
}

static int add_value(builder *b, const node *n, const char *name) {
  return plan_add_value(b->arena, &b->plan, plan_value_of(name, n, type_bytes(&n->type)));
}

static int add_fixed(builder *b, const node *n, const char *name, placement place) {
  int value = add_value(b, n, name);
  b->plan.values[value].fixed = true;
  b->plan.values[value].place = place;
  return value;
}

static int add_final(builder *b, const node *n, const char *name, placement place) {
  int value = add_fixed(b, n, name, place);
  b->plan.values[value].final = true;
  return value;
}

static placement output_place(int number) {
  return (placement){.region = REGION_OUTPUT, .index = number};
}

/* Arguments and slots are there from the start. */
static void add_outside_values(builder *b) {
  const graph *g = b->graph;
  for (int i = 0; i < g->input_count; i++) {
    placement place = {.region = REGION_INPUT, .index = i};
    int value = add_final(b, g->inputs[i].node, g->inputs[i].name, place);
    b->plan.values[value].initial = true;
    b->value_of[g->inputs[i].node->id] = value;
  }
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    if (n->op != OP_SLOT) continue;
    const char *path = node_text(n, 0);
    int value = add_fixed(b, n, path, code_slot_place(b, path));
    b->plan.values[value].initial = true;
    b->plan.values[value].final = !code_updates(g, path);
    b->value_of[id] = value;
  }
}

/* "exp %12", as in the text of the graph. */
static const char *name_of(arena *a, const node *n) {
  return arena_printf(a, "%s %%%d", word_of(n), n->id);
}

/* Values of kernels: in an output, in a slot, or in scratch. */
static void add_computed_values(builder *b) {
  const graph *g = b->graph;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    const int owner = b->fusion->group_of[id];
    if (owner < 0 || group_output(b->fusion->groups[owner], n) < 0) continue;
    int output = graph_output_number(g, n), home = b->order->home[id];
    if (output >= 0) {
      b->value_of[id] = add_final(b, n, g->outputs[output].name, output_place(output));
    } else if (home >= 0) {
      const graph_value *u = &g->updates[home];
      b->value_of[id] = add_fixed(b, n, u->name, code_slot_place(b, u->name));
      b->plan.values[b->value_of[id]].final = n == u->node;
    } else {
      b->value_of[id] = add_value(b, n, name_of(b->arena, n));
    }
  }
  for (int id = 0; id < g->node_count; id++) {
    const order_part *part = &b->order->parts[id];
    if (!part->whole) continue;
    b->plan.values[b->value_of[id]].whole = b->value_of[part->whole->id];
    b->plan.values[b->value_of[id]].start = part->start;
  }
}

/* ---- steps ------------------------------------------------------------------------------------ */

static planned_step *add_call(builder *b, loop_kernel *k, const char *words) {
  arena_push(b->arena, b->steps, b->step_count) =
      (planned_step){.kernel = code_settle_kernel(b->arena, b->module, k, words)};
  return &b->steps[b->step_count - 1];
}

void code_add_argument(builder *b, planned_step *c, int value) {
  arena_push(b->arena, c->arguments, c->argument_count) = value;
}

static void call_copy(builder *b, const node *n, int from, int to) {
  loop_kernel *k = lower_copy(b->arena, b->module->target, &n->type);
  planned_step *c = add_call(b, k, "_copy");
  code_add_argument(b, c, from);
  code_add_argument(b, c, to);
  if (k->parameter_count > 2) code_add_argument(b, c, CONTEXT);
}

static void copy_value(builder *b, const node *n, int from, int to) {
  call_copy(b, n, from, to);
  plan_step *s = plan_add_step(b->arena, &b->plan, "a copy");
  plan_add_read(b->arena, s, from);
  plan_add_write(b->arena, s, to);
}

/* What the step reads and writes of the group's inputs and outputs, and which of them share memory. */
static void add_group_values(builder *b, plan_step *s, const group *g) {
  for (int i = 0; i < g->input_count; i++) {
    int value = b->value_of[g->inputs[i]->id];
    plan_add_read(b->arena, s, value);
    if (g->inout_output[i] >= 0)
      b->plan.values[b->value_of[g->outputs[g->inout_output[i]]->id]].shares = value;
  }
  for (int i = 0; i < g->output_count; i++)
    plan_add_write(b->arena, s, b->value_of[g->outputs[i]->id]);
}

/* Where the kernel puts an output: of a sum behind a contraction its parts, if there are several. */
static int output_value(builder *b, plan_step *s, const group *g, const node *output) {
  const int64_t parts = group_output_parts(g, output);
  if (parts == 1) return b->value_of[output->id];
  const int value = plan_add_value(b->arena, &b->plan, plan_value_of("parts of a sum", NULL, parts * type_bytes(&output->type)));
  plan_add_write(b->arena, s, value);
  return value;
}

/* Adds up the parts of sums. */
static void call_sums(builder *b, const group *g, const int *values) {
  for (int i = 0; i < g->output_count; i++) {
    const node *n = g->outputs[i];
    if (values[i] == b->value_of[n->id]) continue;
    planned_step *c = add_call(b, lower_sum_of_parts(b->arena, b->module->target, &n->type, group_output_parts(g, n)), "_sum_of_parts");
    code_add_argument(b, c, values[i]);
    code_add_argument(b, c, b->value_of[n->id]);
  }
}

static void call_group(builder *b, lowering *l, const group *g) {
  int packed[2] = {-1, -1};
  for (int i = 0; i < 2; i++)
    if (g->heart && g->schedule.packed[i]) packed[i] = code_pack(b, l, g, i);
  planned_step *c = add_call(b, lower_group(l, g), words_of(b->arena, g));
  c->group = g;
  plan_step *s = plan_add_step(b->arena, &b->plan, c->kernel->name);
  add_group_values(b, s, g);
  for (int i = 0; i < g->input_count; i++)
    if (g->inout_output[i] < 0 && group_loads(g, g->inputs[i]))
      code_add_argument(b, c, b->value_of[g->inputs[i]->id]);
  int *values = arena_array_of(b->arena, g->output_count, int);
  for (int i = 0; i < g->output_count; i++) {
    values[i] = output_value(b, s, g, g->outputs[i]);
    code_add_argument(b, c, values[i]);
  }
  for (int i = 0; i < 2; i++) {
    if (packed[i] < 0) continue;
    if (contraction_packs_once(g->contraction, &g->schedule, i)) plan_add_write(b->arena, s, packed[i]);
    else plan_add_read(b->arena, s, packed[i]);
    code_add_argument(b, c, packed[i]);
  }
  if (g->context) code_add_argument(b, c, CONTEXT);
  call_sums(b, g, values);
}

static void join_parts(builder *b, const group *g) {
  const node *whole = g->members[0];
  plan_step *s = plan_add_step(b->arena, &b->plan, "a join");
  s->join = true;
  for (int i = 0; i < whole->operand_count; i++)
    plan_add_read(b->arena, s, b->value_of[whole->operands[i]->id]);
  plan_add_write(b->arena, s, b->value_of[whole->id]);
}

static void copy_to_output(builder *b, int number) {
  const graph_value *output = &b->graph->outputs[number];
  copy_value(b, output->node, b->value_of[output->node->id],
             add_final(b, output->node, output->name, output_place(number)));
}

static void copy_to_slot(builder *b, const order_step *s) {
  const graph_value *update = &b->graph->updates[s->number];
  int from = s->from_aside ? b->aside[s->number] : b->value_of[update->node->id];
  copy_value(b, update->node, from,
             add_final(b, update->node, update->name, code_slot_place(b, update->name)));
}

static void set_aside(builder *b, int number) {
  const node *n = b->graph->updates[number].node;
  b->aside[number] = add_value(b, n, arena_printf(b->arena, "copy of %s", node_text(n, 0)));
  copy_value(b, n, b->value_of[n->id], b->aside[number]);
}

/* ---- loops ------------------------------------------------------------------------------------ */

static builder *build(arena *a, module *m, const graph *g, builder *outer, planned_loop *loop);

static int64_t scratch_of(const builder *b) { return b ? plan_aligned(b->plan.scratch_bytes) : 0; }

int64_t code_frame_bytes(const planned_loop *l) {
  return l->condition ? l->goes_on + PLAN_ALIGNMENT : scratch_of(l->body);
}

static int64_t all_frames_bytes(const planned_loop *l) {
  return code_frame_bytes(l) * (l->tasks ? l->tasks : 1);
}

/* What the kernels of a graph do: cycles of products, operations of others, of which tasks take as many. */
static double work_of(const fusion *f) {
  double work = 0;
  for (int i = 0; i < f->group_count; i++)
    work += f->groups[i]->heart ? f->groups[i]->schedule.cycles : (double)f->groups[i]->operations;
  return work;
}

static bool has_tasks(const builder *b) {
  for (int i = 0; i < b->step_count; i++)
    if (b->steps[i].kernel && loop_tasks(b->steps[i].kernel)) return true;
  return false;
}

static bool has_loops(const builder *b) {
  for (int i = 0; i < b->fusion->group_count; i++)
    if (b->loops[i]) return true;
  return false;
}

/* Tasks share out turns that carry nothing, each with work enough, and with little scratch: what a turn's kernels write for
 * each other then stays in the caches of one core, and threads meet once, not after each kernel. Kernels that have tasks
 * themselves lose them, so these must be many, for any size of a call. Turns with loops are not shared out: the turns of
 * those may be. */
static int tasks_of(const planned_loop *l) {
  enum { MANY = 16, MOST = 64, BYTES = 8 << 20 };
  const loop_shape *s = &l->shape;
  if (s->carries || l->condition || has_loops(l->body)) return 0;
  const double enough = work_of(l->body->fusion) * (double)s->turns / CONTRACTION_TASK_CYCLES;
  const int64_t frame = code_frame_bytes(l), frames = frame ? BYTES / frame : MOST;
  const int64_t tasks = (int64_t)fmin(fmin((double)s->turns, enough), fmin((double)frames, MOST));
  if (has_tasks(l->body)) return tasks < MANY || s->size ? 0 : (int)tasks;
  return tasks < 2 ? 0 : (int)tasks;
}

/* The member of the loop's group that is the result of this number; NULL: nothing reads it. */
static const node *result_of(const group *g, int number) {
  for (int i = 0; i < g->output_count; i++)
    if (result_number(g->outputs[i]) == number) return g->outputs[i];
  return NULL;
}

static int64_t result_bytes(const planned_loop *l, int number) {
  int64_t bytes = type_bytes(&l->shape.body->outputs[number].node->type);
  return number < l->shape.carries ? bytes : bytes * l->shape.turns;
}

/* Plans the turns of a loop, so that it is known what they need. */
static planned_loop *plan_turns(builder *b, group *g) {
  planned_loop *l = arena_new_of(b->arena, planned_loop);
  *l = (planned_loop){.node = g->members[0], .shape = loop_shape_of(g->members[0]), .frame = -1};
  l->body = build(b->arena, b->module, loop_body_graph(b->arena, &l->shape, false), b, l);
  if (l->shape.condition)
    l->condition = build(b->arena, b->module, loop_body_graph(b->arena, &l->shape, true), b, l);
  code_pack_further(b, l);
  int64_t body = scratch_of(l->body), condition = scratch_of(l->condition);
  l->goes_on = body > condition ? body : condition;
  l->tasks = tasks_of(l);
  g->scratch_bytes = all_frames_bytes(l);
  for (int i = 0; i < l->packing_count; i++)
    if (l->packings[i].further < 0) g->scratch_bytes += plan_aligned(code_packed_bytes(l->packings[i].kernel));
  for (int i = 0; i < l->shape.body->output_count; i++)
    if (!result_of(g, i)) g->scratch_bytes += plan_aligned(result_bytes(l, i));
  return l;
}

/* Values of the loop's results, and of its scratch, which lives as long as the step. */
static void add_loop_values(builder *b, planned_loop *l, const group *g, plan_step *s) {
  arena *a = b->arena;
  const graph *body = l->shape.body;
  l->results = arena_array_of(a, body->output_count, int);
  for (int i = 0; i < body->output_count; i++) {
    const node *n = result_of(g, i);
    if (n) {
      l->results[i] = b->value_of[n->id];
      continue;
    }
    l->results[i] = plan_add_value(a, &b->plan, plan_value_of(body->outputs[i].name, NULL,
                                                              result_bytes(l, i)));
    plan_add_write(a, s, l->results[i]);
  }
  if (code_frame_bytes(l) == 0) return;
  l->frame = plan_add_value(a, &b->plan, plan_value_of("scratch of turns", NULL, all_frames_bytes(l)));
  plan_add_write(a, s, l->frame);
}

static void call_zeros(builder *b, const planned_loop *l, int result) {
  const tensor_type type = loop_result_type(&l->shape, result);
  loop_kernel *k = lower_zeros(b->arena, b->module->target, &type);
  planned_step *c = add_call(b, k, "_zeros");
  code_add_argument(b, c, l->results[result]);
  if (k->parameter_count > 1) code_add_argument(b, c, CONTEXT);
}

/* Before the first turn: carries that do not begin where they live are copied there, or cleared, and stacks that
 * may stay unfinished are zero. */
static void call_before_turns(builder *b, const planned_loop *l) {
  for (int i = 0; i < l->shape.body->output_count; i++) {
    const bool carry = i < l->shape.carries;
    if (carry ? group_begins_as_zeros(l->node, i) : l->condition != NULL) call_zeros(b, l, i);
    else if (carry && b->plan.values[l->results[i]].shares != l->operands[i])
      call_copy(b, l->node->operands[i], l->operands[i], l->results[i]);
  }
}

static void run_loop(builder *b, const group *g) {
  planned_loop *l = b->loops[g->id];
  plan_step *s = plan_add_step(b->arena, &b->plan, "a loop");
  l->operands = arena_array_of(b->arena, l->node->operand_count, int);
  for (int i = 0; i < l->node->operand_count; i++)
    l->operands[i] = b->value_of[group_root(l->node->operands[i])->id];
  add_group_values(b, s, g);
  add_loop_values(b, l, g, s);
  code_call_packings(b, l, s);
  call_before_turns(b, l);
  arena_push(b->arena, b->steps, b->step_count) = (planned_step){.loop = l, .group = g};
}

/* ---- the plan --------------------------------------------------------------------------------- */

static void add_steps(builder *b) {
  lowering l = {.arena = b->arena, .target = b->module->target, .math = b->module->math,
                .graph = b->graph, .fusion = b->fusion};
  int first = 0; /* of the parts of the plan's last step */
  for (int i = 0; i < b->order->count; i++) {
    const order_step *s = &b->order->steps[i];
    switch (s->kind) {
      case ORDER_KERNEL:
        if (s->group->kind == GROUP_LOOP) run_loop(b, s->group);
        else call_group(b, &l, s->group);
        break;
      case ORDER_JOIN: join_parts(b, s->group); break;
      case ORDER_COPY_OUTPUT: copy_to_output(b, s->number); break;
      case ORDER_COPY_UPDATE: copy_to_slot(b, s); break;
      case ORDER_SET_ASIDE: set_aside(b, s->number); break;
    }
    for (; first < b->step_count; first++) b->steps[first].planned = b->plan.step_count - 1;
  }
}

/* Calls of an entry that writes no slot are many. A loop's condition may end it at any turn. */
static fuse_runs runs_of(const builder *b) {
  enum { OPEN = 16, CALLS = 1000 };
  const planned_loop *l = b->loop;
  const double calls = b->graph->update_count ? 1 : CALLS;
  if (!l) return (fuse_runs){calls, calls, NULL};
  const double turns = l->shape.turns ? (double)l->shape.turns : OPEN;
  double *inputs = arena_array_of(b->arena, b->graph->input_count, double);
  for (int i = 0; i < b->graph->input_count; i++)
    inputs[i] = i <= l->shape.sequences
                    ? 1 : turns * fuse_runs_alike(&b->outer->runs, b->outer->graph, code_outside_of(l, i));
  return (fuse_runs){turns * b->outer->runs.constants, 1, inputs};
}

static builder *build(arena *a, module *m, const graph *g, builder *outer, planned_loop *loop) {
  builder *b = arena_new_of(a, builder);
  *b = (builder){.arena = a, .module = m, .graph = g, .outer = outer, .loop = loop,
                 .depth = outer ? outer->depth + 1 : 0};
  b->runs = runs_of(b);
  b->fusion = fuse(a, g, m->target, b->runs);
  b->loops = arena_array_of(a, b->fusion->group_count, planned_loop *);
  for (int i = 0; i < b->fusion->group_count; i++)
    if (b->fusion->groups[i]->kind == GROUP_LOOP) b->loops[i] = plan_turns(b, b->fusion->groups[i]);
  b->order = order_groups(a, b->fusion);
  b->value_of = arena_array_of(a, g->node_count, int);
  for (int id = 0; id < g->node_count; id++) b->value_of[id] = -1;
  b->aside = arena_array_of(a, g->update_count, int);
  add_outside_values(b);
  add_computed_values(b);
  add_steps(b);
  plan_place(&b->plan);
  const char *fault = plan_check(a, &b->plan);
  if (fault) internal_error("memory of %s: %s", g->name, fault);
  return b;
}

void code_build_entry(arena *a, module *m, const graph *g, const char *name, module_entry *e) {
  const builder *b = build(a, m, g, NULL, NULL);
  *e = (module_entry){.name = name, .graph = g, .writes = g->update_count > 0};
  e->code = code_places(b);
  e->plan = arena_new_of(a, plan);
  *e->plan = b->plan;
  e->scratch_bound = b->order->bound;
  if (e->plan->scratch_bytes > m->scratch_bytes) m->scratch_bytes = e->plan->scratch_bytes;
}
