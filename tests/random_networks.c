/* Constructs of random programs: networks and their layers, losses, derivatives. */
#include "random_scope.h"
#include "random_source.h"

/* ---- instances ------------------------------------------------------------------------------- */

static bool is_wide(const operand *x, const operand *like) {
  return x->element == DTYPE_F32 && x->rank >= 1 && operand_last(x) == operand_last(like);
}

/* f32[…, columns] to f32[…, width], and others. The first call makes the parameters. */
static const struct network {
  int instance;
  bool to_columns, of_width; /* what it makes and takes: else of the width, of the columns */
  const char *text;
} networks[] = {
    {NET, false, false, "net$f($x)"},
    {NET, false, false, "(net$f($x) + net$f(cos($x)))"},
    {SLOW, false, false, "slow$f($x)"},
    {PAIR, false, false, "pair$f.up($x)"},
    {PAIR, true, true, "pair$f.down($x)"},
    {PAIR, false, false, "$x @ pair$f.u"},
    {CHAIN, true, false, "links$f($x)"},
    {CHAIN, true, false, "links$f($x)\n  $y = $y + links$f.step($x)"},
    {TOWERS, true, false, "($x |> towers$f[0] |> towers$f[1])"},
    {TOWERS, false, false, "towers$f[0]($x) - copies$f[0](sin($x))"},
    {NET, false, false, "net$f($x)\n  repeat 2 { $y = 0.5 * $y + net$f(sin($x)) }"},
    {CHAIN, true, false, "$x\n  scan t in 0..3 { $y = links$f($y) * f32(t) }"},
};

static void build_network(generator *g, scope *s, const uint32_t *n) {
  const struct network *t = &networks[n[1] % FORMS(networks)];
  operand like = operand_of(DTYPE_F32, 1, t->of_width ? &g->width : &g->columns);
  operand x = scope_pick_where(s, n[2], &like, is_wide, s->values[t->of_width ? Y : V]), v = x;
  operand name = {.text = TEXT("v%d", s->count - SOURCES)};
  if (t->of_width && x.text == s->values[Y].text) scope_use(s, Y);
  s->used[t->instance] = true;
  v.from |= (source_set)1 << t->instance;
  v.dims[v.rank - 1] = t->to_columns ? g->columns : g->width;
  scope_define(g, s, scope_fill(g, t->text, &x, &name), v);
}

static void build_picture(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick_where(s, n[2], NULL, operand_is_picture, s->values[P]), v = x;
  scope_use(s, P), s->used[PICTURE] = true;
  v.from |= (source_set)1 << PICTURE;
  v.dims[1] = 3;
  scope_define(g, s, scope_fill(g, "picture$f($x)", &x, NULL), v);
}

/* ---- layers of the library ------------------------------------------------------------------- */

/* What a layer does to the extents of a value of at least `rank` axes. Spatial ones, with a
 * kernel, take f32[n, c, s…]; others change the last axis. */
