/* Constructs of random programs: slots, their updates, training. */
#include <string.h>

#include "random_scope.h"

/* ---- updates --------------------------------------------------------------------------------- */

static bool fits_state(const operand *x, const operand *like) {
  return operand_same_type(x, like) && x->text != like->text;
}

/* At the end of an entry, each slot once. */
static const struct update {
  int slot;
  const char *text; /* $x the slot, $y what fits it */
} updates[] = {
    {C, "$x <- $x + 1"},
    {C, "scan turn in 0..4 { $x <- $x + turn }"},
    {M, "$x <- 0.9 * $x + 0.1 * tanh($y)"},
    {M, "scan row in $y { $x <- 0.9 * $x + 0.1 * tanh(row) }"},
    {W, "$x <- 0.9 * $x + 0.1 * tanh($y)"},
    {A, "$x <- 0.5 * $x + 0.25"},
    {G, "$x <- f16(0.5 * f32($x)) + 0.25"},
    {E, "$x <- $x * 3 - $y"},
    {N, "$x <- not $x"},
    {SLOW, "params(slow$f) <- 0.9 * params(slow$f) + 0.1 * params(net$f)"},
    {SLOW, "params(slow$f, only: \"*.w\") <- 0.5 * params(net$f, without: \"*.b\")"},
    {SLOW, "params(slow$f) <- polyak_average(params(slow$f), params(net$f), start: 1)"},
    {SLOW, "params(slow$f) <- exponential_average(params(slow$f), params(net$f), 0.75)"},
    {SLOW, "params(slow$f) <- unflat(0.5 * flat(params(slow$f)), params(slow$f))"},
};

/* Its parameters exist from its first call. */
static void call_net(generator *g, scope *s) {
  operand x = scope_use(s, V), v = x;
  v.dims[0] = g->width;
  v.from |= (source_set)1 << NET;
  s->used[NET] = true;
  scope_define(g, s, scope_fill(g, "net$f($x)", &x, NULL), v);
}

static void tail(generator *g, scope *s, const char *text) {
  s->tail = TEXT("%s  %s\n", s->tail, text);
}

static void build_update(generator *g, scope *s, const uint32_t *n) {
  const struct update *u = &updates[n[1] % FORMS(updates)];
  operand x = s->values[u->slot], y = x;
  if (s->updated[u->slot] || (u->slot <= G && s->minimized)) return;
  s->updated[u->slot] = s->used[u->slot] = true;
  if (u->slot == SLOW)
    call_net(g, s);
  else
    y = scope_pick_where(s, n[2], &x, fits_state, x);
  tail(g, s, scope_fill(g, u->text, &x, &y));
}

/* In the middle: what is read before it and after it are two versions. */
static void build_version(generator *g, scope *s, const uint32_t *n) {
  operand x = scope_use(s, M), y = scope_pick_where(s, n[2], &x, fits_state, x), v = x;
  operand name = {.text = TEXT("v%d", s->count - SOURCES)};
  for (int i = SOURCES; i < s->count; i++) s->values[i].from &= ~((source_set)1 << M);
  const char *sum = TEXT("%s + %s", x.text, y.text), *next = TEXT("%s <- tanh(%s)", x.text, sum);
  if (n[1] % 3 == 2) next = TEXT("repeat 2 { %s }\n  %s <- stop_gradient(%s)", next, x.text, x.text);
  if (n[1] % 5 == 3) next = TEXT("%s[-1] <- %s[0]\n  %s[:, 0] <- 0.5", x.text, y.text, x.text);
  if (n[1] % 5 == 4)
    next = TEXT("repeat 2 { %s[0] <- stop_gradient(tanh(%s[-1])) }", x.text, x.text);
  const char *text = TEXT("%s\n  %s\n  $y = $y - $x", n[1] % 3 ? sum : y.text, next);
  v.from = 0;
  scope_define(g, s, scope_fill(g, text, &x, &name), v);
}

static void build_meter(generator *g, scope *s, const uint32_t *n) {
  static const char *const forms[] = {"meter$f.add(sum(tanh($x)))", "meter$f.total + mean($x)",
                                      "sin(flat(states(meter$f))) + mean($x)",
                                      "flat(states(meter$f)) * mean(cos($x))"};
  operand x = scope_pick(s, n[2], 1 << DTYPE_F32, 0, MOST_RANK);
  operand v = operand_of(DTYPE_F32, 1, (int64_t[]){2});
  s->used[METER] = true;
  scope_define(g, s, scope_fill(g, forms[n[1] % 4], &x, NULL), v);
}

