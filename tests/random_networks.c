/* Constructs of random programs: control, tuples, functions, networks, derivatives, slots,
 * training. */
#include <string.h>

#include "random_scope.h"

/* ---- control, tuples, functions -------------------------------------------------------------- */

static void build_loop(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK), v = x;
  int turns = 1 + (int)(n[3] % 3);
  if (n[1] % 2) {
    scope_define(g, s,
                 TEXT("%s\n  for i in 0..%d { v%d = tanh(v%d + 0.5 * (i + 1) * %s) }", x.text,
                      turns, s->count - SOURCES, s->count - SOURCES, x.text),
                 v);
    return;
  }
  if (v.rank == MOST_RANK) return;
  v.rank++;
  for (int i = v.rank - 1; i > 0; i--) v.dims[i] = v.dims[i - 1];
  v.dims[0] = 2;
  scope_define(g, s,
               TEXT("(for i in 0..2 { emit tanh(%s) * (i + 1) }) |> both%s", x.text, g->suffix), v);
  g->function = true;
}

static void build_branch(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK);
  scope_define(g, s,
               TEXT("%s\n  if %d > 1 { v%d = 2 * tanh(%s) } else { v%d = sin(%s) }", x.text,
                    (int)(n[1] % 4), s->count - SOURCES, x.text, s->count - SOURCES, x.text),
               x);
}

static void build_tuple(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 0, MOST_RANK),
          y = scope_pick(s, n[3], 1 << DTYPE_F32, 0, MOST_RANK), v = x;
  v.from |= y.from;
  if (n[1] % 2) {
    scope_define(g, s, TEXT("(2 * tanh((one: %s, two: (%s, %s)))).two[1]", x.text, x.text, y.text),
                 (v = y, v.from |= y.from, v));
    return;
  }
  v.rank = 1, v.dims[0] = operand_elements(&x) + operand_elements(&y);
  scope_define(g, s, TEXT("flat(0.5 * (a: %s, b: %s))", x.text, y.text), v);
}

static void build_call(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"helper%s(%s)", "helper%s(%s, shift: 0.25)",
                                      "helper%s[factor: 3](%s)"};
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK);
  g->function = true;
  scope_define(g, s, TEXT(forms[n[1] % 3], g->suffix, x.text), x);
}

/* ---- networks and derivatives ---------------------------------------------------------------- */

static bool is_wide(const operand *x, const operand *like) {
  return x->element == DTYPE_F32 && x->rank >= 1 && operand_last(x) == operand_last(like);
}

static const char *instance(generator *g, scope *s, int which) {
  static const char *const names[] = {"net", "pair", "picture", "slow"};
  s->used[which] = true;
  if (which == SLOW) g->declared[NET] = true;
  return scope_at_top(g, names[which - NET]);
}

/* f32[…, columns] to f32[…, width], a picture to a picture. The first call makes the parameters. */
static void call_network(generator *g, scope *s, int which, uint32_t number) {
  bool picture = which == PICTURE;
  operand like = s->values[V];
  operand x = picture ? scope_pick_where(s, number, NULL, operand_is_picture, like)
                      : scope_pick_where(s, number, &like, is_wide, like);
  const char *name = instance(g, s, which);
  operand v = x;
  v.from |= (source_set)1 << which;
  v.dims[picture ? 1 : v.rank - 1] = picture ? 3 : g->width;
  scope_define(g, s, TEXT("%s%s(%s)", name, which == PAIR ? ".up" : "", x.text), v);
}

static void build_network(generator *g, scope *s, const uint32_t *n) {
  int which = (int[]){NET, PAIR, SLOW, PICTURE, PAIR}[n[1] % 5];
  if (n[1] % 5 < 4) {
    call_network(g, s, which, n[2]);
    return;
  }
  operand like = operand_of(DTYPE_F32, 1, &g->width);
  operand x = scope_pick_where(s, n[2], &like, is_wide, like), v = x;
  v.from |= (source_set)1 << PAIR;
  v.dims[v.rank - 1] = g->columns;
  scope_define(g, s, TEXT("%s.down(%s)", instance(g, s, PAIR), x.text), v);
}

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

static void build_gradient(generator *g, scope *s, const uint32_t *n) {
  operand y = scope_pick(s, n[2], REALS, 0, MOST_RANK);
  int at = dependence(&y, n[3], s->count);
  if (at < 0) return;
  operand x = scope_use(s, at), v = x;
  v.from = 0;
  scope_define(
      g, s, TEXT(n[1] % 2 ? "grad(mean(%s ** 2), %s)" : "grad(sum(sin(%s)), %s)", y.text, x.text),
      v);
}