static const struct layer_form {
  const char *function;
  int input; /* a source that fits */
  int rank, kernel, stride, pad;
  int64_t channels; /* 0: as many */
  helper helper;
  int axes; /* FIRST_KNOWN: no loop of it runs over a bounded size */
} layer_forms[] = {
    {"linear[5]", V, 1, 0, 1, 0, 5, NO_HELPER, 0},
    {"layer_norm", V, 1, 0, 1, 0, 0, NO_HELPER, 0},
    {"maxout[3, 2]", X, 2, 0, 1, 0, 3, NO_HELPER, 0},
    {"tower$f[4]", V, 1, 0, 1, 0, 4, TOWER, 0},
    {"drawn$f[orthogonal]", V, 1, 0, 1, 0, 3, DRAWN, 0},
    {"fanned$f", V, 1, 0, 1, 0, 3, FANNED, 0},
    {"gated$f[2]", V, 1, 0, 1, 0, 2, GATED, 0},
    {"embedding[5, 3]", K, 0, 0, 1, 0, 3, NO_HELPER, 0},
    {"conv1d[3, 2]", R, 3, 2, 1, 0, 3, NO_HELPER, 0},
    {"conv1d[4, 3, pad: 1, stride: 2]", R, 3, 3, 2, 1, 4, NO_HELPER, 0},
    {"conv2d[3, 2, stride: 2]", P, 4, 2, 2, 0, 3, NO_HELPER, 0},
    {"depthwise2d[3, pad: 1]", P, 4, 3, 1, 1, 0, NO_HELPER, 0},
    {"depthwise2d[2, multiplier: 2]", Q, 4, 2, 1, 0, -2, NO_HELPER, 0},
    {"batch_norm2d", P, 4, 1, 1, 0, 0, NO_HELPER, 0},
    {"batch_norm", X, 2, 0, 1, 0, 0, NO_HELPER, 0},
    {"group_norm[1]", P, 4, 1, 1, 0, 0, NO_HELPER, 0},
    {"conv3d[2, 2, bias: false]", O, 5, 2, 1, 0, 2, NO_HELPER, 0},
    {"conv_transpose2d[3, 3, pad: 1]", P, 4, 3, 1, 1, 3, NO_HELPER, 0},
    {"prelu", X, 2, 0, 1, 0, 0, NO_HELPER, 0},
    {"rnn[3]", R, 3, 0, 1, 0, 3, NO_HELPER, 0},
    {"gru[2]", R, 3, 0, 1, 0, 2, NO_HELPER, 0},
    {"lstm[2]", R, 3, 0, 1, 0, 2, NO_HELPER, 0},
    {"lstm[3, peepholes: true]", R, 3, 0, 1, 0, 3, NO_HELPER, 0},
    {"final$f[2]", R, 3, 0, 1, 0, 2, FINAL, FIRST_KNOWN},
    {"stepped$f", X, 2, 0, 1, 0, 3, STEPPED, 0},
    {"bidirectional[rnn[2]]", R, 3, 0, 1, 0, 4, NO_HELPER, FIRST_KNOWN},
    {"stacked[gru[2], 2, rate: 0.25]", R, 3, 0, 1, 0, 2, NO_HELPER, FIRST_KNOWN},
    {"self_attention[1]", R, 3, 0, 1, 0, 0, NO_HELPER, 0},
    {"aligned$f", R, 3, 0, 1, 0, 0, ALIGNED, 0},
    {"encoding$f", R, 3, 0, 1, 0, 4, ENCODING, 0},
    {"decoding$f", R, 3, 0, 1, 0, 4, DECODING, 0},
};

static bool takes(const operand *x, const operand *like) {
  if (x->element != like->element || x->rank < like->rank) return false;
  for (int i = 0; i < like->rank; i++)
    if (x->dims[i] < like->dims[i]) return false;
  return operand_sized_axes(x) <= 1 && operand_has_axes(x, LAST_KNOWN);
}

static operand layer_output(const operand *x, const struct layer_form *f) {
  operand v = *x;
  int changed = f->kernel ? 1 : v.rank - 1;
  if (f->input == K) changed = v.rank++, v.element = DTYPE_F32;
  if (f->channels) v.dims[changed] = f->channels < 0 ? -f->channels * v.dims[1] : f->channels;
  for (int i = 2; f->kernel && i < v.rank; i++)
    v.dims[i] = (v.dims[i] + 2 * f->pad - f->kernel) / f->stride + 1;
  return v;
}

static operand layer_input(scope *s, const struct layer_form *f, uint32_t number) {
  const int64_t least[] = {1, 1, f->kernel, f->kernel, f->kernel};
  operand like = operand_of(s->values[f->input].element, f->rank, least);
  for (int turn = 0; turn < 8; turn++) {
    operand x = scope_pick_where(s, number + (uint32_t)turn, &like, takes, like);
    bool exact = f->kernel || f->rank > 1;
    if (x.text && x.rank < MOST_RANK && (!exact || x.rank == f->rank) &&
        operand_has_axes(&x, f->axes))
      return x;
  }
  return operand_has_axes(&s->values[f->input], f->axes) ? scope_use(s, f->input)
                                                         : (operand){.text = NULL};
}

static void call_layer(generator *g, scope *s, int number, const operand *x) {
  const layer *l = &g->layers[number];
  operand v = l->output;
  s->used[LAYER + number] = true;
  v.from = x->from | (source_set)1 << (LAYER + number);
  scope_define(g, s, TEXT("layer%d%s(%s)", number, g->suffix, x->text), v);
}

static void build_layer(generator *g, scope *s, const uint32_t *n) {
  const struct layer_form *f = &layer_forms[n[1] % FORMS(layer_forms)];
  int free = 0;
  while (free < MOST_LAYERS && g->layers[free].function) free++;
  if (free == MOST_LAYERS) return;
  operand x = layer_input(s, f, n[2]);
  if (!x.text) return;
  g->layers[free] = (layer){scope_fill(g, f->function, &x, NULL), x, layer_output(&x, f)};
  g->helpers[f->helper] = true;
  call_layer(g, s, free, &x);
}

