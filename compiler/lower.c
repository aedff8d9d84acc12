/* Kernels of groups: parameters and their names, and which lowering writes the body. */
#include "lower.h"

#include <ctype.h>
#include <string.h>

#include "axes.h"
#include "half.h"
#include "lower_row.h"
#include "module.h"
#include "scalar.h"

const op_lowering *lowering_of(const node *n) {
  const op_lowering *lower = op_definitions[n->op]->lower;
  if (!lower) internal_error("operator %s has no lowering", op_infos[n->op].name);
  return lower;
}

int node_access(arena *a, const node *n, int read, const index_expr *const *at,
                const index_expr **operand_at, index_guard *guard) {
  const op_lowering *lower = lowering_of(n);
  if (lower->access) return lower->access(a, n, read, at, operand_at, guard);
  if (read >= n->operand_count) return -1;
  for (int i = 0; i < n->operands[read]->type.rank; i++) operand_at[i] = at[i];
  return read;
}

const loop_expr *lower_inside(lowering *l, const node *n, const element_parts *parts) {
  (void)n;
  const loop_expr *value = parts->reads[0], *mask = parts->masks[0];
  if (!mask) return value;
  const loop_expr *zero = loop_constant(l->arena, value->type.element, 0, 0);
  return loop_select(l->arena, mask, value, loop_splat(l->arena, zero, value->type.lanes));
}

void reduction_access(const node *n, const index_expr *const *at, const index_expr *const *inner,
                      const index_expr **operand_at) {
  int count;
  const int64_t *axes = node_ints(n, 0, &count);
  int64_t kept[MAX_RANK];
  int rank = axes_others(n->operands[0]->type.rank, axes, count, NULL, 0, kept);
  for (int i = 0; i < rank; i++) operand_at[kept[i]] = at[i];
  for (int i = 0; i < count; i++) operand_at[axes[i]] = inner[i];
}

dtype compute_type(dtype element) { return half_is(element) ? DTYPE_F32 : element; }

const loop_expr *lower_rounded(arena *a, const loop_expr *value, dtype element) {
  return half_is(element) ? loop_cast(a, loop_cast(a, value, element), DTYPE_F32) : value;
}

/* ---- operands of contractions ---------------------------------------------------------------- */

/* True where every coordinate of the operand is a step of its own through the root's elements. */
static bool strided(const contraction_operand *operand, const index_expr *position,
                    operand_root *r) {
  if (index_atoms(position) > 0) return false;
  r->base = position->constant;
  for (int i = 0; i < operand->rank; i++) {
    index_linear(position, i, &r->strides[i]);
    if (r->strides[i] == 0 && operand->coordinates[i].extent > 1) return false;
  }
  return true;
}

