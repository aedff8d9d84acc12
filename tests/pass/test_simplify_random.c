/* Random graphs mean the same before and after simplification: exactly, so no rounding may differ.
 * Integers wrap, so that every operator is exact on them, reductions and contractions too; of
 * floating numbers only what simplification may not round anew, on inputs with NaN, infinities and
 * zeros of both signs. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compare.h"
#include "graph_case.h"
#include "op.h"
#include "pass.h"
#include "rewrite.h"
#include "simplify.h"

enum { PROGRAMS = 2000, SIZE = 25, POOL = 64, ELEMENTS_MOST = 400, RANK_MOST = 5 };

typedef struct generator {
  graph *graph;
  uint64_t seed, drawn;
  dtype element;
  node *pool[POOL];
  int pool_count;
} generator;

/* An integer in [0, count). */
static int64_t draw(generator *r, int64_t count) {
  const uint32_t key[2] = {(uint32_t)r->seed, 5};
  return philox_element(key, r->drawn++, 0) % count;
}

static bool chance(generator *r, int one_in) { return draw(r, one_in) == 0; }
static bool is_real(const generator *r) { return dtype_is_float(r->element); }
static node *pick(generator *r) { return r->pool[draw(r, r->pool_count)]; }

static node *constant(generator *r, const tensor_type *like) {
  static const double values[] = {0, 1, -1, 2, -2, 3, 0.5};
  tensor_type type = *like;
  type.element = r->element;
  return build_splat(r->graph, &type, values[draw(r, is_real(r) ? 7 : 6)]);
}

/* Something of the shape: a node, a broadcast of one, or a constant. */
static node *partner(generator *r, const tensor_type *shape) {
  for (int attempt = 0; attempt < 6 && !chance(r, 4); attempt++) {
    node *n = pick(r);
    bool fits = n->type.rank <= shape->rank;
    for (int i = 1; i <= n->type.rank && fits; i++) {
      int64_t extent = n->type.dims[n->type.rank - i].maximum;
      fits = extent == 1 || extent == shape->dims[shape->rank - i].maximum;
    }
    if (fits) return build_broadcast_to(r->graph, n, shape);
  }
  return constant(r, shape);
}

static node *random_map(generator *r) {
  static const scalar_function unary[] = {SCALAR_NEG, SCALAR_ABS, SCALAR_SIGN, SCALAR_STOP};
  static const scalar_function both[] = {SCALAR_ADD, SCALAR_SUB, SCALAR_MUL, SCALAR_MAXIMUM,
                                         SCALAR_MINIMUM};
  static const scalar_function integer[] = {SCALAR_FLOORDIV, SCALAR_MOD, SCALAR_BITAND,
                                            SCALAR_BITOR, SCALAR_BITXOR, SCALAR_SHL, SCALAR_SHR};
  node *x = pick(r), *y = partner(r, &x->type);
  if (chance(r, 3)) return build_map1(r->graph, unary[draw(r, 4)], x);
  if (chance(r, 2)) return build_map2(r->graph, both[draw(r, 5)], x, y);
  if (!is_real(r)) return build_map2(r->graph, integer[draw(r, 7)], x, y);
  if (chance(r, 3)) return build_map1(r->graph, SCALAR_FLOOR, x);
  static const double divisors[] = {1, -1, 2, -0.25, 3}; /* not 0, whose sign is free */
  return build_map2(r->graph, SCALAR_DIV, x, build_splat(r->graph, &x->type, divisors[draw(r, 5)]));
}

static node *random_truth(generator *r, const tensor_type *shape, int depth) {
  static const scalar_function compare[] = {SCALAR_EQ, SCALAR_NE, SCALAR_LT,
                                            SCALAR_LE, SCALAR_GT, SCALAR_GE};
  if (depth == 0 || chance(r, 3)) {
    node *x = partner(r, shape), *y = chance(r, 4) ? x : partner(r, shape);
    return build_map2(r->graph, compare[draw(r, 6)], x, y);
  }
  node *b = random_truth(r, shape, depth - 1);
  if (chance(r, 3)) return build_map1(r->graph, SCALAR_NOT, b);
  if (chance(r, 3))
    return build_map2(r->graph, compare[draw(r, 2)], b,
                      build_splat(r->graph, &b->type, (double)draw(r, 2)));
  if (chance(r, 4)) {
    bool first = chance(r, 2);
    return build_map3(r->graph, SCALAR_SELECT, b, build_splat(r->graph, &b->type, first),
                      build_splat(r->graph, &b->type, !first));
  }
  node *c = chance(r, 3) ? build_map1(r->graph, SCALAR_NOT, b) : random_truth(r, shape, depth - 1);
  return build_map2(r->graph, chance(r, 2) ? SCALAR_AND : SCALAR_OR, b, c);
}

