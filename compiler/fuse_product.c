/* Groups with a contraction: which of its axes are cut for slices of the result, and what is settled
 * when all members are known. */
#include "fuse.h"

#include <math.h>

#include "op.h"

/* ---- what several runs have in common -------------------------------------------------------- */

double fuse_runs_alike(const fuse_runs *runs, const graph *g, const node *n) {
  if (n->op == OP_SLOT) return runs->slots;
  const int input = graph_input_number(g, n);
  return runs->inputs && input >= 0 ? runs->inputs[input] : 1;
}

/* An operand that is made of what several runs have in common may be packed ahead of them. What takes the number of a
 * step or a size of the call is not packed. */
static void count_runs(const fusion *f, group *g, int side) {
  const group *maps = g->prologues[side];
  double runs = maps ? f->runs.constants : fuse_runs_alike(&f->runs, f->graph, g->operands[side].root);
  for (int i = 0; maps && i < maps->input_count; i++)
    runs = fmin(runs, fuse_runs_alike(&f->runs, f->graph, maps->inputs[i]));
  g->contraction->operands[side].runs_alike = maps && maps->context ? 0 : runs;
}

bool group_packs(const group *g, int side, const node *input) {
  if (!g->heart || !g->schedule.packed[side]) return false;
  return g->prologues[side] ? group_input(g->prologues[side], input) >= 0
                            : g->operands[side].root == input;
}

bool group_loads(const group *g, const node *input) {
  bool packs = false;
  for (int i = 0; i < g->access_count; i++)
    if (!g->accesses[i].store && g->accesses[i].node == input) return true;
  for (int i = 0; i < 2; i++) {
    bool made = g->prologues[i] ? group_input(g->prologues[i], input) >= 0 : g->operands[i].root == input;
    if (g->heart && made && !g->schedule.packed[i]) return true;
    packs = packs || group_packs(g, i, input);
  }
  return !packs;
}

/* ---- the heart ------------------------------------------------------------------------------- */

bool group_take_heart(arena *a, const fusion *f, group *g) {
  int others = 0, hearts = 0;
  for (int i = 0; i < g->member_count; i++) {
    others += op_has(g->members[i]->op, REDUCTION) && g->members[i]->op != OP_SUM;
    if (!op_has(g->members[i]->op, CONTRACTION)) continue;
    hearts++;
    g->heart = g->members[i];
  }
  if (hearts == 0) return true;
  g->contraction = arena_new_of(a, contraction);
  contraction_of_node(a, g->heart, g->contraction);
  for (int i = 0; i < 2; i++) {
    g->operands[i] = contraction_operand_root(a, g->heart, i);
    contraction_operand_strided(&g->contraction->operands[i], NULL, g->operands[i].base,
                                g->operands[i].strides);
    count_runs(f, g, i);
    if (group_member(g, g->operands[i].root) >= 0) return false;
  }
  return hearts == 1 && others == 0;
}

/* ---- sums ------------------------------------------------------------------------------------ */

bool group_is_sum(const group *g, const node *output) { return g->heart && op_has(output->op, REDUCTION); }

bool group_may_sum(const fusion *f, const group *g) {
  const contraction *c = g->contraction;
  bool several = false;
  for (int a = 0; a < c->axis_count; a++)
    several = several || (!c->axes[a].reduced && c->axes[a].extent > 1 && g->summed[contraction_output_number(c, a)] &&
                          !(contraction_depends(&c->operands[0], a) && contraction_depends(&c->operands[1], a)));
  if (!several) return false;
  const contraction_schedule s = contraction_schedule_find(c, f->target);
  return s.vector_axis < 0 || c->axes[s.vector_axis].reduced || c->axes[s.vector_axis].stride == 1;
}

int64_t group_output_parts(const group *g, const node *output) {
  int64_t parts = 1;
  for (int a = 0; group_is_sum(g, output) && a < g->contraction->axis_count; a++) {
    const contraction_axis *x = &g->contraction->axes[a];
    if (!x->reduced && !x->covered && g->summed[contraction_output_number(g->contraction, a)]) parts *= g->schedule.parts[a];
  }
  return parts;
}

