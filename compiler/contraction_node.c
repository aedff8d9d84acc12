/* Products and convolutions of the graph as contractions. */
#include "contraction.h"

#include <string.h>

#include "axes.h"
#include "index.h"

enum { LEFT_BATCH, RIGHT_BATCH, LEFT_CONTRACT, RIGHT_CONTRACT };
enum { STRIDES, LOW, HIGH, LEFT_DILATION, RIGHT_DILATION, GROUPS };

static int add_axis(contraction *c, const char *name, dim extent, bool reduced) {
  c->axes[c->axis_count] = (contraction_axis){.name = name, .extent = extent.maximum,
                                              .reduced = reduced, .bounded = extent.symbol != NULL, .met = 1};
  return c->axis_count++;
}

/* True where the operand is the filters of several groups, whose first axis is two coordinates: the
 * group and the filter in it. So a view may order them in another way. */
static bool has_groups(const node *n, int side) {
  return n->op == OP_CONV && side == 1 && node_int(n, GROUPS) > 1;
}

int contraction_operand_index(arena *a, const node *n, int side, const index_expr **at) {
  const tensor_type *type = &n->operands[side]->type;
  int more = has_groups(n, side);
  for (int i = 0; i < type->rank; i++)
    at[i] = index_variable(a, i + more, type->dims[i].maximum);
  if (!more) return type->rank;
  int64_t groups = node_int(n, GROUPS), filters = type->dims[0].maximum / groups;
  at[0] = index_add(a, index_scale(a, index_variable(a, 0, groups), filters),
                    index_variable(a, 1, filters));
  return type->rank + 1;
}

/* Operand axis `coordinate` is moved by contraction axis `axis` alone. */
static void bind(contraction *c, int operand, int64_t coordinate, int axis) {
  c->operands[operand].coordinates[coordinate].steps[axis] = 1;
}

static void start_operands(contraction *c, const node *n) {
  for (int i = 0; i < 2; i++) {
    const tensor_type *type = &n->operands[i]->type;
    int more = has_groups(n, i);
    c->operands[i].rank = type->rank + more;
    for (int d = 0; d < type->rank; d++)
      c->operands[i].coordinates[d + more] =
          (contraction_coordinate){.dilation = 1, .extent = type->dims[d].maximum};
    if (!more) continue;
    int64_t groups = node_int(n, GROUPS);
    c->operands[i].coordinates[0] = (contraction_coordinate){.dilation = 1, .extent = groups};
    c->operands[i].coordinates[1].extent /= groups;
  }
}

static const char *numbered(arena *a, const char *letter, int number, int count) {
  return count == 1 ? letter : arena_printf(a, "%s%d", letter, number);
}

/* Axes of a product: b… batch, m… free on the left, n… free on the right, k… contracted. */
static void product(arena *a, const node *n, contraction *c) {
  for (int side = 0; side < 2; side++) {
    int batch_count, contract_count;
    const int64_t *batch = node_ints(n, LEFT_BATCH + side, &batch_count);
    const int64_t *contract = node_ints(n, LEFT_CONTRACT + side, &contract_count);
    const tensor_type *type = &n->operands[side]->type;
    for (int i = 0; i < batch_count; i++) {
      if (side == 0) add_axis(c, numbered(a, "b", i, batch_count), type->dims[batch[i]], false);
      bind(c, side, batch[i], i);
    }
    int64_t free[MAX_RANK];
    int count = axes_others(type->rank, batch, batch_count, contract, contract_count, free);
    for (int i = 0; i < count; i++)
      bind(c, side, free[i],
           add_axis(c, numbered(a, side == 0 ? "m" : "n", i, count), type->dims[free[i]], false));
  }
  int count;
  const int64_t *left = node_ints(n, LEFT_CONTRACT, &count);
  const int64_t *right = node_ints(n, RIGHT_CONTRACT, NULL);
  for (int i = 0; i < count; i++) {
    int axis = add_axis(c, numbered(a, "k", i, count),
                        n->operands[0]->type.dims[left[i]], true);
    bind(c, 0, left[i], axis);
    bind(c, 1, right[i], axis);
  }
}

/* x / y, rounded up; y is above 0. */
static int64_t divided_up(int64_t x, int64_t y) { return x / y + (x % y > 0); }

/* The share of pairs of a place and a tap that meet elements of the image. */
static double share_met(const contraction *c, const contraction_coordinate *u, int place, int tap) {
  const int64_t places = c->axes[place].extent, taps = c->axes[tap].extent, step = u->steps[place];
  double met = 0;
  for (int64_t k = 0; k < taps; k++) {
    const int64_t offset = k * u->steps[tap] - u->low; /* of the first place */
    int64_t first = divided_up(-offset, step), end = divided_up((u->extent - 1) * u->dilation + 1 - offset, step);
    if (first < 0) first = 0;
    if (end > places) end = places;
    if (first < end) met += (double)(end - first);
  }
  return met / ((double)places * (double)taps);
}