static node *random_select(generator *r) {
  node *x = pick(r), *y = chance(r, 5) ? x : partner(r, &x->type);
  node *b = random_truth(r, &x->type, 2);
  node *chosen = build_map3(r->graph, SCALAR_SELECT, b, x, y);
  return chance(r, 3) ? build_map3(r->graph, SCALAR_SELECT, b, y, chosen) : chosen;
}

static node *random_cast(generator *r) {
  static const dtype wider[] = {DTYPE_BOOL, DTYPE_U8, DTYPE_I64, DTYPE_F64};
  node *x = build_cast(r->graph, pick(r), wider[draw(r, 4)]);
  if (chance(r, 2)) x = build_cast(r->graph, x, wider[draw(r, 4)]);
  return build_cast(r->graph, x, r->element);
}

static node *random_reshape(generator *r) {
  node *x = pick(r);
  dim dims[MAX_RANK];
  int rank = 0;
  int64_t at = draw(r, x->type.rank + 1);
  if (chance(r, 3)) return build_reshape(r->graph, x, 1, (dim[]){dim_fixed(type_elements(&x->type))});
  for (int i = 0; i <= x->type.rank; i++) {
    if (i == at) dims[rank++] = dim_fixed(1);
    if (i == x->type.rank) break;
    if (x->type.dims[i].maximum != 1 || chance(r, 2)) dims[rank++] = x->type.dims[i];
  }
  return build_reshape(r->graph, x, rank, dims);
}

static node *random_transpose(generator *r, node *x) {
  int64_t axes[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) {
    int64_t at = draw(r, i + 1);
    axes[i] = axes[at];
    axes[at] = i;
  }
  return build_transpose(r->graph, x, axes);
}

static node *random_slice(generator *r) {
  node *x = pick(r);
  int64_t starts[MAX_RANK], limits[MAX_RANK], steps[MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) {
    int64_t extent = x->type.dims[i].maximum;
    bool whole = chance(r, 3);
    starts[i] = whole ? 0 : draw(r, extent);
    limits[i] = whole || chance(r, 2) ? extent : starts[i] + 1 + draw(r, extent - starts[i]);
    steps[i] = 1 + (chance(r, 3) ? draw(r, 3) : 0);
  }
  return build_slice(r->graph, x, starts, limits, steps);
}

static node *random_pad(generator *r) {
  node *x = pick(r);
  int64_t lists[3][MAX_RANK];
  for (int i = 0; i < x->type.rank; i++) {
    lists[2][i] = chance(r, 4) ? 1 + draw(r, 2) : 0;
    int64_t extent = x->type.dims[i].maximum, room = (extent - 1) * (lists[2][i] + 1);
    lists[0][i] = draw(r, 3) - (room > 1 && chance(r, 2));
    lists[1][i] = draw(r, 3) - (room > 1 && chance(r, 2));
    if (lists[0][i] + lists[1][i] + room < 0) lists[0][i] = 0;
  }
  return build_pad(r->graph, x, lists[0], lists[1], lists[2]);
}

/* Of the value itself, zeros, and two slices that meet. */
static node *random_concat(generator *r) {
  node *x = pick(r), *parts[4];
  if (x->type.rank == 0) return x;
  int64_t axis = draw(r, x->type.rank), extent = x->type.dims[axis].maximum;
  int count = 0;
  if (chance(r, 2)) parts[count++] = build_splat(r->graph, &x->type, (double)draw(r, 2));
  parts[count++] = x;
  if (chance(r, 2) && extent > 1) {
    int64_t starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
      limits[i] = x->type.dims[i].maximum;
      steps[i] = 1;
    }
    limits[axis] = 1 + draw(r, extent - 1);
    parts[count++] = build_slice(r->graph, x, starts, limits, steps);
    starts[axis] = limits[axis];
    limits[axis] = extent;
    parts[count++] = build_slice(r->graph, x, starts, limits, steps);
  } else if (chance(r, 2)) {
    parts[count++] = x;
  }
  return build_concat(r->graph, count, parts, (int)axis);
}

static node *random_broadcast(generator *r) {
  node *x = pick(r);
  tensor_type wide = {.element = x->type.element};
  int64_t axes[MAX_RANK], at = draw(r, x->type.rank + 1);
  for (int i = 0; i <= x->type.rank; i++) {
    if (i == at) wide.dims[wide.rank++] = dim_fixed(1 + draw(r, 3));
    if (i == x->type.rank) break;
    axes[i] = wide.rank;
    bool repeats = x->type.dims[i].maximum == 1 && chance(r, 2);
    wide.dims[wide.rank++] = repeats ? dim_fixed(1 + draw(r, 4)) : x->type.dims[i];
  }
  return build_broadcast(r->graph, x, &wide, axes);
}