operand_root contraction_operand_root(arena *a, const node *heart, int side) {
  contraction c;
  contraction_of_node(a, heart, &c);
  const index_expr *at[MAX_RANK];
  contraction_operand_index(a, heart, side, at);
  node *n = heart->operands[side];
  operand_root root = {.root = n};
  strided(&c.operands[side], index_flatten(a, &n->type, at), &root);
  while (op_has(n->op, VIEW) && n->operand_count == 1) {
    const index_expr *operand_at[MAX_RANK];
    index_guard guard = {0};
    node_access(a, n, 0, at, operand_at, &guard);
    n = n->operands[0];
    memcpy(at, operand_at, sizeof at);
    operand_root next = {.root = n};
    if (guard.count > 0) break;
    if (strided(&c.operands[side], index_flatten(a, &n->type, at), &next)) root = next;
  }
  return root;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* A C identifier from a path or name. */
static char *identifier(arena *a, const char *text) {
  char *name = arena_text(a, text);
  for (char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  return isdigit((unsigned char)*name) || !*name ? arena_printf(a, "_%s", name) : name;
}

static const char *name_of(const lowering *l, const node *n) {
  const graph *g = l->graph;
  if (n->op == OP_INPUT || n->op == OP_SLOT) return identifier(l->arena, node_text(n, 0));
  for (int i = 0; i < g->output_count; i++)
    if (g->outputs[i].node == n) return identifier(l->arena, g->outputs[i].name);
  for (int i = 0; i < g->update_count; i++)
    if (g->updates[i].node == n)
      return arena_printf(l->arena, "new_%s", identifier(l->arena, g->updates[i].name));
  const char *name = n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name;
  return arena_printf(l->arena, "%s%d", name, n->id);
}

static const char *unique_name(arena *a, const loop_kernel *k, const char *name) {
  const char *unique = name;
  for (int number = 2;; number++) {
    bool taken = false;
    for (int i = 0; i < k->parameter_count; i++)
      if (strcmp(k->parameters[i]->name, unique) == 0) taken = true;
    if (!taken) return unique;
    unique = arena_printf(a, "%s_%d", name, number);
  }
}

static loop_buffer *add_buffer(const lowering *l, loop_kernel *k, const node *n, int64_t times,
                               loop_access access) {
  int64_t elements = type_elements(&n->type) * times;
  loop_buffer *b = loop_buffer_new(l->arena, unique_name(l->arena, k, name_of(l, n)),
                                   LOOP_PARAMETER, loop_scalar(n->type.element), 1, &elements);
  loop_add_parameter(l->arena, k, b, access);
  return b;
}

static bool shares_input(const group *g, int output) {
  for (int i = 0; i < g->input_count && g->inout_output; i++)
    if (g->inout_output[i] == output) return true;
  return false;
}

loop_kernel *lower_parameters(lowering *l, const group *g, loop_buffer **buffers) {
  loop_kernel *k = loop_kernel_new(l->arena, "kernel");
  for (int i = 0; i < g->input_count; i++)
    if ((!g->inout_output || g->inout_output[i] < 0) && group_loads(g, g->inputs[i]))
      buffers[i] = add_buffer(l, k, g->inputs[i], 1, LOOP_IN);
  for (int i = 0; i < g->output_count; i++)
    buffers[g->input_count + i] = add_buffer(l, k, g->outputs[i], group_output_parts(g, g->outputs[i]),
                                             shares_input(g, i) ? LOOP_INOUT : LOOP_OUT);
  for (int i = 0; i < g->input_count && g->inout_output; i++)
    if (g->inout_output[i] >= 0) buffers[i] = buffers[g->input_count + g->inout_output[i]];
  return k;
}

loop_kernel *lower_packing_parameters(lowering *l, const group *g, int side, loop_buffer **buffers) {
  loop_kernel *k = loop_kernel_new(l->arena, "kernel");
  for (int i = 0; i < g->input_count; i++)
    if (group_packs(g, side, g->inputs[i])) buffers[i] = add_buffer(l, k, g->inputs[i], 1, LOOP_IN);
  return k;
}

loop_buffer *lower_packed(lowering *l, const group *g, int side, loop_kernel *k, loop_access access) {
  int64_t elements = contraction_packed_elements(g->contraction, &g->schedule, side);
  loop_buffer *b = loop_buffer_new(l->arena, side == 0 ? "packed_left" : "packed_right", LOOP_PARAMETER,
                                   loop_scalar(g->contraction->element), 1, &elements);
  loop_add_parameter(l->arena, k, b, access);
  return b;
}

loop_buffer *lower_context(lowering *l, const group *g, loop_kernel *k) {
  if (!g->context) return NULL;
  loop_buffer *context = loop_buffer_new(l->arena, "context", LOOP_PARAMETER,
                                         loop_scalar(DTYPE_I64), 1, (int64_t[]){CONTEXT_WORDS});
  loop_add_parameter(l->arena, k, context, LOOP_IN);
  return context;
}

const loop_expr *lower_size(arena *a, const loop_buffer *context, loop_block *block) {
  const loop_expr *index = loop_int(a, CONTEXT_SIZE);
  return loop_let(a, block, "size", loop_load(a, context, &index, 1, NULL));
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void write_constant(lowering *l, const node *n, loop_kernel *k, loop_buffer *b) {
  int64_t elements = type_elements(&n->type);
  const attribute *ints = &n->attributes[1], *reals = &n->attributes[2];
  for (int64_t i = 0; i < elements; i++) {
    const loop_expr *index = loop_int(l->arena, i);
    const loop_expr *value =
        loop_constant(l->arena, compute_type(n->type.element),
                      reals->count ? reals->reals[i] : 0, ints->count ? ints->ints[i] : 0);
    loop_store(l->arena, &k->body, b, &index, loop_cast(l->arena, value, n->type.element), NULL);
  }
}

/* What is computed, and for the outputs where the model says so: for the comment above the kernel. */
static const char *provenance(const lowering *l, const group *g) {
  char *text = arena_text(l->arena, "");
  for (int i = 0; i < g->member_count; i++) {
    const node *n = g->members[i];
    const char *name = n->op == OP_MAP ? scalar_infos[n->function].name : op_infos[n->op].name;
    bool output = group_output(g, n) >= 0;
    bool begins = !*text || text[strlen(text) - 1] == '\n';
    text = arena_printf(l->arena, "%s%s%s", text, begins ? "" : " ", name);
    if (!output) continue;
    text = arena_printf(l->arena, "%s: %s at %s\n", text, type_text(l->arena, &n->type),
                        diag_short_place(l->arena, n->at));
  }
  return text;
}

loop_kernel *lower_group(lowering *l, const group *g) {
  loop_kernel *k;
  if (g->kind == GROUP_CONTRACTION || g->kind == GROUP_OPAQUE) {
    k = lowering_of(g->heart ? g->heart : g->members[0])->kernel(l, g);
  } else {
    loop_buffer **buffers = arena_array_of(l->arena, g->input_count + g->output_count, loop_buffer *);
    k = lower_parameters(l, g, buffers);
    loop_buffer *context = lower_context(l, g, k);
    if (g->kind == GROUP_CONSTANT)
      write_constant(l, g->members[0], k, buffers[0]);
    else
      lower_row(l, g, k, buffers, context);
  }
  k->provenance = provenance(l, g);
  return k;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* Elements of the array that are in use: all, or the leading rows of a bounded size. */
static const loop_expr *elements_in_use(arena *a, loop_kernel *k, const tensor_type *type) {
  int64_t elements = type_elements(type);
  if (!type->rank || !type->dims[0].symbol) return loop_int(a, elements);
  loop_buffer *context = loop_buffer_new(a, "context", LOOP_PARAMETER, loop_scalar(DTYPE_I64), 1,
                                         (int64_t[]){CONTEXT_WORDS});
  loop_add_parameter(a, k, context, LOOP_IN);
  const loop_expr *row = loop_int(a, elements / type->dims[0].maximum);
  return loop_let(a, &k->body, "count", loop_mul(a, lower_size(a, context, &k->body), row));
}

/* The sum of elements that lie so many elements apart, of which the first is at the index. */
static const loop_expr *sum_of_parts(arena *a, loop_block *block, const loop_buffer *from, const loop_expr *index, int lanes,
                                     int64_t apart, int64_t parts) {
  loop_buffer *sum = loop_buffer_new(a, "sum", LOOP_REG, loop_vector(from->type.element, lanes), 1, (int64_t[]){1});
  loop_alloc(a, block, sum, loop_load(a, from, &index, lanes, NULL));
  loop_variable *part = loop_variable_new(a, "part", loop_scalar(DTYPE_I64));
  loop_stmt *others = loop_for(a, block, LOOP_SEQ, part, loop_int(a, 1), loop_int(a, parts), 1);
  const loop_expr *zero = loop_int(a, 0), *at = loop_add(a, index, loop_mul(a, loop_var(a, part), loop_int(a, apart)));
  const loop_expr *so_far = loop_load(a, sum, &zero, 1, NULL), *more = loop_load(a, from, &at, lanes, NULL);
  loop_store(a, &others->body, sum, &zero, loop_op(a, SCALAR_ADD, so_far, more, NULL), NULL);
  return so_far;
}

/* from NULL: zeros; else the sum of so many parts of it. */
static loop_kernel *fill(arena *a, const target *t, const char *name, loop_buffer *from,
                         const tensor_type *type, int64_t parts) {
  loop_kernel *k = loop_kernel_new(a, name);
  dtype element = type->element;
  int64_t elements = type_elements(type), most;
  loop_buffer *to = loop_buffer_new(a, "to", LOOP_PARAMETER, loop_scalar(element), 1, &elements);
  if (from) loop_add_parameter(a, k, from, LOOP_IN);
  loop_add_parameter(a, k, to, LOOP_OUT);
  int lanes = t->vector_bytes / (int)dtype_size(element);
  const loop_expr *count = elements_in_use(a, k, type);
  bool fixed = loop_is_int(count, &most);
  const loop_expr *rest = loop_op(a, SCALAR_MOD, count, loop_int(a, lanes), NULL);
  const loop_expr *whole = fixed ? loop_int(a, most - most % lanes)
                                 : loop_let(a, &k->body, "whole",
                                            loop_op(a, SCALAR_SUB, count, rest, NULL));
  for (int part = 0; part < 2; part++) {
    const loop_expr *low = part ? whole : loop_int(a, 0), *high = part ? count : whole;
    if (fixed && (part ? most % lanes == 0 : most < lanes)) continue;
    loop_variable *v = loop_variable_new(a, "i", loop_scalar(DTYPE_I64));
    loop_stmt *loop = loop_for(a, &k->body, LOOP_SEQ, v, low, high, part ? 1 : lanes);
    const loop_expr *index = loop_var(a, v);
    const loop_expr *zero = loop_cast(a, loop_constant(a, compute_type(element), 0, 0), element);
    const loop_expr *value = !from        ? loop_splat(a, zero, part ? 1 : lanes)
                             : parts == 1 ? loop_load(a, from, &index, part ? 1 : lanes, NULL)
                                          : sum_of_parts(a, &loop->body, from, index, part ? 1 : lanes, elements, parts);
    loop_store(a, &loop->body, to, &index, value, NULL);
  }
  k->provenance = name;
  return k;
}

loop_kernel *lower_sum_of_parts(arena *a, const target *t, const tensor_type *type, int64_t parts) {
  int64_t elements = type_elements(type) * parts;
  loop_buffer *from =
      loop_buffer_new(a, "from", LOOP_PARAMETER, loop_scalar(type->element), 1, &elements);
  return fill(a, t, parts == 1 ? "copy" : "sum of parts", from, type, parts);
}

loop_kernel *lower_copy(arena *a, const target *t, const tensor_type *type) { return lower_sum_of_parts(a, t, type, 1); }

loop_kernel *lower_zeros(arena *a, const target *t, const tensor_type *type) {
  return fill(a, t, "zeros", NULL, type, 1);
}
