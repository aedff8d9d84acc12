#include "index_conv.h"

#include <string.h>

#include "build.h"
#include "index_place.h"
#include "operate.h"

/* What an index is to the convolution. A position is one of the result, a tap one in the filter. */
typedef enum index_role { NO_ROLE, BATCH, GROUP, FILTER, CHANNEL, POSITION, TAP } index_role;

enum { MOST_AXES = 3 };

/* An axis that windows move along: place = stride · position + dilation · tap + offset. */
typedef struct window_axis {
  int position, tap, axis;
  int64_t stride, dilation, offset;
} window_axis;

typedef struct convolution {
  index_space *space;
  int first;
  node *x, *w;
  int x_axes[MAX_RANK], w_axes[MAX_RANK]; /* of each index, or -1 */
  index_role roles[MAX_RANK];
  window_axis windows[MOST_AXES];
  int window_count;
} convolution;

/* --- recognising ---------------------------------------------------------------------------- */

static bool is_read(const ast *n) { return n->kind == AST_BRACKETS; }

/* The index that stands by itself and has the axis's extent; -1 for others. */
static int bare(const index_space *s, const ast *item, dim extent) {
  int index = item->kind == AST_NAME ? index_space_find(s, item->name) : -1;
  return index >= 0 && dim_equal(s->indices[index].extent, extent) ? index : -1;
}

static bool find_filters(convolution *c, const ast *n) {
  for (int i = 0; i < n->items.count; i++) {
    int index = bare(c->space, n->items.items[i], c->w->type.dims[i]);
    if (index < 0 || c->w_axes[index] >= 0 || c->w->type.dims[i].symbol) return false;
    c->w_axes[index] = i;
  }
  return true;
}

static bool find_window(convolution *c, const ast *item, int axis) {
  const index_space *s = c->space;
  const index_place *p = index_place_of(c->space, item);
  if (!p || p->atom_count || c->window_count == MOST_AXES) return false;
  window_axis w = {.position = -1, .tap = -1, .axis = axis, .offset = p->constant};
  for (int i = 0; i < s->count; i++) {
    if (!p->factors[i]) continue;
    bool is_tap = i >= c->first;
    if ((is_tap ? w.tap : w.position) >= 0 || is_tap != (c->w_axes[i] >= 0)) return false;
    *(is_tap ? &w.tap : &w.position) = i;
    *(is_tap ? &w.dilation : &w.stride) = p->factors[i];
  }
  if (w.tap < 0 || w.position < 0 || w.stride < 1 || c->x->type.dims[axis].symbol ||
      s->indices[w.position].extent.symbol || c->roles[w.tap] || c->roles[w.position])
    return false;
  c->roles[w.tap] = TAP;
  c->roles[w.position] = POSITION;
  c->windows[c->window_count++] = w;
  return true;
}

static bool find_images(convolution *c, const ast *n) {
  for (int i = 0; i < n->items.count; i++) {
    int index = bare(c->space, n->items.items[i], c->x->type.dims[i]);
    if (index < 0) {
      if (!find_window(c, n->items.items[i], i)) return false;
      continue;
    }
    if (c->x_axes[index] >= 0) return false;
    c->x_axes[index] = i;
  }
  return c->window_count > 0;
}

/* The roles of the indices that stand by themselves; false where one has none. */
static bool find_roles(convolution *c) {
  int filters = 0, batches = 0;
  bool bounded = false;
  for (int i = 0; i < c->space->count; i++) {
    bool in_x = c->x_axes[i] >= 0, in_w = c->w_axes[i] >= 0, summed = i >= c->first;
    if (c->roles[i]) {
      if (in_x) return false;
      continue;
    }
    if (summed ? !in_x || !in_w : !in_x && !in_w) return false;
    c->roles[i] = summed ? CHANNEL : !in_w ? BATCH : in_x ? GROUP : FILTER;
    filters += c->roles[i] == FILTER;
    batches += c->roles[i] == BATCH;
    bool is_bounded = c->space->indices[i].extent.symbol;
    if (is_bounded && c->roles[i] != BATCH) return false;
    bounded = bounded || is_bounded;
  }
  return filters > 0 && (!bounded || batches == 1);
}

/* --- building ------------------------------------------------------------------------------- */

static int64_t extent_of(const convolution *c, int index) {
  return c->space->indices[index].extent.maximum;
}

/* Appends the axes of the indices with a role to an order. */
static void append(const convolution *c, index_role role, const int *axes, int64_t *order,
                   int *count) {
  for (int i = 0; i < c->space->count; i++)
    if (c->roles[i] == role) order[(*count)++] = axes[i];
}

/* All indices with a role as one axis. */
static dim merged(const convolution *c, index_role role) {
  dim all = dim_fixed(1);
  for (int i = 0; i < c->space->count; i++) {
    if (c->roles[i] != role) continue;
    dim own = c->space->indices[i].extent;
    all = own.symbol ? own : dim_fixed(all.maximum * own.maximum);
  }
  return all;
}