/* The parameters of a layer once more, perhaps in another entry. */
static void build_shared_layer(generator *g, scope *s, const uint32_t *n) {
  int number = (int)(n[1] % MOST_LAYERS);
  while (number >= 0 && !g->layers[number].function) number--;
  if (number < 0) return;
  const operand none = {.text = NULL};
  operand x = scope_pick_where(s, n[2], &g->layers[number].input, operand_same_type, none);
  if (x.text) call_layer(g, s, number, &x);
}

static const struct pool_form {
  const char *text;
  int input, rank, kernel, stride, pad;
} pool_forms[] = {
    {"max_pool2d[2]($x)", P, 4, 2, 2, 0},
    {"max_pool2d[3, stride: 1, pad: 1]($x)", P, 4, 3, 1, 1},
    {"avg_pool2d[2, stride: 1]($x)", P, 4, 2, 1, 0},
    {"max_pool1d[3]($x)", R, 3, 3, 3, 0},
    {"avg_pool1d[2, pad: 1]($x)", R, 3, 2, 2, 1},
    {"max_pool3d[2, stride: 1]($x)", O, 5, 2, 1, 0},
    {"avg_pool3d[3, pad: 1]($x)", O, 5, 3, 3, 1},
};

static void build_pooling(generator *g, scope *s, const uint32_t *n) {
  const struct pool_form *f = &pool_forms[n[1] % FORMS(pool_forms)];
  const struct layer_form like = {.input = f->input,
                                  .rank = f->rank,
                                  .kernel = f->kernel,
                                  .stride = f->stride,
                                  .pad = f->pad};
  operand x = f->rank == MOST_RANK ? scope_use(s, O) : layer_input(s, &like, n[2]);
  scope_define(g, s, scope_fill(g, f->text, &x, NULL), layer_output(&x, &like));
}

static const source_form losses[] = {
    {"cross_entropy($x, iota[$d]() % 3)", 1 << DTYPE_F32, 2, 2, ROWS, AS_X, false},
    {"soft_cross_entropy($x, softmax($y))", 1 << DTYPE_F32, 1, MOST_RANK, ROWS, AS_X, false},
    {"binary_cross_entropy($x, sigmoid($y))", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"mse($x, tanh($y))", REALS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"l1($x, 0.5 * $y)", REALS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"huber($x, -$y, delta: 0.75)", REALS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"multiclass_hinge($x, iota[$d]() % 3)", 1 << DTYPE_F32, 2, 2, ROWS, AS_X, false},
    {"hinge($x * $y, $y > 0 ? 1.0 : -1.0)", REALS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"ranking($x, sin($y))", REALS, 0, MOST_RANK, SCALAR, AS_X, false},
    {"gaussian_nll(tanh($x), tanh($y), $x)", REALS, 0, MOST_RANK, LIKE, AS_X, false},
    {"kl($x, cos($y))", 1 << DTYPE_F32, 1, MOST_RANK, ROWS, AS_X, false},
};

/* ---- derivatives ----------------------------------------------------------------------------- */

/* The number of a source or definition on which v depends; -1: none. */
static int dependence(const operand *v, uint32_t number, int below) {
  int count = 0;
  for (int i = 0; i < below; i++) count += (int)(v->from >> i & 1) && (i < NET || i >= SOURCES);
  if (count == 0) return -1;
  int left = (int)(number % (uint32_t)count);
  for (int i = 0; i < below; i++)
    if (v->from >> i & 1 && (i < NET || i >= SOURCES) && left-- == 0) return i;
  return -1;
}

static bool comes_from(const operand *x, const operand *like) {
  return operand_is(x, FLOATS) && (x->from & like->from);
}

static void build_gradient(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"grad(sum(sin($y)), $x)", "grad(mean($y ** 2), $x)",
                                      "grad(sum($y), ($x, s))[0]"};
  operand y = scope_pick(s, n[2], FLOATS, 0, MOST_RANK);
  int at = dependence(&y, n[3], s->count), form = (int)(n[1] % 3);
  if (at < 0 || (form == 2 && !(y.from >> S & 1))) return;
  operand x = scope_use(s, at), v = x;
  v.from = 0;
  scope_define(g, s, scope_fill(g, forms[form], &x, &y), v);
}

