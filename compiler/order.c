#include "order.h"

#include <string.h>

#include "op.h"
#include "order_search.h"
#include "plan.h"

typedef struct step_list {
  int *items;
  int count;
} step_list;

typedef struct orderer {
  arena *arena;
  const fusion *fusion;
  const graph *graph;
  order *order;
  order_step *steps; /* those of groups first, by their ids */
  int step_count;
  order_problem problem; /* its tasks are the steps */
  step_list *readers;    /* by node id: steps that read it; of slots, the old version */
  bool *reached;         /* by step */
  int *block_of;         /* by node id; -1: not in scratch */
  int *aside_block;      /* by update */
} orderer;

/* The update whose value the node is; -1: none. Of several updates with one value the first counts. A value
 * that is an output too is none: it lives there. */
static int update_of(const graph *g, const node *n) {
  if (graph_output_number(g, n) >= 0) return -1;
  for (int i = 0; i < g->update_count; i++)
    if (g->updates[i].node == n) return i;
  return -1;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int add_step(orderer *o, order_step step) {
  arena_push(o->arena, o->steps, o->step_count) = step;
  arena_push(o->arena, o->problem.tasks, o->problem.task_count) = (order_task){0};
  return o->step_count - 1;
}

static void add_edge(orderer *o, int from, int to) {
  order_task *t = &o->problem.tasks[from];
  arena_push(o->arena, t->next, t->next_count) = to;
}

static node *copied(const orderer *o, const order_step *s) {
  return s->kind == ORDER_COPY_OUTPUT ? o->graph->outputs[s->number].node
                                      : o->graph->updates[s->number].node;
}

/* Notes that the step reads the node. */
static void add_read(orderer *o, int step, const node *n) {
  int producer = o->fusion->group_of[n->id];
  step_list *readers = &o->readers[n->id];
  if (producer >= 0) add_edge(o, producer, step);
  arena_push(o->arena, readers->items, readers->count) = step;
}

static int add_copy(orderer *o, order_kind kind, int number) {
  int step = add_step(o, (order_step){.kind = kind, .number = number});
  add_read(o, step, copied(o, &o->steps[step]));
  return step;
}

static bool is_from_outside(const node *n) { return n->op == OP_INPUT || n->op == OP_SLOT; }

static void add_kernels(orderer *o) {
  const fusion *f = o->fusion;
  for (int id = 0; id < f->group_count; id++) add_step(o, (order_step){.group = f->groups[id]});
  for (int id = 0; id < f->group_count; id++)
    for (int i = 0; i < f->groups[id]->input_count; i++) add_read(o, id, f->groups[id]->inputs[i]);
}

/* Outputs that are arguments or slots, and further outputs of one value. */
static void add_output_copies(orderer *o) {
  const graph *g = o->graph;
  for (int i = 0; i < g->output_count; i++) {
    const node *n = g->outputs[i].node;
    if (is_from_outside(n) || graph_output_number(g, n) != i) add_copy(o, ORDER_COPY_OUTPUT, i);
  }
}

/* The step that writes an update's slot, if it may; -1: the slot stays as it is. */
static int writer_of(orderer *o, int update) {
  const node *n = o->graph->updates[update].node;
  if (n->op == OP_SLOT && strcmp(node_text(n, 0), o->graph->updates[update].name) == 0) return -1;
  if (!is_from_outside(n) && update_of(o->graph, n) == update)
    return o->fusion->group_of[n->id];
  return add_copy(o, ORDER_COPY_UPDATE, update);
}

/* ---- memory in common ------------------------------------------------------------------------ */

static bool is_slot(const node *n, const char *path) {
  return n->op == OP_SLOT && strcmp(node_text(n, 0), path) == 0;
}

/* True where the group's own reads of the slot, if any, are where it writes. */
static bool writes_where_it_reads(const group *g, const char *path, const node *value) {
  for (int i = 0; i < g->input_count; i++)
    if (is_slot(g->inputs[i], path) && !group_reads_in_place(g, g->inputs[i], value)) return false;
  return true;
}

/* ---- new versions of slots ------------------------------------------------------------------- */

/* Marks the steps that must come after a step. */
static void reach(orderer *o, int from) {
  int *open = NULL, count = 0;
  memset(o->reached, 0, (size_t)o->step_count * sizeof *o->reached);
  arena_push(o->arena, open, count) = from;
  while (count > 0) {
    const order_task *t = &o->problem.tasks[open[--count]];
    for (int i = 0; i < t->next_count; i++) {
      if (o->reached[t->next[i]]) continue;
      o->reached[t->next[i]] = true;
      arena_push(o->arena, open, count) = t->next[i];
    }
  }
}

/* True where no reader of the slot's old version must come after the writer. */
static bool comes_last(orderer *o, int writer, const char *path) {
  reach(o, writer);
  for (int id = 0; id < o->graph->node_count; id++) {
    const step_list *readers = &o->readers[id];
    for (int i = 0; i < readers->count; i++)
      if (is_slot(o->graph->nodes[id], path) && o->reached[readers->items[i]]) return false;
  }
  return true;
}

/* True where all readers of the slot's old version can come before the writer. */
static bool can_write(orderer *o, int writer, const char *path, const node *value) {
  const group *g = o->steps[writer].group;
  return (!g || writes_where_it_reads(g, path, value)) && comes_last(o, writer, path);
}

/* The readers of the slot's old version come before the writer. */
static void put_last(orderer *o, int writer, const char *path) {
  for (int id = 0; id < o->graph->node_count; id++) {
    const step_list *readers = &o->readers[id];
    for (int i = 0; i < readers->count; i++)
      if (is_slot(o->graph->nodes[id], path) && readers->items[i] != writer)
        add_edge(o, readers->items[i], writer);
  }
}

/* True where no other reader of the value must come after the step. */
static bool readers_come_before(orderer *o, const node *value, int step) {
  const step_list *readers = &o->readers[value->id];
  reach(o, step);
  for (int i = 0; i < readers->count; i++)
    if (o->reached[readers->items[i]]) return false;
  return true;
}

/* The copy of a slot's old version comes in two halves, of which the first keeps the readers' place. */
static void set_aside(orderer *o, int copy) {
  int number = o->steps[copy].number;
  int aside = add_step(o, (order_step){.kind = ORDER_SET_ASIDE, .number = number});
  order_task *first = &o->problem.tasks[aside], *second = &o->problem.tasks[copy];
  first->next = second->next;
  first->next_count = second->next_count;
  second->next = NULL;
  second->next_count = 0;
  add_edge(o, aside, copy);
  o->steps[copy].from_aside = true;
  step_list *readers = &o->readers[o->graph->updates[number].node->id];
  for (int i = 0; i < readers->count; i++)
    if (readers->items[i] == copy) readers->items[i] = aside;
}

/* True where the kernel changes one of its inputs, or copies it first. */
static bool changes_input(const group *g) {
  return g->kind == GROUP_LOOP || (g->kind == GROUP_OPAQUE && g->members[0]->op == OP_SCATTER);
}

/* The value that the writer of v, which lies in the slot of an update, takes over, where that may lie
 * there too: its own writer would copy it else, and comes after the readers of the slot's old version;
 * its other readers come before the writer of v. NULL: none. */
static const node *settle_version(orderer *o, int update, const node *v) {
  const char *path = o->graph->updates[update].name;
  const int last = o->fusion->group_of[v->id];
  const group *g = o->fusion->groups[last];
  for (int i = 0; i < g->input_count; i++) {
    const node *before = g->inputs[i];
    const int writer = o->fusion->group_of[before->id];
    if (writer < 0 || graph_output_number(o->graph, before) >= 0 || update_of(o->graph, before) >= 0 ||
        !changes_input(o->fusion->groups[writer]) || !group_reads_in_place(g, before, v) ||
        !readers_come_before(o, before, last) || !can_write(o, writer, path, before))
      continue;
    put_last(o, writer, path);
    for (int k = 0; k < o->readers[before->id].count; k++)
      if (o->readers[before->id].items[k] != last)
        add_edge(o, o->readers[before->id].items[k], last);
    o->order->home[before->id] = update;
    return before;
  }
  return NULL;
}

static void settle_update(orderer *o, int update, int writer) {
  const graph_value *u = &o->graph->updates[update];
  if (!can_write(o, writer, u->name, u->node)) {
    if (o->steps[writer].group)
      writer = add_copy(o, ORDER_COPY_UPDATE, update);
    else
      set_aside(o, writer);
  }
  put_last(o, writer, u->name);
  if (!o->steps[writer].group) return;
  o->order->home[u->node->id] = update;
  for (const node *v = u->node; v;) v = settle_version(o, update, v);
}

static void settle_updates(orderer *o) {
  int count = o->graph->update_count;
  int *writers = arena_array_of(o->arena, count, int);
  for (int i = 0; i < count; i++) writers[i] = writer_of(o, i);
  /* at most one more step for each update */
  o->reached = arena_array_of(o->arena, o->step_count + count, bool);
  o->order->home = arena_array_of(o->arena, o->graph->node_count, int);
  for (int id = 0; id < o->graph->node_count; id++) o->order->home[id] = -1;
  for (int i = 0; i < count; i++)
    if (writers[i] >= 0) settle_update(o, i, writers[i]);
}

/* ---- blocks of scratch ----------------------------------------------------------------------- */

static bool in_scratch(const orderer *o, const node *n) {
  int owner = o->fusion->group_of[n->id];
  if (owner < 0 || group_output(o->fusion->groups[owner], n) < 0) return false;
  return graph_output_number(o->graph, n) < 0 && o->order->home[n->id] < 0;
}

static int add_block(orderer *o, int64_t bytes) {
  order_problem *p = &o->problem;
  arena_push(o->arena, p->blocks, p->block_count) = (order_block){.bytes = plan_aligned(bytes)};
  return p->block_count - 1;
}

/* True where the parts of a concat lie one after the other in it, each at an aligned place, and are
 * values of scratch that may as well lie there. */
static bool parts_fit(const orderer *o, const node *concat) {
  int64_t start = 0;
  for (int i = 0; i < node_int(concat, 0); i++)
    if (concat->type.dims[i].maximum != 1) return false;
  for (int i = 0; i < concat->operand_count; i++) {
    const node *part = concat->operands[i];
    if (!in_scratch(o, part) || o->order->parts[part->id].whole || o->block_of[part->id] >= 0 ||
        start % PLAN_ALIGNMENT != 0)
      return false;
    for (int k = 0; k < i; k++)
      if (concat->operands[k] == part) return false;
    start += type_bytes(&part->type);
  }
  return true;
}

/* Concats that are kernels of their own and need not be. */
static void join_parts(orderer *o) {
  for (int id = 0; id < o->fusion->group_count; id++) {
    const group *g = o->fusion->groups[id];
    const node *n = g->members[0];
    if (g->member_count != 1 || n->op != OP_CONCAT || !in_scratch(o, n) ||
        o->order->parts[n->id].whole || !parts_fit(o, n))
      continue;
    o->steps[id].kind = ORDER_JOIN;
    o->block_of[n->id] = add_block(o, type_bytes(&n->type));
    int64_t start = 0;
    for (int i = 0; i < n->operand_count; i++) {
      const node *part = n->operands[i];
      o->order->parts[part->id] = (order_part){n, start};
      o->block_of[part->id] = o->block_of[n->id];
      start += type_bytes(&part->type);
    }
  }
}

static void add_blocks(orderer *o) {
  const graph *g = o->graph;
  o->block_of = arena_array_of(o->arena, g->node_count, int);
  o->aside_block = arena_array_of(o->arena, g->update_count, int);
  o->order->parts = arena_array_of(o->arena, g->node_count, order_part);
  for (int id = 0; id < g->node_count; id++) o->block_of[id] = -1;
  join_parts(o);
  for (int id = 0; id < g->node_count; id++)
    if (o->block_of[id] < 0 && in_scratch(o, g->nodes[id]))
      o->block_of[id] = add_block(o, type_bytes(&g->nodes[id]->type));
  for (int i = 0; i < o->step_count; i++)
    if (o->steps[i].kind == ORDER_SET_ASIDE)
      o->aside_block[o->steps[i].number] =
          add_block(o, type_bytes(&g->updates[o->steps[i].number].node->type));
}

static void touch(orderer *o, int step, int block) {
  order_task *t = &o->problem.tasks[step];
  for (int i = 0; i < t->block_count; i++)
    if (t->blocks[i] == block) return;
  if (block >= 0) arena_push(o->arena, t->blocks, t->block_count) = block;
}

static void touch_blocks(orderer *o, int step) {
  const order_step *s = &o->steps[step];
  if (s->group) {
    for (int i = 0; i < s->group->input_count; i++)
      touch(o, step, o->block_of[s->group->inputs[i]->id]);
    for (int i = 0; i < s->group->output_count; i++)
      touch(o, step, o->block_of[s->group->outputs[i]->id]);
    if (s->group->scratch_bytes > 0) touch(o, step, add_block(o, s->group->scratch_bytes));
    return;
  }
  if (s->kind == ORDER_SET_ASIDE || s->from_aside)
    touch(o, step, o->aside_block[s->number]);
  else
    touch(o, step, o->block_of[copied(o, s)->id]);
}

/* ---- inout pairs ----------------------------------------------------------------------------- */

/* True for a value that has a block to itself. */
static bool lies_alone(const orderer *o, const node *n) {
  int owner = o->fusion->group_of[n->id];
  return o->block_of[n->id] >= 0 && !o->order->parts[n->id].whole &&
         o->steps[owner].kind != ORDER_JOIN;
}

static void add_pairs(orderer *o, int step) {
  const group *g = o->steps[step].group;
  order_task *t = &o->problem.tasks[step];
  for (int i = 0; i < g->input_count; i++)
    for (int k = 0; k < g->output_count; k++)
      if (lies_alone(o, g->inputs[i]) && lies_alone(o, g->outputs[k]) &&
          group_reads_in_place(g, g->inputs[i], g->outputs[k]))
        arena_push(o->arena, t->pairs, t->pair_count) = (order_pair){
            .from = o->block_of[g->inputs[i]->id], .to = o->block_of[g->outputs[k]->id]};
}

static bool is_paired(const orderer *o, int step, const node *input, const node *output) {
  const order_task *t = &o->problem.tasks[step];
  const int home = o->order->home[output->id];
  if (home >= 0)
    return is_slot(input, o->graph->updates[home].name) ||
           (o->order->home[input->id] == home && input != output);
  for (int i = 0; i < t->pair_count; i++)
    if (t->pairs[i].used && t->pairs[i].from == o->block_of[input->id] &&
        t->pairs[i].to == o->block_of[output->id])
      return true;
  return false;
}

static void mark_inout(orderer *o, int step) {
  group *g = o->steps[step].group;
  g->inout_output = arena_array_of(o->arena, g->input_count, int);
  for (int i = 0; i < g->input_count; i++) {
    g->inout_output[i] = -1;
    for (int k = 0; k < g->output_count; k++)
      if (is_paired(o, step, g->inputs[i], g->outputs[k])) g->inout_output[i] = k;
  }
}

/* ---- order ----------------------------------------------------------------------------------- */

static void run_search(orderer *o) {
  order_result r = order_search(o->arena, &o->problem);
  if (!r.tasks && o->step_count > 0)
    internal_error("graph %s: kernels wait for each other", o->graph->name);
  o->order->bound = r.bound;
  o->order->count = o->step_count;
  o->order->steps = arena_array_of(o->arena, o->step_count, order_step);
  for (int i = 0; i < o->step_count; i++) o->order->steps[i] = o->steps[r.tasks[i]];
}

order *order_groups(arena *a, const fusion *f) {
  orderer o = {.arena = a, .fusion = f, .graph = f->graph, .order = arena_new_of(a, order)};
  o.readers = arena_array_of(a, f->graph->node_count, step_list);
  add_kernels(&o);
  add_output_copies(&o);
  settle_updates(&o);
  add_blocks(&o);
  for (int step = 0; step < o.step_count; step++) touch_blocks(&o, step);
  for (int step = 0; step < f->group_count; step++) add_pairs(&o, step);
  run_search(&o);
  for (int step = 0; step < f->group_count; step++) mark_inout(&o, step);
  return o.order;
}