/* Through operators whose derivatives are others. */
static void build_inner_gradient(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"cumprod[0](cos(%s))",
                                      "sort[0](%s)",
                                      "prod[0](tanh(%s))",
                                      "%s[iota[4]() %% 3]",
                                      "%s[0:1]",
                                      "max[0](%s)",
                                      "concat[0](%s, %s)",
                                      "min[-1, keep: true](%s)",
                                      "cumsum[0, exclusive: true](%s)",
                                      "softmax[0](%s)",
                                      "top_k[1, 0](%s)[0]",
                                      "logsumexp[0](%s)"};
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 1, MOST_RANK);
  const char *inner = TEXT(forms[n[1] % 12], x.text, x.text);
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
  operand x = scope_pick(s, n[2], REALS, 0, MOST_RANK), y = scope_partner(g, s, n[3], &x);
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
  scope_define(g, s, TEXT("jvp(%s, %s, cos(%s))", y.text, x.text, x.text), v);
}

static void build_straight(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 0, MOST_RANK);
  scope_define(g, s, TEXT("straight_through(f32(%s > 0), sigmoid(%s))", x.text, x.text), x);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static bool fits_state(const operand *x, const operand *like) {
  return x->element == DTYPE_F32 && operand_same_shape(x, like) && x->text != like->text;
}

static void tail(generator *g, scope *s, const char *text) {
  s->tail = TEXT("%s  %s\n", s->tail, text);
}

static void build_update(generator *g, scope *s, const uint32_t *n) {
  int which = (int[]){C, M, W, SLOW}[n[1] % 4];
  if (s->updated[which] || (which == W && s->minimized)) return;
  s->updated[which] = true;
  operand slot_value = scope_use(s, which),
          x = scope_pick_where(s, n[2], &slot_value, fits_state, slot_value);
  const char *name = slot_value.text;
  if (which == C) tail(g, s, TEXT("%s <- %s + 1", name, name));
  else if (which != SLOW) tail(g, s, TEXT("%s <- 0.9 * %s + 0.1 * tanh(%s)", name, name, x.text));
  else {
    call_network(g, s, NET, n[2]);
    const char *slow = instance(g, s, SLOW), *net = instance(g, s, NET);
    tail(g, s, TEXT("params(%s) <- 0.9 * params(%s) + 0.1 * params(%s)", slow, slow, net));
  }
}

static const char *trained(generator *g, const operand *loss) {
  const char *list = "";
  for (int i = W; i < SOURCES; i++) {
    bool has = i == W || i == NET || i == PAIR || i == PICTURE;
    const char *name =
        scope_at_top(g, (const char *[]){"w", "m", "c", "net", "pair", "picture", "slow"}[i - W]);
    if (has && loss->from >> i & 1) list = TEXT("%s%s%s", list, *list ? ", " : "", name);
  }
  return list;
}

static bool depends_on_parameters(const operand *x, const operand *like) {
  (void)like;
  const source_set all =
      (source_set)1 << W | (source_set)1 << NET | (source_set)1 << PAIR | (source_set)1 << PICTURE;
  return operand_is(x, REALS) && (x->from & all);
}

static void build_training(generator *g, scope *s, const uint32_t *n) {
  static const char *const optimisers[] = {"sgd(0.1)", "momentum(0.05)", "adam(0.01)",
                                           "clip_norm(1.0) |> nesterov(0.05)",
                                           "decay(0.01) |> adamw(0.01)"};
  operand x = scope_pick_where(s, n[2], NULL, depends_on_parameters, (operand){.text = NULL});
  if (!x.text || s->minimized || s->updated[W]) return;
  s->minimized = true;
  s->tail = TEXT("  minimize mean(f32(%s) ** 2) over %s with %s\n%s", x.text, trained(g, &x),
                 optimisers[n[1] % 5], s->tail);
}

static void build_flat_parameters(generator *g, scope *s, const uint32_t *n) {
  int64_t count = g->columns * g->width + g->width;
  call_network(g, s, NET, n[2]);
  scope_define(g, s, TEXT("sin(flat(params(%s)))", instance(g, s, NET)),
               operand_of(DTYPE_F32, 1, &count));
}

static void build_cross_entropy(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 2, 2);
  operand v = operand_without_axis(x, 1);
  scope_define(g, s, TEXT("cross_entropy(%s, iota[%lld]() %% 3)", x.text, (long long)x.dims[0]), v);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Simple ones first. */
const construct network_constructs[] = {
    {"static loop", build_loop},
    {"static if", build_branch},
    {"tuple", build_tuple},
    {"call", build_call},
    {"network", build_network},
    {"gradient", build_gradient},
    {"inner gradient", build_inner_gradient},
    {"window gradient", build_window_gradient},
    {"second gradient", build_second_gradient},
    {"directional derivative", build_directional},
    {"straight through", build_straight},
    {"update", build_update},
    {"training", build_training},
    {"parameters as a vector", build_flat_parameters},
    {"cross entropy", build_cross_entropy},
    {0},
};