/* With respect to the parameters of an instance: of a call that was there, or of a new one. */
static void build_instance_gradient(generator *g, scope *s, const uint32_t *n) {
  static const struct {
    int instance;
    const char *text;
  } forms[] = {{NET, "flat(grad(mean(sin($x)), net$f))"},
               {PAIR, "flat(grad(sum($x), params(pair$f)))"},
               {CHAIN, "flat(grad(sum(sin($x)), links$f))"},
               {TOWERS, "flat(grad(mean($x ** 2), (towers$f[0], towers$f[1])))"}};
  static const uint32_t first_network[] = {0, 3, 6, 8};
  const int64_t b = g->columns, c = g->width,
                counts[] = {b * c + c, b * c, b * b + b, 2 * b * c + b + c};
  uint32_t which = n[1] % FORMS(forms), call[BLOCK_NUMBERS] = {0, first_network[which], n[4]};
  operand like = {.from = (source_set)1 << forms[which].instance}, none = {.text = NULL};
  operand x = scope_pick_where(s, n[2], &like, comes_from, none);
  if (!x.text) build_network(g, s, call), x = scope_use(s, s->count - 1);
  if (!(x.from & like.from)) return;
  scope_define(g, s, scope_fill(g, forms[which].text, &x, NULL),
               operand_of(DTYPE_F32, 1, &counts[which]));
}

/* Through operators whose derivatives are others. */
static void build_inner_gradient(generator *g, scope *s, const uint32_t *n) {
  static const struct {
    const char *text;
    int axes;
  } forms[] = {{"cumprod[0](cos(%s))", FIRST_KNOWN},
               {"sort[0](%s)", FIRST_KNOWN},
               {"prod[0](tanh(%s))", 0},
               {"%s[iota[4]() %% 3]", FIRST_KNOWN},
               {"%s[0:1]", FIRST_KNOWN},
               {"max[0](%s)", 0},
               {"concat[0](%s, %s)", FIRST_KNOWN},
               {"min[-1, keep: true](%s)", 0},
               {"cumsum[0, exclusive: true](%s)", FIRST_KNOWN},
               {"softmax[0](%s)", 0},
               {"top_k[1, 0](%s)[0]", FIRST_KNOWN},
               {"logsumexp[0](%s)", 0}};
  const int form = (int)(n[1] % FORMS(forms));
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32 | forms[form].axes, 1, MOST_RANK);
  const char *inner = TEXT(forms[form].text, x.text, x.text);
  x.from = 0;
  scope_define(g, s, TEXT("grad(sum(sin(%s) ** 2), %s)", inner, x.text), x);
}

static void build_window_gradient(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {
      "grad(sum(sin(conv[pad: 1](p, q))), p)",     "grad(sum(sin(conv[stride: 2](p, q))), p)",
      "grad(sum(sin(conv[pad: 1](p, q))), q)",     "grad(sum(sin(max_pool2d[2](p)) ** 2), p)",
      "grad(sum(sin(p[:, 1:, 1:4, 2:]) ** 2), p)", "grad(sum(sin(q[:2, :, :, 1]) ** 2), q)",
      "grad(sum(sin(prod[2, 3](cos(p)))), p)",     "grad(sum(cumprod[2](cos(p)) ** 2), p)"};
  uint32_t form = n[1] % 8;
  operand v = scope_use(s, form == 2 || form == 5 ? Q : P);
  if (form < 3) scope_use(s, P), scope_use(s, Q);
  v.from = 0;
  scope_define(g, s, forms[form], v);
}

static void build_second_gradient(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK), y = scope_partner(s, n[3], &x);
  x.from = 0;
  scope_define(g, s,
               TEXT("grad(sum(tanh(grad(sum(sin(%s) * sin(%s) * %s), %s))), %s)", x.text, x.text,
                    y.text, x.text, x.text),
               x);
}

static void build_directional(generator *g, scope *s, const uint32_t *n) {
  operand y = scope_pick(s, n[2], REALS, 0, MOST_RANK);
  int at = dependence(&y, n[3], s->count);
  if (at < 0) return;
  operand x = scope_use(s, at), v = y;
  v.from = 0;
  scope_define(
      g, s,
      scope_fill(g, n[1] % 2 ? "jvp($y, $x, cos($x))" : "jvp(($y, sin($y)), ($x, $x), 0.5)[1]", &x,
                 &y),
      v);
}

static const source_form straight[] = {
    {"straight_through(hard_threshold($x), hard_sigmoid($x))", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE,
     AS_X, false},
    {"straight_through(f32($x > 0), sigmoid($x))", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"straight_through(bernoulli(sigmoid($x)), tanh($x))", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X,
     false},
};

