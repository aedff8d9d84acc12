/* Fusion: every node that does work starts as a kernel of its own; then a heap of pairs of kernels,
 * producer and consumer or readers of one value, is merged by the time that it saves. */
#include "fuse.h"

#include "lower.h"

enum { MOST_MEMBERS = 64, MOST_SIBLINGS = 8, MOST_STEPS = 100 };

/* ---- which nodes are kernels ----------------------------------------------------------------- */

static bool from_outside(const node *n) { return n->op == OP_INPUT || n->op == OP_SLOT; }

/* Values that cost no memory traffic: functions of constants, indices and scalars. */
static bool is_light(const fusion *f, const node *n) {
  double value;
  if (from_outside(n) || f->group_of[n->id] >= 0) return n->type.rank == 0;
  if (n->op == OP_CONSTANT) return node_is_splat(n, &value);
  if (n->op == OP_KEY) return false;
  for (int i = 0; i < n->operand_count; i++)
    if (!is_light(f, n->operands[i])) return false;
  return true;
}

/* A cast of an argument that reads no more bytes than the result has. */
static bool is_widening(const fusion *f, const node *n) {
  if (n->op != OP_CAST) return false;
  const node *from = n->operands[0];
  if (dtype_size(from->type.element) > dtype_size(n->type.element)) return false;
  while (op_has(from->op, VIEW) && f->group_of[from->id] < 0 && from->operand_count == 1)
    from = from->operands[0];
  return from_outside(from);
}

static bool is_cheap(const fusion *f, const node *n) {
  if (n->op != OP_MAP && n->op != OP_CAST) return false;
  if (is_widening(f, n)) return true;
  for (int i = 0; i < n->operand_count; i++)
    if (!is_light(f, n->operands[i])) return false;
  return n->type.rank == 0 || n->op == OP_CAST || n->function < SCALAR_SQRT ||
         n->function >= SCALAR_EQ;
}

static bool is_kernel(const fusion *f, const node *n) {
  double value;
  if (from_outside(n)) return false;
  if (f->stored[n->id] || op_has(n->op, CONTRACTION) || op_has(n->op, REDUCTION) ||
      op_has(n->op, OPAQUE) || op_has(n->op, LOOP))
    return true;
  if (n->op == OP_CONSTANT) return !node_is_splat(n, &value);
  return (n->op == OP_MAP || n->op == OP_CAST || n->op == OP_BITS) && !is_cheap(f, n);
}

static void mark_stored(fusion *f, const int *uses) {
  const graph *g = f->graph;
  for (int i = 0; i < g->output_count; i++) f->stored[g->outputs[i].node->id] = true;
  for (int i = 0; i < g->update_count; i++) f->stored[g->updates[i].node->id] = true;
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    for (int i = 0; uses[id] && op_has(n->op, CONTRACTION) && i < n->operand_count; i++)
      f->stored[contraction_operand_root(f->arena, n, i).root->id] = true;
    for (int i = 0; uses[id] && (op_has(n->op, OPAQUE) || n->op == OP_LOOP) && i < n->operand_count; i++)
      if (!group_begins_as_zeros(n, i)) f->stored[group_root(n->operands[i])->id] = true;
  }
}

static void add_reader(fusion *f, node *read, node *reader) {
  node **readers = f->readers[read->id];
  int count = f->reader_count[read->id];
  if (count > 0 && readers[count - 1] == reader) return; /* readers come one after the other */
  arena_push(f->arena, f->readers[read->id], f->reader_count[read->id]) = reader;
}

/* Adds a reader to what it reads, through nodes that are computed where they are read. Each of
 * these is looked at once per reader: seen[id] is the last reader. */
static void add_reads(fusion *f, node *n, node *reader, node **seen) {
  if (seen[n->id] == reader) return;
  seen[n->id] = reader;
  if (from_outside(n) || f->group_of[n->id] >= 0) {
    add_reader(f, n, reader);
    return;
  }
  for (int i = 0; i < n->operand_count; i++) add_reads(f, n->operands[i], reader, seen);
}

