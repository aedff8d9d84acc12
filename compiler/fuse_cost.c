/* What a group computes, reads and writes, where an input's memory may become an output's, and what it costs. */
#include <math.h>

#include "build.h"
#include "lower.h"
#include "scalar.h"

/* ---- operations ------------------------------------------------------------------------------ */

int group_weight(const node *n) {
  if (n->op == OP_BITS) return 60;
  if (n->op == OP_KEY) return 0; /* once */
  if (n->op != OP_MAP) return op_has(n->op, VIEW) || op_has(n->op, LEAF) ? 0 : 1;
  switch (n->function) {
    case SCALAR_DIV:
    case SCALAR_SQRT:
    case SCALAR_RSQRT:
    case SCALAR_FLOORDIV:
    case SCALAR_MOD: return 5;
    case SCALAR_FMA:
    case SCALAR_FLOOR: return 1;
    case SCALAR_POW: return 60;
    default: return scalar_infos[n->function].kind == SCALAR_KIND_REAL ? 20 : 1;
  }
}

int64_t group_repetitions(const group *g, const index_expr *const *at, int rank) {
  int64_t times = 1;
  for (int v = 0; v < g->outer_rank + g->inner_rank; v++) {
    bool depends = false;
    for (int i = 0; i < rank && !depends; i++) depends = index_depends(at[i], v);
    if (depends) times *= v < g->outer_rank ? g->outer[v] : g->inner[v - g->outer_rank];
  }
  const int64_t most = INT64_C(1) << 48;
  return times < most ? times : most;
}

/* ---- outputs in the place of inputs ---------------------------------------------------------- */

node *group_root(node *operand) {
  while (operand->op == OP_RESHAPE && !type_is_bounded(&operand->type) &&
         !type_is_bounded(&operand->operands[0]->type))
    operand = operand->operands[0];
  return operand;
}

bool group_begins_as_zeros(const node *loop, int operand) {
  double value;
  if (loop->op != OP_LOOP || operand >= loop_shape_of(loop).carries) return false;
  return node_is_splat(loop->operands[operand], &value) && value == 0 && !signbit(value);
}

/* A carry begins where it ends, unless the turns read its first value too. */
static bool carries_in_place(const group *g, const node *input, const node *output) {
  const node *loop = g->members[0];
  const loop_shape s = loop_shape_of(loop);
  for (int i = s.carries; i < loop->operand_count; i++)
    if (group_root(loop->operands[i]) == input) return false;
  int number = result_number(output);
  return number < s.carries && group_root(loop->operands[number]) == input;
}

/* A scatter reads the tensor that it changes nowhere else. */
static bool scatters_in_place(const node *scatter, const node *input) {
  return scatter->op == OP_SCATTER && group_root(scatter->operands[0]) == input &&
         group_root(scatter->operands[1]) != input && group_root(scatter->operands[2]) != input;
}

bool group_reads_in_place(const group *g, const node *input, const node *output) {
  const index_expr *stored = NULL;
  if (g->kind == GROUP_LOOP) return carries_in_place(g, input, output);
  if (g->kind == GROUP_OPAQUE) return scatters_in_place(g->members[0], input);
  if (g->kind > GROUP_CONTRACTION || type_elements(&input->type) != type_elements(&output->type) ||
      input->type.element != output->type.element)
    return false;
  for (int i = 0; i < 2 && g->heart; i++)
    if (g->prologues[i] ? group_input(g->prologues[i], input) >= 0 : g->operands[i].root == input)
      return false;
  if (group_is_sum(g, output) || (g->partial_sums >= 0 && g->outputs[g->partial_sums] == output)) return false;
  for (int i = 0; i < g->access_count; i++)
    if (g->accesses[i].store && g->accesses[i].node == output) stored = g->accesses[i].position;
  for (int i = 0; i < g->access_count; i++) {
    const group_access *access = &g->accesses[i];
    if (!access->store && access->node == input &&
        (access->guarded || !index_equal(access->position, stored)))
      return false;
  }
  return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int64_t opaque_elements_read(const node *n, const node *input) {
  int64_t elements = 0;
  for (int i = 0; i < n->operand_count; i++) {
    if (group_root(n->operands[i]) != input || (n->op == OP_SCATTER && i == 0)) continue;
    elements += type_elements(n->op == OP_GATHER && i == 0 ? &n->type : &input->type);
  }
  return elements;
}

/* A scatter that does not write in place first copies what it changes. */
static bool in_place(const group *g) {
  return g->kind == GROUP_OPAQUE && g->members[0]->op == OP_SCATTER && g->inout_output &&
         g->inout_output[group_input(g, group_root(g->members[0]->operands[0]))] >= 0;
}

int64_t group_elements_read(const group *g, const node *input) {
  if (g->kind == GROUP_OPAQUE) {
    const node *n = g->members[0];
    bool copied = n->op == OP_SCATTER && group_root(n->operands[0]) == input && !in_place(g);
    return opaque_elements_read(n, input) + (copied ? type_elements(&input->type) : 0);
  }
  int64_t elements = 0;
  for (int side = 0; side < 2 && g->heart; side++) {
    if (g->prologues[side]) elements += group_elements_read(g->prologues[side], input);
    else if (g->operands[side].root == input) elements += type_elements(&g->heart->operands[side]->type);
  }
  for (int i = 0; i < g->access_count; i++)
    if (!g->accesses[i].store && g->accesses[i].node == input)
      elements += group_repetitions(g, &g->accesses[i].position, 1);
  return elements;
}

int64_t group_elements_written(const group *g, const node *output) {
  return type_elements(in_place(g) ? &g->members[0]->operands[2]->type : &output->type);
}

/* ---- cost ------------------------------------------------------------------------------------ */

double group_cost(const fusion *f, const group *g) {
  enum { LAUNCH = 2000, BYTES_PER_CYCLE = 8 };
  double bytes = 0;
  for (int i = 0; i < g->input_count; i++) bytes += (double)type_bytes(&g->inputs[i]->type);
  for (int i = 0; i < g->output_count; i++) bytes += (double)type_bytes(&g->outputs[i]->type);
  double memory = bytes / BYTES_PER_CYCLE;
  double arithmetic = (double)g->operations * 4 / f->target->vector_bytes;
  return LAUNCH + (memory > arithmetic ? memory : arithmetic);
}