/* ---- attention ------------------------------------------------------------------------------- */

static const source_form attention[] = {
    {"masked_softmax($x - $y, $y > 0)", REALS, 1, MOST_RANK, LIKE, AS_X, false},
    {"dot_attention($x, $y, tanh($y))", 1 << DTYPE_F32 | LAST_KNOWN, 2, MOST_RANK, LIKE, AS_X, false},
    {"dot_attention($x, $y, $x, causal[shape($x)[-2]]())", 1 << DTYPE_F32 | LAST_KNOWN, 2, MOST_RANK, LIKE, AS_X,
     false},
    {"join_heads(tanh(split_heads[1]($x)))", 1 << DTYPE_F32 | LAST_KNOWN, 3, 3, LIKE, AS_X, false},
    {"sum[-1](cosines(tanh($x), cos($y)))", 1 << DTYPE_F32 | ALL_KNOWN, 2, 2, ROWS, AS_X, false},
    {"shifted(softmax($x), softmax(sin($x) @ ones[$n, 3]()))", 1 << DTYPE_F32 | ALL_KNOWN, 2, 2, LIKE, AS_X, false},
    {"sharpened(softmax($x), 1.5 + cos($y))", 1 << DTYPE_F32 | LAST_KNOWN, 1, MOST_RANK, LIKE, AS_X, false},
    {"sum[-1](length_mask[4]($x))", INTEGERS, 0, MOST_RANK - 1, LIKE, DTYPE_I32, true},
};

/* ---- distributions --------------------------------------------------------------------------- */

static const source_form distributions[] = {
    {"normal_draw(($x, $y))", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"normal_log_probability(($x, tanh($y)), cos($x))", REALS | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"normal_entropy(($x, $x + $y))", REALS | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"normal_kl(($x, tanh($y)), (sin($y), cos($x)))", REALS | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"bernoulli_log_probability($x - $y, bernoulli_draw($y))", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE,
     AS_X, false},
    {"bernoulli_entropy($x)", REALS | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"bernoulli_kl($x, $y) + bernoulli_relaxed($x, 1.5)", REALS | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X,
     false},
    {"categorical_log_probability($x - $y, categorical_draw($y))", 1 << DTYPE_F32 | SIZE_LEADS, 1, MOST_RANK, ROWS,
     AS_X, false},
    {"categorical_entropy($x)", 1 << DTYPE_F32 | SIZE_LEADS, 1, MOST_RANK, ROWS, AS_X, false},
    {"categorical_kl($x, $y)", 1 << DTYPE_F32 | SIZE_LEADS, 1, MOST_RANK, ROWS, AS_X, false},
    {"$x * logistic[shape($x)]() + gumbel[shape($x)]()", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X,
     false},
    {"bernoulli_relaxed($x, 0.5)", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"categorical_relaxed($x, 0.75)", 1 << DTYPE_F32 | SIZE_LEADS, 1, MOST_RANK, LIKE, AS_X, false},
    {"bernoulli_straight_through($x)", 1 << DTYPE_F32 | SIZE_LEADS, 0, MOST_RANK, LIKE, AS_X, false},
    {"categorical_straight_through($x, 0.75)", 1 << DTYPE_F32 | SIZE_LEADS, 1, MOST_RANK, LIKE, AS_X, false},
    {"inner_uniform[shape($x)]()", REALS | SIZE_LEADS, 0, MOST_RANK, LIKE, DTYPE_F32, true},
};

/* ---- the table ------------------------------------------------------------------------------- */

/* Simple ones first. */
const construct network_constructs[] = {
    {"network", FORMS(networks), build_network, NULL},
    {"picture", 2, build_picture, NULL},
    {"layer", FORMS(layer_forms), build_layer, NULL},
    {"shared layer", 8, build_shared_layer, NULL},
    {"pooling", FORMS(pool_forms), build_pooling, NULL},
    {"loss", FORMS(losses), NULL, losses},
    {"gradient", 12, build_gradient, NULL},
    {"gradient by an instance", 8, build_instance_gradient, NULL},
    {"inner gradient", 12, build_inner_gradient, NULL},
    {"window gradient", 8, build_window_gradient, NULL},
    {"second gradient", 3, build_second_gradient, NULL},
    {"directional derivative", 6, build_directional, NULL},
    {"straight through", FORMS(straight), NULL, straight},
    {"attention", FORMS(attention), NULL, attention},
    {"distribution", FORMS(distributions), NULL, distributions},
    {0},
};