static void find_readers(fusion *f) {
  node **seen = arena_array_of(f->arena, f->graph->node_count, node *);
  f->readers = arena_array_of(f->arena, f->graph->node_count, node **);
  f->reader_count = arena_array_of(f->arena, f->graph->node_count, int);
  for (int id = 0; id < f->graph->node_count; id++) {
    node *n = f->graph->nodes[id];
    if (f->group_of[id] < 0 || n->op == OP_RESULT) continue;
    for (int i = 0; i < n->operand_count; i++) {
      bool whole = op_has(n->op, CONTRACTION);
      node *operand = whole ? contraction_operand_root(f->arena, n, i).root
                            : n->operands[i];
      add_reads(f, operand, n, seen);
    }
  }
}

/* What it takes at most to compute an element of a node where it is read: nodes on the way, and
 * kernels and arguments that are read. */
typedef struct reach {
  int steps, inputs;
} reach;

static reach reach_of_operands(const node *n, const reach *known) {
  reach sum = {1, 0};
  for (int i = 0; i < n->operand_count; i++) {
    bool again = false;
    for (int k = 0; k < i && op_has(n->op, ELEMENT) && !op_has(n->op, VIEW); k++)
      again = again || n->operands[k] == n->operands[i];
    if (again) continue; /* the same element */
    sum.steps += known[n->operands[i]->id].steps;
    sum.inputs += known[n->operands[i]->id].inputs;
  }
  return sum;
}

/* Makes kernels of what would be computed where it is read but is too much for one kernel. The widest
 * operands go first; concat_split bounds how many there are. */
static void bound_reads(fusion *f, const int *uses) {
  const graph *g = f->graph;
  reach *known = arena_array_of(f->arena, g->node_count, reach);
  for (int id = 0; id < g->node_count; id++) {
    const node *n = g->nodes[id];
    reach sum = reach_of_operands(n, known);
    while (uses[id] && (sum.steps > MOST_STEPS || sum.inputs > FUSE_MOST_INPUTS)) {
      const node *widest = NULL;
      for (int i = 0; i < n->operand_count; i++) {
        const node *o = n->operands[i];
        if (known[o->id].steps > 0 && (!widest || known[o->id].steps > known[widest->id].steps))
          widest = o;
      }
      if (!widest) break;
      f->group_of[widest->id] = 0;
      known[widest->id] = (reach){0, 1};
      sum = reach_of_operands(n, known);
    }
    bool stored = from_outside(n) || f->group_of[id] >= 0;
    known[id] = stored ? (reach){0, 1} : sum;
  }
}

static group *add_group(fusion *f, node *const *members, int count) {
  group *g = group_form(f->arena, f, members, count);
  if (!g) internal_error("graph %s: no kernel for node %d", f->graph->name, members[0]->id);
  g->id = f->group_count;
  for (int i = 0; i < count; i++) f->group_of[members[i]->id] = g->id;
  arena_push(f->arena, f->groups, f->group_count) = g;
  return g;
}

/* The loop and those of its results that are used. */
static void add_loop(fusion *f, node *loop) {
  node **members = NULL;
  int count = 0;
  arena_push(f->arena, members, count) = loop;
  for (int id = loop->id + 1; id < f->graph->node_count; id++) {
    node *n = f->graph->nodes[id];
    if (n->op == OP_RESULT && n->operands[0] == loop && f->group_of[id] >= 0)
      arena_push(f->arena, members, count) = n;
  }
  add_group(f, members, count);
}

static void start(fusion *f) {
  const graph *g = f->graph;
  const int *uses = graph_uses(g, f->arena);
  f->stored = arena_array_of(f->arena, g->node_count, bool);
  f->group_of = arena_array_of(f->arena, g->node_count, int);
  for (int id = 0; id < g->node_count; id++) f->group_of[id] = -1;
  mark_stored(f, uses);
  for (int id = 0; id < g->node_count; id++)
    if (uses[id] && is_kernel(f, g->nodes[id])) f->group_of[id] = 0;
  bound_reads(f, uses);
  find_readers(f);
  for (int id = 0; id < g->node_count; id++) {
    node *n = g->nodes[id];
    if (f->group_of[id] < 0 || n->op == OP_RESULT) continue;
    if (n->op == OP_LOOP) add_loop(f, n);
    else add_group(f, &n, 1);
  }
}

/* ---- merging --------------------------------------------------------------------------------- */

typedef struct candidate {
  double gain;
  int first, second; /* groups */
} candidate;

typedef struct merger {
  fusion *fusion;
  arena *trial; /* for groups that are only looked at */
  candidate *heap;
  int heap_count;
  int *seen; /* by group: the last search that met it */
  int seen_count, search;
} merger;