static node *images(const convolution *c) {
  int64_t order[MAX_RANK];
  int count = 0;
  append(c, BATCH, c->x_axes, order, &count);
  append(c, GROUP, c->x_axes, order, &count);
  append(c, CHANNEL, c->x_axes, order, &count);
  dim dims[2 + MOST_AXES] = {
      merged(c, BATCH), dim_fixed(merged(c, GROUP).maximum * merged(c, CHANNEL).maximum)};
  for (int i = 0; i < c->window_count; i++) {
    order[count++] = c->windows[i].axis;
    dims[2 + i] = c->x->type.dims[c->windows[i].axis];
  }
  graph *g = c->space->e->graph;
  return build_reshape(g, build_transpose(g, c->x, order), 2 + c->window_count, dims);
}

static node *filters(const convolution *c) {
  int64_t order[MAX_RANK], mirrored[MOST_AXES];
  int count = 0, mirrors = 0;
  append(c, GROUP, c->w_axes, order, &count);
  append(c, FILTER, c->w_axes, order, &count);
  append(c, CHANNEL, c->w_axes, order, &count);
  dim dims[2 + MOST_AXES] = {dim_fixed(merged(c, GROUP).maximum * merged(c, FILTER).maximum),
                             merged(c, CHANNEL)};
  for (int i = 0; i < c->window_count; i++) {
    order[count++] = c->w_axes[c->windows[i].tap];
    dims[2 + i] = dim_fixed(extent_of(c, c->windows[i].tap));
    if (c->windows[i].dilation < 0) mirrored[mirrors++] = 2 + i;
  }
  graph *g = c->space->e->graph;
  node *w = build_reshape(g, build_transpose(g, c->w, order), 2 + c->window_count, dims);
  return mirrors ? build_reverse(g, w, mirrors, mirrored) : w;
}

/* False where a window lies beyond the axis altogether. */
static bool find_shape(const convolution *c, conv_shape *shape) {
  *shape = (conv_shape){.groups = merged(c, GROUP).maximum};
  for (int i = 0; i < c->window_count; i++) {
    const window_axis *w = &c->windows[i];
    int64_t dilation = w->dilation < 0 ? -w->dilation : w->dilation;
    int64_t reach = dilation * (extent_of(c, w->tap) - 1);
    int64_t extent = c->x->type.dims[w->axis].maximum;
    int64_t offset = w->dilation < 0 ? w->offset - reach : w->offset;
    shape->strides[i] = w->stride;
    shape->left_dilation[i] = 1;
    shape->right_dilation[i] = dilation;
    shape->low[i] = -offset;
    shape->high[i] =
        w->stride * (extent_of(c, w->position) - 1) + reach + 1 - extent + offset;
    if (shape->low[i] <= -extent || shape->high[i] <= -extent) return false;
  }
  return true;
}

/* The result's axes are those of the batch, the groups, the filters, and the positions. */
static node *unfolded(const convolution *c, node *y) {
  static const index_role roles[] = {BATCH, GROUP, FILTER};
  int labels[MAX_RANK], rank = 0;
  dim dims[MAX_RANK];
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < c->space->count; i++)
      if (c->roles[i] == roles[k]) labels[rank++] = i;
  for (int i = 0; i < c->window_count; i++) labels[rank++] = c->windows[i].position;
  for (int i = 0; i < rank; i++) dims[i] = c->space->indices[labels[i]].extent;
  c->space->count = c->first;
  return index_space_place(c->space, build_reshape(c->space->e->graph, y, rank, dims), labels);
}

static bool recognise(convolution *c, const ast *x, const ast *w) {
  if (!is_read(x) || !is_read(w)) return false;
  c->x = index_space_subscripted(c->space, x);
  c->w = index_space_subscripted(c->space, w);
  for (int i = 0; i < MAX_RANK; i++) c->x_axes[i] = c->w_axes[i] = -1;
  return c->x && c->w && find_filters(c, w) && find_images(c, x) && find_roles(c);
}

value index_conv(index_space *s, location at, int first, const ast *left, const ast *right) {
  elaborator *e = s->e;
  convolution c = {.space = s, .first = first}, other = c;
  conv_shape shape;
  node *both[2];
  bool found = recognise(&c, left, right);
  if (!found && (found = recognise(&other, right, left))) c = other;
  if (!found || !find_shape(&c, &shape)) return value_none();
  if (c.x->type.element == DTYPE_BOOL || c.w->type.element == DTYPE_BOOL) return value_none();
  if (!operate_promote(e, at, 2, (value[]){value_tensor(c.x), value_tensor(c.w)}, both))
    return (value){0};
  c.x = both[0];
  c.w = both[1];
  return elaborator_node(e, unfolded(&c, build_conv(e->graph, images(&c), filters(&c), &shape)));
}
