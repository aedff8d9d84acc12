/* Convolutions of images with zeros between neighbours, as transposed ones and derivatives of strided
 * ones are: the zeros are not multiplied. */
#include "build.h"
#include "simplify.h"

enum { MOST = 3 }; /* spatial axes */

/* A convolution whose numbers may be changed. */
typedef struct convolution {
  node *x, *w;
  int axes;
  conv_shape shape;
} convolution;

static convolution convolution_of(const node *n) {
  convolution c = {n->operands[0], n->operands[1], n->type.rank - 2,
                   {.groups = node_int(n, 5)}};
  int64_t *lists[] = {c.shape.strides, c.shape.low, c.shape.high, c.shape.left_dilation,
                      c.shape.right_dilation};
  for (int list = 0; list < 5; list++)
    for (int i = 0; i < c.axes; i++) lists[list][i] = node_ints(n, list, NULL)[i];
  return c;
}

static int64_t extent(const node *x, int axis) { return x->type.dims[2 + axis].maximum; }

/* Along an axis of one tap, elements of the result stand where those of x do: the zeros are put between
 * them afterwards. */
static node *conv_of_one_tap(graph *g, node *n) {
  if (n->op != OP_CONV) return NULL;
  convolution c = convolution_of(n);
  int64_t low[MAX_RANK] = {0}, high[MAX_RANK] = {0}, interior[MAX_RANK] = {0};
  bool any = false;
  for (int i = 0; i < c.axes; i++) {
    int64_t *spacing = &c.shape.left_dilation[i];
    if (*spacing == 1 || extent(c.w, i) > 1 || c.shape.strides[i] > 1) continue;
    any = true;
    low[2 + i] = c.shape.low[i];
    high[2 + i] = c.shape.high[i];
    interior[2 + i] = *spacing - 1;
    c.shape.low[i] = c.shape.high[i] = 0;
    *spacing = 1;
  }
  return any ? build_pad(g, build_conv(g, c.x, c.w, &c.shape), low, high, interior) : NULL;
}

/* One axis of a convolution in phases. The places of the result are taken in blocks of `phases`, of which
 * the first `skipped` places lie before the result; place r of a block meets every phases-th tap, of
 * which there are `taps`, and all places of a block meet the same elements of x. */
typedef struct phased_axis {
  int64_t phases, skipped, taps, blocks;
} phased_axis;

static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* With x spread by s, tap k of place p meets x[(p + k - low) / s], where that is whole. `skipped` moves the
 * blocks so that low + skipped is s - 1 modulo s: place r of block q, p = s q + r - skipped, meets
 * x[q + j - low'] under tap k = s j + s - 1 - r, for low' = (low + skipped) / s rounded down. */
static phased_axis phase(const node *n, convolution *c, int i) {
  phased_axis a = {.phases = c->shape.left_dilation[i], .taps = extent(c->w, i),
                   .blocks = extent(n, i)};
  if (a.phases == 1) return a;
  int64_t *low = &c->shape.low[i], *high = &c->shape.high[i];
  a.skipped = a.phases - 1 - (*low - floor_divide(*low, a.phases) * a.phases);
  a.blocks = (a.blocks + a.skipped + a.phases - 1) / a.phases;
  a.taps = (a.taps + a.phases - 1) / a.phases;
  *low = floor_divide(*low + a.skipped, a.phases);
  *high = a.blocks + a.taps - 1 - extent(c->x, i) - *low;
  c->shape.left_dilation[i] = 1;
  return a;
}

/* w[O, C, K…] as [O · phases…, C, taps…]: a filter for each place of a block. Zeros fill up the last tap. */
static node *phase_filters(graph *g, node *w, int axes, const phased_axis *a) {
  int64_t none[MAX_RANK] = {0}, more[MAX_RANK] = {0}, order[MAX_RANK] = {0}, mirrored[MOST];
  dim parts[MAX_RANK] = {w->type.dims[0], w->type.dims[1]};
  dim merged[MAX_RANK] = {w->type.dims[0], w->type.dims[1]};
  order[axes + 1] = 1;
  for (int i = 0; i < axes; i++) {
    more[2 + i] = a[i].taps * a[i].phases - extent(w, i);
    parts[2 + 2 * i] = merged[2 + i] = dim_fixed(a[i].taps);
    parts[3 + 2 * i] = dim_fixed(a[i].phases);
    merged[0] = dim_fixed(merged[0].maximum * a[i].phases);
    mirrored[i] = order[1 + i] = 3 + 2 * i;
    order[2 + axes + i] = 2 + 2 * i;
  }
  w = build_reshape(g, build_pad(g, w, none, more, none), 2 + 2 * axes, parts);
  w = build_transpose(g, build_reverse(g, w, axes, mirrored), order);
  return build_reshape(g, w, 2 + axes, merged);
}

/* y[N, O · phases…, blocks…] with the places of the blocks side by side, as the type of n. */
static node *join_phases(graph *g, node *y, const node *n, const phased_axis *a) {
  int axes = n->type.rank - 2;
  int64_t order[MAX_RANK] = {0, 1}, starts[MAX_RANK] = {0}, limits[MAX_RANK], steps[MAX_RANK];
  dim parts[MAX_RANK] = {n->type.dims[0], n->type.dims[1]};
  dim joined[MAX_RANK] = {n->type.dims[0], n->type.dims[1]};
  for (int i = 0; i < axes; i++) {
    parts[2 + i] = dim_fixed(a[i].phases);
    parts[2 + axes + i] = dim_fixed(a[i].blocks);
    order[2 + 2 * i] = 2 + axes + i;
    order[3 + 2 * i] = 2 + i;
    joined[2 + i] = dim_fixed(a[i].blocks * a[i].phases);
    starts[2 + i] = a[i].skipped;
  }
  for (int i = 0; i < n->type.rank; i++) {
    limits[i] = starts[i] + n->type.dims[i].maximum;
    steps[i] = 1;
  }
  y = build_transpose(g, build_reshape(g, y, 2 + 2 * axes, parts), order);
  return build_slice(g, build_reshape(g, y, n->type.rank, joined), starts, limits, steps);
}

/* A filter for each place between two neighbours in place of the zeros there ("sub-pixel convolution":
 * Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016). */
static node *conv_in_phases(graph *g, node *n) {
  if (n->op != OP_CONV) return NULL;
  convolution c = convolution_of(n);
  phased_axis axes[MOST];
  bool any = false;
  for (int i = 0; i < c.axes; i++) {
    if (c.shape.left_dilation[i] == 1) continue;
    if (c.shape.strides[i] > 1 || c.shape.right_dilation[i] > 1) return NULL;
    if (extent(c.w, i) < c.shape.left_dilation[i]) return NULL; /* places without a tap */
    any = true;
  }
  if (!any) return NULL;
  for (int i = 0; i < c.axes; i++) axes[i] = phase(n, &c, i);
  node *y = build_conv(g, c.x, phase_filters(g, c.w, c.axes, axes), &c.shape);
  return join_phases(g, y, n, axes);
}

const simplify_rule simplify_convolutions[] = {
    {"conv_of_one_tap", conv_of_one_tap},
    {"conv_in_phases", conv_in_phases},
    {NULL, NULL},
};