/* ---- cuts ------------------------------------------------------------------------------------ */

/* Neighbouring elements that the slice takes of its operand in one piece, where it is one of a few
 * equal parts; 0: it is none. */
static int64_t piece_of(const node *slice) {
  enum { MOST_PARTS = 8 };
  const tensor_type *from = &slice->operands[0]->type, *type = &slice->type;
  int64_t parts = type_elements(from) / type_elements(type), piece = 1;
  int axis = -1;
  for (int i = 0; i < type->rank; i++) {
    if (axis >= 0) piece *= type->dims[i].maximum;
    if (from->dims[i].maximum == type->dims[i].maximum) continue;
    if (axis >= 0 || from->dims[i].maximum % type->dims[i].maximum != 0) return 0;
    axis = i;
    piece = type->dims[i].maximum;
  }
  return axis >= 0 && parts <= MOST_PARTS ? piece : 0;
}

int group_cuts(const group *g, node *const *nodes, int count, group_cut *cuts, int most) {
  const contraction *c = g->contraction;
  int found = 0;
  for (int i = 0; i < count; i++) {
    int64_t piece = nodes[i]->op == OP_SLICE ? piece_of(nodes[i]) : 0;
    for (int axis = 0; piece > 0 && axis < c->axis_count && found < most; axis++) {
      if (c->axes[axis].reduced || piece % c->axes[axis].stride != 0) continue;
      group_cut cut = {axis, piece / c->axes[axis].stride};
      if (cut.inside >= c->axes[axis].extent || c->axes[axis].extent % cut.inside != 0) continue;
      bool known = false;
      for (int k = 0; k < found; k++)
        known = known || (cuts[k].axis == axis && cuts[k].inside == cut.inside);
      if (!known) cuts[found++] = cut;
    }
  }
  return found;
}

const index_expr *const *group_part(arena *a, const group *g, const index_expr *const *at, int rank,
                                    int64_t part) {
  const index_expr **r = arena_array_of(a, MAX_RANK, const index_expr *);
  const index_expr *values[2 * MAX_RANK] = {0};
  values[g->outer_rank] = index_constant(a, part);
  for (int i = 0; i < rank; i++) r[i] = index_substitute(a, at[i], values);
  return r;
}

/* ---- prologues ------------------------------------------------------------------------------- */

/* The operand that alone has the root, of which no other part of the kernel reads anything. */
static int operand_with(const group *g, const node *root) {
  int found = -1;
  for (int i = 0; i < 2; i++)
    if (!g->prologues[i] && g->operands[i].root == root) found = found < 0 ? i : 2;
  for (int i = 0; i < g->access_count; i++)
    if (g->accesses[i].node == root) return -1;
  return found < 2 ? found : -1;
}

/* Inputs of the product without the root, and with those of the maps. */
static void join_inputs(arena *a, group *g, const group *product, const node *root,
                        const group *maps) {
  g->inputs = NULL;
  g->input_count = 0;
  for (int i = 0; i < product->input_count + maps->input_count; i++) {
    node *n = i < product->input_count ? product->inputs[i]
                                       : maps->inputs[i - product->input_count];
    if (n != root && group_input(g, n) < 0) arena_push(a, g->inputs, g->input_count) = n;
  }
}

static const loop_expr *no_kernel(arena *a, const contraction_operand *o, loop_block *block,
                                  const loop_expr *const *index, int along, int lanes) {
  (void)a, (void)block, (void)index, (void)along, (void)lanes;
  internal_error("an operand of %d axes is computed before it has a kernel", o->rank);
}

/* True where all that the maps read lies side by side along an axis of the operand, or in one place. */
static bool runs_along(const group *maps, int axis) {
  for (int i = 0; i < maps->access_count; i++) {
    int64_t factor;
    if (!index_linear(maps->accesses[i].position, axis, &factor) || factor < 0 || factor > 1)
      return false;
  }
  return true;
}