static node *random_view(generator *r) {
  node *x = pick(r);
  int64_t axis = x->type.rank ? draw(r, x->type.rank) : 0;
  switch (draw(r, 7)) {
  case 0: return random_reshape(r);
  case 1: return random_transpose(r, x);
  case 2: return random_slice(r);
  case 3: return random_pad(r);
  case 4: return random_concat(r);
  case 5: return random_broadcast(r);
  default: return x->type.rank ? build_reverse(r->graph, x, 1, &axis) : x;
  }
}

/* Iota, equal places, places in steps, any places; some outside. */
static node *random_places(generator *r, int64_t extent) {
  int64_t count = 1 + draw(r, 4), places[4];
  tensor_type type = type_of(DTYPE_I32, 1, &count);
  if (chance(r, 4)) return build_iota(r->graph, &type, 0);
  if (chance(r, 4)) return build_splat(r->graph, &type, (double)draw(r, extent));
  if (chance(r, 4)) return build_int(r->graph, DTYPE_I32, draw(r, extent + 2) - 1);
  int64_t first = draw(r, extent), step = draw(r, 5) - 2;
  bool steps = chance(r, 2);
  for (int64_t i = 0; i < count; i++) places[i] = steps ? first + i * step : draw(r, extent);
  return build_constant(r->graph, &type, places, NULL);
}

static node *random_indexing(generator *r) {
  node *x = pick(r);
  if (x->type.rank == 0) return x;
  int axis = (int)draw(r, x->type.rank);
  tensor_type like = x->type;
  if (chance(r, 4)) {
    like.element = r->element;
    return build_iota(r->graph, &like, axis);
  }
  node *places = random_places(r, x->type.dims[axis].maximum);
  node *taken = build_gather(r->graph, x, places, axis, 0);
  return chance(r, 2) ? taken : build_scatter_add(r->graph, places, taken, &x->type, axis, 0);
}

static node *random_reduce(generator *r) {
  static const op_code ops[] = {OP_SUM, OP_SUM, OP_PROD, OP_MAX, OP_MIN, OP_ARGMAX, OP_ARGMIN};
  node *x = pick(r);
  int64_t axes[MAX_RANK];
  int count = 0;
  for (int i = 0; i < x->type.rank; i++)
    if (chance(r, 2)) axes[count++] = i;
  return build_reduce(r->graph, ops[draw(r, 7)], x, count, axes);
}

/* Contracts an axis, or meets along another one too. */
static node *random_dot(generator *r) {
  node *x = pick(r);
  if (x->type.rank == 0 || x->type.rank > 3) return x;
  tensor_type other = {.element = r->element, .rank = 3};
  int64_t axis = draw(r, x->type.rank), batch = draw(r, x->type.rank), place = draw(r, 3);
  for (int i = 0; i < 3; i++) other.dims[i] = dim_fixed(1 + draw(r, 2));
  int64_t second = (place + 1) % 3;
  other.dims[place] = x->type.dims[axis];
  bool batched = batch != axis && chance(r, 2);
  if (batched) other.dims[second] = x->type.dims[batch];
  node *y = partner(r, &other);
  if (chance(r, 2)) y = build_map1(r->graph, SCALAR_NEG, y);
  if (chance(r, 2)) x = build_map1(r->graph, SCALAR_NEG, x);
  bool left = chance(r, 2);
  dot_axes axes = {batched, 1, left ? &batch : &second, left ? &second : &batch,
                   left ? &axis : &place, left ? &place : &axis};
  node *product = left ? build_dot(r->graph, x, y, &axes) : build_dot(r->graph, y, x, &axes);
  return chance(r, 2) ? random_transpose(r, product) : product;
}

/* Of [N, C, S], with zeros between neighbours at times. */
static node *random_conv(generator *r) {
  node *x = pick(r);
  if (x->type.rank != 3) return x;
  tensor_type filter = {.element = r->element, .rank = 3};
  filter.dims[0] = dim_fixed(1 + draw(r, 2));
  filter.dims[1] = x->type.dims[1];
  filter.dims[2] = dim_fixed(1 + draw(r, 3));
  int64_t taps = filter.dims[2].maximum;
  conv_shape shape = {.strides = {1 + chance(r, 3)},
                      .low = {taps - 1 + draw(r, 2)},
                      .high = {draw(r, 3)},
                      .left_dilation = {1 + draw(r, 3)},
                      .right_dilation = {1 + chance(r, 4)},
                      .groups = 1};
  if (shape.right_dilation[0] == 2) shape.high[0] += taps;
  return build_conv(r->graph, x, partner(r, &filter), &shape);
}