static bool precedes(const candidate *x, const candidate *y) {
  if (x->gain != y->gain) return x->gain > y->gain;
  return x->first != y->first ? x->first < y->first : x->second < y->second;
}

static void heap_push(merger *m, candidate c) {
  arena_push(m->fusion->arena, m->heap, m->heap_count) = c;
  int at = m->heap_count - 1;
  for (; at > 0 && precedes(&c, &m->heap[(at - 1) / 2]); at = (at - 1) / 2)
    m->heap[at] = m->heap[(at - 1) / 2];
  m->heap[at] = c;
}

static candidate heap_pop(merger *m) {
  candidate top = m->heap[0], last = m->heap[--m->heap_count];
  int at = 0;
  for (int child = 1; child < m->heap_count; child = 2 * at + 1) {
    if (child + 1 < m->heap_count && precedes(&m->heap[child + 1], &m->heap[child])) child++;
    if (!precedes(&m->heap[child], &last)) break;
    m->heap[at] = m->heap[child];
    at = child;
  }
  m->heap[at] = last;
  return top;
}

static int first_id(const group *g) { return g->members[0]->id; }

/* True where values flow from one group to another, not counting the direct way from `start_of`. A
 * group is one step: what enters it anywhere may leave it anywhere, so that ids tell nothing. */
static bool reaches(merger *m, const group *from, const group *start_of, const group *to) {
  const fusion *f = m->fusion;
  for (int i = 0; i < from->output_count; i++) {
    const node *n = from->outputs[i];
    for (int r = 0; r < f->reader_count[n->id]; r++) {
      int next = f->group_of[f->readers[n->id][r]->id];
      if (next == from->id || next == start_of->id) continue;
      if (next == to->id) {
        if (from != start_of) return true;
        continue;
      }
      if (m->seen[next] == m->search) continue;
      m->seen[next] = m->search;
      if (reaches(m, f->groups[next], start_of, to)) return true;
    }
  }
  return false;
}

static bool separated(merger *m, const group *x, const group *y) {
  m->search++;
  if (reaches(m, x, x, y)) return true;
  m->search++;
  return reaches(m, y, y, x);
}

static node **joined(arena *a, const group *x, const group *y) {
  node **members = arena_array_of(a, x->member_count + y->member_count, node *);
  for (int i = 0, k = 0; i + k < x->member_count + y->member_count;) {
    bool from_x = k == y->member_count ||
                  (i < x->member_count && x->members[i]->id < y->members[k]->id);
    members[i + k] = from_x ? x->members[i] : y->members[k];
    from_x ? i++ : k++;
  }
  return members;
}

static bool reads_from(const group *reader, const group *from) {
  for (int i = 0; i < reader->input_count; i++)
    if (group_output(from, reader->inputs[i]) >= 0) return true;
  return false;
}

/* True where the maps of one group may belong to the epilogue of the other. */
static bool extends(const group *maps, const group *product) {
  return maps->kind == GROUP_MAP && product->kind == GROUP_CONTRACTION &&
         (reads_from(maps, product) || reads_from(product, maps));
}

/* The time that one kernel in place of two saves; negative where that cannot be. */
static double gain_of(const merger *m, const group *x, const group *y) {
  const fusion *f = m->fusion;
  if ((x->kind > GROUP_ROW || y->kind > GROUP_ROW) && !extends(x, y) && !extends(y, x)) return -1;
  if (x->member_count + y->member_count > MOST_MEMBERS) return -1;
  group *both = group_form(m->trial, f, joined(m->trial, x, y), x->member_count + y->member_count);
  double gain = both ? group_cost(f, x) + group_cost(f, y) - group_cost(f, both) : -1;
  arena_clear(m->trial);
  return gain;
}

static void consider(merger *m, int x, int y) {
  if (x == y) return;
  candidate c = {.first = x < y ? x : y, .second = x < y ? y : x};
  c.gain = gain_of(m, m->fusion->groups[c.first], m->fusion->groups[c.second]);
  if (c.gain > 0) heap_push(m, c);
}

/* Pairs of a group with those from number `least` to `most`: producers, consumers and readers of the
 * same values. */