static void compute_operand(contraction_operand *o, const group *maps, const target *t) {
  int weight = 0;
  for (int i = 0; i < maps->member_count; i++) weight += group_weight(maps->members[i]);
  o->element = no_kernel;
  o->element_cycles = (double)weight * 4 / t->vector_bytes;
  for (int i = 0; i < o->rank; i++) o->runs[i] = runs_along(maps, i);
}

group *group_absorb(arena *a, const fusion *f, const group *product, const group *maps,
                    double *cycles) {
  const node *root = maps->outputs[0];
  int side = operand_with(product, root);
  if (side < 0) return NULL;
  node *operand = product->heart->operands[side];
  group *prologue = group_of_operand(a, f, maps->members, maps->member_count, operand);
  if (!prologue || product->contraction->operands[side].rank != operand->type.rank) return NULL;
  group *g = arena_new_of(a, group);
  *g = *product;
  g->prologues[side] = prologue;
  g->context = g->context || prologue->context;
  g->contraction = arena_new_of(a, contraction);
  *g->contraction = *product->contraction;
  join_inputs(a, g, product, root, prologue);
  compute_operand(&g->contraction->operands[side], prologue, f->target);
  count_runs(f, g, side);
  *cycles = contraction_schedule_find(g->contraction, f->target).cycles -
            contraction_schedule_find(product->contraction, f->target).cycles;
  return g->input_count + g->output_count <= GROUP_BUFFERS ? g : NULL;
}

/* ---- completion ------------------------------------------------------------------------------ */

/* An output of the sums' type that is stored where they belong, in memory that it cannot have in
 * common with an input. */
static int holder_of_sums(arena *a, const group *g) {
  const index_expr *const *home = g->homes[group_member(g, g->heart)];
  const index_expr *position = index_flatten(a, &g->heart->type, home);
  for (int o = 0; o < g->output_count; o++) {
    const node *n = g->outputs[o];
    bool shared = false;
    for (int i = 0; i < g->input_count; i++)
      shared = shared || group_reads_in_place(g, g->inputs[i], n);
    if (!shared && n->type.element == g->contraction->element &&
        index_equal(index_flatten(a, &n->type, g->homes[group_member(g, n)]), position))
      return o;
  }
  return -1;
}

/* Elements that maps behind the product read and write for every sum. */
static double epilogue_elements(const group *g) {
  double count = 0;
  for (int i = 0; i < g->output_count; i++) count += (double)type_elements(&g->outputs[i]->type);
  for (int i = 0; i < g->input_count; i++) {
    bool operand = false;
    for (int k = 0; k < 2; k++)
      operand = operand || (g->prologues[k] ? group_input(g->prologues[k], g->inputs[i]) >= 0
                                            : g->operands[k].root == g->inputs[i]);
    if (!operand) count += (double)type_elements(&g->inputs[i]->type);
  }
  return count / (double)type_elements(&g->heart->type);
}

/* What they compute for every sum. */
static double epilogue_operations(const group *g) {
  double count = 0;
  for (int i = 0; i < g->member_count; i++) {
    const node *n = g->members[i];
    bool before = n == g->heart;
    for (int k = 0; k < 2; k++) before = before || (g->prologues[k] && group_member(g->prologues[k], n) >= 0);
    if (!before) count += (double)group_weight(n) * (double)type_elements(&n->type);
  }
  return count / (double)type_elements(&g->heart->type);
}

void group_complete(const fusion *f, group *g) {
  contraction *c = arena_new_of(f->arena, contraction);
  *c = *g->contraction;
  c->epilogue_elements = epilogue_elements(g);
  c->epilogue_operations = epilogue_operations(g);
  g->contraction = c;
  g->schedule = contraction_schedule_choose(g->contraction, f->target);
  if (!contraction_in_blocks(c, &g->schedule)) return;
  g->partial_sums = group_output(g, g->heart);
  if (g->partial_sums < 0) g->partial_sums = holder_of_sums(f->arena, g);
  if (g->partial_sums >= 0) return;
  g->partial_sums = g->output_count;
  arena_push(f->arena, g->outputs, g->output_count) = g->heart;
}