static node *random_node(generator *r) {
  switch (draw(r, is_real(r) ? 9 : 14)) {
  case 0:
  case 1:
  case 2: return random_map(r);
  case 3: return random_select(r);
  case 4: return random_cast(r);
  case 5: return random_indexing(r);
  case 6:
  case 7:
  case 8: return random_view(r);
  case 9:
  case 10: return random_reduce(r);
  case 11: return random_conv(r);
  default: return random_dot(r);
  }
}

static graph *random_program(arena *a, uint64_t seed, dtype element) {
  generator r = {.graph = graph_new(a, NULL, "random"), .seed = seed, .element = element};
  const int64_t extents[][3] = {{2, 3, 4}, {5, 1, 0}, {4, 0, 0}};
  for (int i = 0; i < 3; i++) {
    tensor_type type = type_of(element, 3 - i, extents[i]);
    r.pool[r.pool_count++] = graph_add_input(r.graph, arena_printf(a, "x%d", i), &type);
  }
  for (int i = 0; i < SIZE; i++) {
    node *n = random_node(&r);
    if (type_elements(&n->type) > ELEMENTS_MOST || n->type.rank > RANK_MOST) continue;
    if (n->type.element != element) n = build_cast(r.graph, n, element);
    r.pool[r.pool_count++] = n;
    if (chance(&r, 4)) graph_add_output(r.graph, arena_printf(a, "y%d", i), n);
  }
  graph_add_output(r.graph, "y", r.pool[r.pool_count - 1]);
  return r.graph;
}

/* Integers from -3 to 3, and for floating types what algebra breaks on. */
static const tensor **inputs_of(arena *a, const graph *g, uint64_t seed) {
  static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0.0, -0.0, 1.5};
  const tensor **inputs = random_inputs(a, g, seed, -3.99, 3.99);
  for (int i = 0; i < g->input_count; i++)
    for (int64_t k = 0; k < type_elements(&inputs[i]->type); k += 2)
      if (dtype_is_float(inputs[i]->type.element))
        inputs[i]->reals[k] = odd[(k / 2 + i + (int64_t)seed) % 6];
  return inputs;
}

/* The rules that applied, over all programs. */
static struct {
  const simplify_rule *rules[256];
  int count;
} seen;

static node *watch(graph *g, node *n) {
  node *simple;
  const simplify_rule *rule = simplify_apply(g, n, &simple);
  if (!rule) return n;
  for (int i = 0; i < seen.count; i++)
    if (seen.rules[i] == rule) return simple;
  seen.rules[seen.count++] = rule;
  return simple;
}

static bool applied(const char *name) {
  for (int i = 0; i < seen.count; i++)
    if (strcmp(seen.rules[i]->name, name) == 0) return true;
  return false;
}

static void same_meaning(uint64_t seed, dtype element) {
  arena *a = arena_new();
  graph *g = random_program(a, seed, element);
  graph *simple = rewrite_graph(g, watch);
  const tensor **inputs = inputs_of(a, g, seed);
  tensor **expected = evaluate(a, g, inputs), **actual = evaluate(a, simple, inputs);
  for (int i = 0; i < g->output_count; i++) {
    const char *message = compare_tensors(a, actual[i], expected[i], (tolerance){0, 0});
    if (message)
      fail_msg("seed %d, %s: %s\n%s\n%s", (int)seed, g->outputs[i].name, message,
               graph_to_text(a, g), graph_to_text(a, simple));
  }
  const char *once = graph_to_text(a, pass_simplify(g));
  assert_string_equal(graph_to_text(a, pass_simplify(g)), once);
  arena_free(a);
}

static void integers_keep_their_bits(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < PROGRAMS; seed++) same_meaning(seed, DTYPE_I32);
}

static void reals_keep_their_values(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < PROGRAMS; seed++) same_meaning(seed, DTYPE_F64);
}

/* Rules that random graphs of these operators do not reach. */
static bool is_out_of_reach(const char *name) {
  static const char *const names[] = {"small_power", "trivial_fma", "cast_to_itself"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static void every_rule_took_part(void **state) {
  (void)state;
  for (const simplify_rule *const *family = simplify_families; *family; family++)
    for (const simplify_rule *rule = *family; rule->name; rule++)
      if (!applied(rule->name) && !is_out_of_reach(rule->name))
        fail_msg("rule %s never applied", rule->name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers_keep_their_bits),
      cmocka_unit_test(reals_keep_their_values),
      cmocka_unit_test(every_rule_took_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