static void consider_neighbours(merger *m, const group *g, int least, int most) {
  fusion *f = m->fusion;
  m->search++;
  m->seen[g->id] = m->search;
  for (int side = 0; side < 2; side++) {
    int count = side ? g->output_count : g->input_count;
    for (int i = 0; i < count; i++) {
      const node *n = side ? g->outputs[i] : g->inputs[i];
      int readers = f->reader_count[n->id], producer = f->group_of[n->id];
      if (!side && (type_elements(&n->type) == 1 || readers > MOST_SIBLINGS)) readers = 0;
      for (int r = -1; r < readers; r++) {
        int other = r < 0 ? producer : f->group_of[f->readers[n->id][r]->id];
        if (other < least || other > most || m->seen[other] == m->search) continue;
        m->seen[other] = m->search;
        consider(m, g->id, other);
      }
    }
  }
}

static void make_room(merger *m, int count) {
  m->seen = arena_grow(m->fusion->arena, m->seen, (size_t)m->seen_count, (size_t)count,
                       sizeof *m->seen);
  m->seen_count = count;
}

static group *merge(merger *m, const group *x, const group *y) {
  fusion *f = m->fusion;
  int count = x->member_count + y->member_count;
  f->groups[x->id] = f->groups[y->id] = NULL;
  return add_group(f, joined(f->arena, x, y), count);
}

static bool is_scalar(const group *g) {
  for (int i = 0; i < g->output_count; i++)
    if (type_elements(&g->outputs[i]->type) > 1) return false;
  return g->kind == GROUP_MAP;
}

/* Scalars, such as the counters of an optimiser, are computed together though they have nothing in
 * common. */
static void merge_scalars(merger *m) {
  fusion *f = m->fusion;
  group *into = NULL;
  for (int i = 0, count = f->group_count; i < count; i++) {
    group *g = f->groups[i];
    if (!g || !is_scalar(g)) continue;
    if (into && gain_of(m, into, g) > 0 && !separated(m, into, g))
      into = merge(m, into, g);
    else
      into = g;
  }
}

/* ---- sums behind products -------------------------------------------------------------------- */

/* Members of a group of rows: its sums with what they are made of, and the others. */
typedef struct parted {
  node **sums, **others;
  int sum_count, other_count;
} parted;

static parted part_members(arena *a, const fusion *f, const group *g) {
  parted p = {0};
  const int first = first_id(g), last = g->members[g->member_count - 1]->id;
  bool *summed = arena_array_of(a, f->graph->node_count, bool); /* what is no member may lie in between */
  for (int id = last; id >= first; id--) {
    const node *n = f->graph->nodes[id];
    summed[id] = summed[id] || (group_member(g, n) >= 0 && op_has(n->op, REDUCTION));
    for (int i = 0; summed[id] && i < n->operand_count; i++) summed[n->operands[i]->id] = true;
  }
  for (int i = 0; i < g->member_count; i++)
    if (summed[g->members[i]->id]) arena_push(a, p.sums, p.sum_count) = g->members[i];
    else arena_push(a, p.others, p.other_count) = g->members[i];
  return p;
}

/* The time that is saved where the product's kernel forms the sums and one of its own does the rest, which then must not
 * read again what is summed. */
static double gain_of_sums(arena *a, const fusion *f, const group *product, const group *rows, const parted *p) {
  enum { PARTS = 1000 }; /* a small kernel may have to add them up */
  const int count = product->member_count + p->sum_count;
  const group sums = {.members = p->sums, .member_count = p->sum_count};
  const group *both = count > MOST_MEMBERS ? NULL : group_form(a, f, joined(a, product, &sums), count);
  const group *others = both && p->other_count ? group_form(a, f, p->others, p->other_count) : NULL;
  if (!both || (p->other_count && !others)) return -1;
  const double gain = group_cost(f, product) + group_cost(f, rows) - group_cost(f, both) - (others ? group_cost(f, others) : 0) - PARTS;
  return gain > 0 && !group_may_sum(f, both) ? -1 : gain;
}

static bool has_sums_only(const group *g) {
  for (int i = 0; i < g->member_count; i++)
    if (op_has(g->members[i]->op, REDUCTION) && g->members[i]->op != OP_SUM) return false;
  return g->kind == GROUP_ROW;
}