/* Axes of a convolution: n images, g groups, o filters of a group, y and x places (z, y, x; x), c
 * channels of a group, i and j taps. */
static void convolution(const node *n, contraction *c) {
  static const char *const places[] = {"z", "y", "x"}, *const taps[] = {"h", "i", "j"};
  const tensor_type *image = &n->operands[0]->type, *filter = &n->operands[1]->type;
  contraction_coordinate *x = c->operands[0].coordinates, *w = c->operands[1].coordinates;
  int64_t groups = node_int(n, GROUPS);
  int64_t filters = filter->dims[0].maximum / groups, channels = filter->dims[1].maximum;
  int spatial = image->rank - 2, place[3];
  x[0].steps[add_axis(c, "n", image->dims[0], false)] = 1;
  int group = add_axis(c, "g", dim_fixed(groups), false);
  x[1].steps[group] = channels;
  if (groups > 1) w++->steps[group] = 1;
  w[0].steps[add_axis(c, "o", dim_fixed(filters), false)] = 1;
  for (int i = 0; i < spatial; i++)
    place[i] = add_axis(c, places[3 - spatial + i], n->type.dims[2 + i], false);
  int channel = add_axis(c, "c", dim_fixed(channels), true);
  x[1].steps[channel] = w[1].steps[channel] = 1;
  for (int i = 0; i < spatial; i++) {
    int tap = add_axis(c, taps[3 - spatial + i], filter->dims[2 + i], true);
    w[2 + i].steps[tap] = 1;
    x[2 + i].steps[tap] = node_ints(n, RIGHT_DILATION, NULL)[i];
    x[2 + i].steps[place[i]] = node_ints(n, STRIDES, NULL)[i];
    x[2 + i].low = node_ints(n, LOW, NULL)[i];
    x[2 + i].dilation = node_ints(n, LEFT_DILATION, NULL)[i];
    c->axes[tap].met = share_met(c, &x[2 + i], place[i], tap);
  }
}

/* Output axes are in the order of the result's, except that o lies inside g. */
static void lay_out_output(contraction *c) {
  int64_t stride = 1;
  for (int a = c->axis_count - 1; a >= 0; a--) {
    if (c->axes[a].reduced) continue;
    c->axes[a].stride = stride;
    stride *= c->axes[a].extent;
  }
}

void contraction_of_node(arena *a, const node *n, contraction *c) {
  *c = (contraction){.element = n->type.element};
  start_operands(c, n);
  if (n->op == OP_DOT)
    product(a, n, c);
  else
    convolution(n, c);
  lay_out_output(c);
}

static void insert_step(contraction_operand *o, int axis) {
  for (int i = 0; i < o->rank; i++) {
    int64_t *steps = o->coordinates[i].steps;
    memmove(&steps[axis + 1], &steps[axis], (CONTRACTION_AXES - axis - 1) * sizeof *steps);
    steps[axis] = 0;
  }
}

/* Cuts a coordinate that one axis moves into two, for the axis and the one behind it. */
static void cut_coordinate(contraction_operand *o, int coordinate, int axis, int64_t inside) {
  contraction_coordinate *x = &o->coordinates[coordinate];
  memmove(x + 1, x, (size_t)(o->rank - coordinate) * sizeof *x);
  o->rank++;
  x[0].stride *= inside;
  x[0].extent /= inside;
  x[1].extent = inside;
  x[0].steps[axis] = x[1].steps[axis + 1] = 1;
  x[0].steps[axis + 1] = x[1].steps[axis] = 0;
}

bool contraction_cover(contraction *c, int axis, int64_t inside) {
  int side = contraction_depends(&c->operands[0], axis) ? 0 : 1;
  contraction_operand *o = &c->operands[side];
  int at = contraction_coordinate_of(o, axis);
  if (c->axes[axis].bounded || c->axis_count == CONTRACTION_AXES || contraction_depends(&c->operands[1 - side], axis) ||
      at < 0 || o->rank == MAX_RANK || !contraction_pure(c, &o->coordinates[at], axis) ||
      !contraction_plain(c, &o->coordinates[at]) || o->coordinates[at].low != 0 ||
      o->coordinates[at].extent != c->axes[axis].extent)
    return false;
  for (int i = 0; i < 2; i++) insert_step(&c->operands[i], axis);
  cut_coordinate(o, at, axis, inside);
  contraction_axis *x = &c->axes[axis];
  memmove(x + 1, x, (size_t)(c->axis_count - axis) * sizeof *x);
  c->axis_count++;
  x[0] = (contraction_axis){.name = "part", .extent = x[1].extent / inside, .covered = true,
                            .stride = x[1].stride * inside};
  x[1].extent = inside;
  return true;
}

void contraction_operand_strided(contraction_operand *o, loop_buffer *buffer, int64_t base,
                                 const int64_t *strides) {
  o->buffer = buffer;
  o->base = base;
  for (int i = 0; i < o->rank; i++) o->coordinates[i].stride = strides[i];
}