static void build_flat_parameters(generator *g, scope *s, const uint32_t *n) {
  int64_t count = g->columns * g->width + g->width;
  operand v = operand_of(DTYPE_F32, 1, &count);
  call_net(g, s);
  scope_define(g, s,
               scope_fill(g, n[1] % 2 ? "sin(flat(params(net$f)))" : "tanh(flat(net$f))", &v, NULL),
               v);
}

/* ---- training -------------------------------------------------------------------------------- */

static const struct optimiser {
  const char *stages;
  helper helper;
} optimisers[] = {
    {"sgd(0.1)", NO_HELPER},
    {"momentum(0.05)", NO_HELPER},
    {"adam(0.01)", NO_HELPER},
    {"clip_norm(1.0) |> nesterov(0.05)", NO_HELPER},
    {"decay(0.01) |> adamw(0.01)", NO_HELPER},
    {"clip_value(0.5) |> adagrad(0.05)", NO_HELPER},
    {"absolute_decay(0.01) |> rmsprop(0.01)", NO_HELPER},
    {"gradient_noise(0.1) |> sgd(0.05)", NO_HELPER},
    {"steady$f(0.05)", STEADY},
    {"opt$f(0.01)", NAMED},
};

static const source_set trainable =
    (source_set)1 << W | (source_set)1 << A | (source_set)1 << G | (source_set)1 << NET |
    (source_set)1 << PAIR | (source_set)1 << PICTURE | (source_set)1 << CHAIN |
    (source_set)1 << TOWERS | (((source_set)1 << MOST_LAYERS) - 1) << LAYER;

static const char *trained(generator *g, const operand *loss) {
  static const char *const names[] = {[W] = "w",         [A] = "a",          [G] = "g",
                                      [NET] = "net",     [PAIR] = "pair",    [PICTURE] = "picture",
                                      [CHAIN] = "links", [TOWERS] = "towers"};
  const char *list = "";
  for (int i = W; i < SOURCES; i++) {
    if (!(trainable & loss->from) || !((trainable & loss->from) >> i & 1)) continue;
    bool is_layer = i >= LAYER && i < LAYER + MOST_LAYERS;
    const char *name = is_layer ? TEXT("layer%d", i - LAYER) : names[i];
    list = TEXT("%s%s%s", list, *list ? ", " : "", scope_at_top(g, name));
  }
  return list;
}

static bool is_trainable(const operand *x, const operand *like) {
  (void)like;
  return operand_is(x, FLOATS) && (x->from & trainable);
}

static void build_training(generator *g, scope *s, const uint32_t *n) {
  const struct optimiser *optimiser = &optimisers[n[1] % FORMS(optimisers)];
  operand x = scope_pick_where(s, n[2], NULL, is_trainable, (operand){.text = NULL});
  if (!x.text || s->minimized || s->updated[W] || s->updated[A] || s->updated[G]) return;
  s->minimized = true;
  g->helpers[optimiser->helper] = true;
  const char *over = trained(g, &x);
  bool net = x.from >> NET & 1, alone = !strchr(over, ',');
  if (net && n[4] % 3 == 1) over = TEXT("%s except params(net%s, only: \"*.b\")", over, g->suffix);
  if (net && alone && n[4] % 3 == 2) over = TEXT("params(net%s, only: \"*.w\")", g->suffix);
  const char *loss =
      n[5] % 4 == 3 ? "  maximize -mean(f32($x) ** 2) over" : "  minimize mean(f32($x) ** 2) over";
  s->tail = TEXT("%s %s with %s\n%s", scope_fill(g, loss, &x, NULL), over,
                 scope_fill(g, optimiser->stages, &x, NULL), s->tail);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Simple ones first. */
const construct training_constructs[] = {
    {"update", FORMS(updates), build_update, NULL},
    {"version", 6, build_version, NULL},
    {"meter", 5, build_meter, NULL},
    {"parameters as a vector", 2, build_flat_parameters, NULL},
    {"training", 2 * FORMS(optimisers), build_training, NULL},
    {0},
};