/* Leaves a group's sums to the product whose results they sum, where that saves time. */
static void move_sums(merger *m, const group *rows) {
  fusion *f = m->fusion;
  if (!has_sums_only(rows)) return;
  for (int i = 0; i < rows->input_count; i++) {
    const int id = f->group_of[rows->inputs[i]->id];
    const group *product = id < 0 ? NULL : f->groups[id];
    if (!product || product->kind != GROUP_CONTRACTION || separated(m, product, rows)) continue;
    const parted p = part_members(m->trial, f, rows);
    if (gain_of_sums(m->trial, f, product, rows, &p) > 0) {
      const group sums = {.members = p.sums, .member_count = p.sum_count};
      f->groups[product->id] = f->groups[rows->id] = NULL;
      add_group(f, joined(f->arena, product, &sums), product->member_count + p.sum_count);
      if (p.other_count > 0) add_group(f, p.others, p.other_count);
      i = rows->input_count;
    }
    arena_clear(m->trial);
  }
}

static void move_all_sums(merger *m) {
  fusion *f = m->fusion;
  make_room(m, 4 * f->group_count + 1); /* two for each, and then scalars */
  for (int i = 0, count = f->group_count; i < count; i++)
    if (f->groups[i]) move_sums(m, f->groups[i]);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void merge_all(fusion *f) {
  merger m = {.fusion = f, .trial = arena_new()};
  make_room(&m, 2 * f->group_count + 1);
  for (int i = 0; i < f->group_count; i++) consider_neighbours(&m, f->groups[i], 0, i);
  while (m.heap_count > 0) {
    candidate best = heap_pop(&m);
    group *x = f->groups[best.first], *y = f->groups[best.second];
    if (!x || !y || separated(&m, x, y)) continue;
    const group *both = merge(&m, x, y);
    consider_neighbours(&m, both, 0, both->id);
  }
  move_all_sums(&m);
  merge_scalars(&m);
  arena_free(m.trial);
}

/* ---- prologues ------------------------------------------------------------------------------- */

static bool is_result(const graph *g, const node *n) {
  if (graph_output_number(g, n) >= 0) return true;
  for (int i = 0; i < g->update_count; i++)
    if (g->updates[i].node == n) return true;
  return false;
}

/* Where contractions alone read what maps make, and computing it while they copy it takes less time
 * than storing it, the maps are their prologue. */
static void absorb(fusion *f, const group *maps) {
  const node *n = maps->outputs[0];
  int count = f->reader_count[n->id];
  if (maps->kind != GROUP_MAP || maps->output_count != 1 || is_result(f->graph, n)) return;
  group **products = arena_array_of(f->arena, count, group *);
  double gain = group_cost(f, maps);
  for (int i = 0; i < count; i++) {
    const node *reader = f->readers[n->id][i];
    int id = f->group_of[reader->id];
    double longer;
    if (id < 0 || f->groups[id]->heart != reader) return;
    products[i] = group_absorb(f->arena, f, f->groups[id], maps, &longer);
    if (!products[i]) return;
    gain -= longer;
  }
  if (gain <= 0) return;
  for (int i = 0; i < count; i++) f->groups[products[i]->id] = products[i];
  for (int i = 0; i < maps->member_count; i++) f->group_of[maps->members[i]->id] = -1;
  f->groups[maps->id] = NULL;
}

static void absorb_all(fusion *f) {
  for (int i = 0; i < f->group_count; i++)
    if (f->groups[i]) absorb(f, f->groups[i]);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Numbers what is left in the order of the first members, and forms each anew: homes and inputs are
 * those of the final groups. */
static void renumber(fusion *f) {
  int count = 0;
  for (int id = 0; id < f->graph->node_count; id++) {
    if (f->group_of[id] < 0) continue;
    group *g = f->groups[f->group_of[id]];
    if (first_id(g) == id) g->id = count++;
  }
  group **groups = arena_array_of(f->arena, count, group *);
  for (int i = 0; i < f->group_count; i++) {
    group *g = f->groups[i];
    if (!g) continue;
    groups[g->id] = g;
    for (int k = 0; k < g->member_count; k++) f->group_of[g->members[k]->id] = -2 - g->id;
  }
  for (int id = 0; id < f->graph->node_count; id++)
    if (f->group_of[id] < -1) f->group_of[id] = -2 - f->group_of[id];
  f->groups = groups;
  f->group_count = count;
}

fusion *fuse(arena *a, const graph *g, const target *t, fuse_runs runs) {
  fusion *f = arena_new_of(a, fusion);
  *f = (fusion){.arena = a, .graph = g, .target = t, .runs = runs};
  start(f);
  merge_all(f);
  absorb_all(f);
  renumber(f);
  for (int i = 0; i < f->group_count; i++)
    if (f->groups[i]->heart) group_complete(f, f->groups[i]);
  return f;
}
