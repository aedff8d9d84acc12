#include "random_source.h"

#include <string.h>

#include "random_scope.h"
#include "tensor.h"

const char source_uses[] = 
    "use nn\nuse loss\nuse optim\nuse init\nuse recurrent\nuse distributions\nuse attention\n"
    "use transformer\n\n";

/* ---- programs -------------------------------------------------------------------------------- */

static const construct *const families[] = {elementwise_constructs, tensor_constructs,
                                            function_constructs, network_constructs,
                                            training_constructs, size_constructs};

static const construct *construct_of(int number) {
  for (int i = 0; i < FORMS(families); i++)
    for (const construct *c = families[i]; c->name; c++)
      if (number-- == 0) return c;
  return NULL;
}

int source_construct_count(void) {
  int count = 0;
  while (construct_of(count)) count++;
  return count;
}

const char *source_construct_name(int number) { return construct_of(number)->name; }

/* The construct and the form of it that a number stands for. */
static int choose(uint32_t number, uint32_t *form) {
  uint32_t forms = 0;
  for (int i = 0; construct_of(i); i++) forms += (uint32_t)construct_of(i)->forms;
  number %= forms;
  int which = 0;
  while (number >= (uint32_t)construct_of(which)->forms)
    number -= (uint32_t)construct_of(which++)->forms;
  *form = number;
  return which;
}

static bool wants_size(const source_block *block) {
  uint32_t form;
  const construct *c = construct_of(choose(block->numbers[0], &form));
  return c >= size_constructs && c < size_constructs + SIZE_CONSTRUCTS;
}

bool source_is_sized(const source_blocks *blocks) {
  for (int i = 0; i < blocks->count; i++)
    if (wants_size(&blocks->items[i])) return true;
  return false;
}

int64_t source_size(int64_t bound, int which) {
  return (int64_t[SOURCE_SIZES]){1, (bound + 1) / 2, bound}[which];
}

source_blocks source_blocks_of_seed(arena *a, uint64_t seed) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  source_blocks b = {.count = 5 + (int)(philox_element(key, 0, 21) % 9)};
  b.items = arena_array_of(a, b.count, source_block);
  for (int i = 0; i < b.count; i++)
    for (int k = 0; k < BLOCK_NUMBERS; k++)
      b.items[i].numbers[k] = philox_element(key, (uint64_t)(i * BLOCK_NUMBERS + k), 22) % 4096;
  return b;
}

/* x with its axis in front. */
static void define_with_leading(generator *g, scope *s, operand x, int axis) {
  int64_t order[MOST_RANK] = {axis};
  operand v = x;
  for (int i = 0, count = 1; i < x.rank; i++)
    if (i != axis) order[count++] = i;
  for (int i = 0; i < x.rank; i++) v.dims[i] = x.dims[order[i]];
  scope_define(g, s, TEXT("transpose[%s](%s)", scope_list(g->arena, x.rank, order), x.text), v);
}

/* A bounded size leads results, and stands in them once. What is not so gets another last reader. */
static void settle(generator *g, scope *s) {
  bool read = true;
  for (int i = SOURCES; i < s->count; i++) read = read && s->used[i];
  if (read) s->used[s->count - 1] = false; /* it is the result all the same */
  for (int i = SOURCES; i < s->count; i++) {
    const uint32_t sized = operand_sized_axes(&s->values[i]);
    int axis = 0;
    if (s->used[i] || sized <= 1) continue;
    while (!(sized >> axis & 1)) axis++;
    operand x = scope_use(s, i), v = operand_without_axis(x, axis);
    if (sized >> axis == 1) {
      define_with_leading(g, s, x, axis);
      continue;
    }
    if (x.element == DTYPE_BOOL) v.element = DTYPE_I32;
    scope_define(g, s, TEXT("sum[%d](%s)", axis, x.text), v);
  }
}

/* What nothing reads, or else the last. */
static const char *outputs_of(generator *g, const scope *s) {
  const char *list = "";
  for (int i = SOURCES; i < s->count; i++)
    if (!s->used[i]) list = TEXT("%s%s%s", list, *list ? ", " : "", s->values[i].text);
  return *list ? list : s->values[s->count - 1].text;
}

/* A leading extent by a name, where the entry has one for it. */
static const char *input_type(generator *g, const scope *s, int input) {
  const operand *v = &s->values[input];
  if (s->sized) return operand_type(g, v);
  const char *name = s->header == STATIC_SIZE ? "size" : s->header == NAMED_SIZE ? "ROWS$f" : NULL;
  if (!name || v->rank == 0 || (input != X && input != K && input != U)) return operand_type(g, v);
  operand rest = operand_without_axis(*v, 0);
  return TEXT("%s[%s%s%s]", dtype_name(v->element), scope_fill(g, name, v, NULL),
              rest.rank ? ", " : "", operand_sizes(g, &rest));
}

static const char *inputs_of(generator *g, const scope *s) {
  const char *list = "";
  for (int i = 0; i < W; i++)
    if (s->used[i])
      list = TEXT("%s%s%s: %s", list, *list ? ", " : "", s->values[i].text, input_type(g, s, i));
  return list;
}

static const char *results_of(generator *g, const scope *s) {
  const char *outputs = outputs_of(g, s);
  if (s->header == LAST_EXPRESSION && !strchr(outputs, ',')) return "";
  if (s->header != TYPED_RESULTS) return TEXT(" -> (%s)", outputs);
  const operand *last = &s->values[s->count - 1];
  bool whole = !s->used[s->count - 1];
  return whole ? TEXT(" -> (%s: %s)", outputs, operand_type(g, last)) : TEXT(" -> (%s)", outputs);
}

static const char *entry_text(generator *g, scope *s, int number) {
  if (s->count == SOURCES && !*s->tail) return "";
  if (s->count == SOURCES) scope_define(g, s, "0.5 * s", scope_use(s, S));
  settle(g, s);
  const char *results = results_of(g, s), *statics = s->sized ? TEXT("[%s]", g->size) : "";
  if (s->header == STATIC_SIZE && !s->sized) statics = TEXT("[size = %lld]", (long long)g->rows);
  if (s->header == NEVER_TRAINING)
    statics = s->sized ? TEXT("[%s, training = false]", g->size) : "[training = false]";
  const char *last = *results ? "" : TEXT("  %s\n", outputs_of(g, s));
  return TEXT("entry e%d%s%s(%s)%s {\n%s%s%s}\n\n", number, g->suffix, statics, inputs_of(g, s),
              results, s->body, s->tail, last);
}

/* ---- declarations ---------------------------------------------------------------------------- */

static const char *const helpers[HELPERS] = {
    [HELPER] = "fn helper$f[factor = 2](x, shift = 0.5) { tanh(factor * x) + shift }\n",
    [BOTH] = "fn both$f(t) { stack[0](t[0], t[1]) }\n",
    [CENTRED] = "fn centred$f(x: f32[..., n]) { x - mean[-1, keep: true](x) / f32(n) }\n",
    [PARTS] = "fn parts$f(x) -> (low, high) {\n  low = min(x, 0.5)\n  high = x - low\n}\n",
    [TWICE] =
        "fn wave$f(x) { sin(x) }\n"
        "fn twice$f[k](f, x) {\n  fn inner(y) { f(y) * k }\n  x |> inner |> inner\n}\n",
    [POWER] = "fn power$f[k](x) { k > 0 ? power$f[k - 1](x) * cos(x) : 1 }\n",
    [NOISY] = "fn noisy$f(x) { training ? x + 0.1 * normal[shape(x)]() : x }\n",
    [RULED] =
        "fn ruled$f[sign = 1](x, by = 2) {\n  y = tanh(by * x)\n"
        "  derivative(dy) { (by: 0, x: sign * by * dy * (1 - y ** 2)) }\n  y\n}\n",
    [TOWER] = "fn tower$f[m](x) { x |> linear[m] |> layer_norm |> tanh }\n",
    [DRAWN] =
        "fn drawn$f[initial](x: f32[..., n]) {\n  param w: f32[n, 3] = initial\n  x @ w\n}\n",
    [FANNED] =
        "fn fanned$f(x: f32[..., n]) {\n  param w: f32[n, 3] = glorot_normal[n, 3, shape]()\n"
        "  param u: f32[n, 3] = he_uniform[n, shape]() + sparse[1, shape]()\n"
        "  tanh(x @ w) + x @ u\n}\n",
    [GATED] =
        "fn gated$f[m](x: f32[..., n]) {\n  param u: f32[m, 2 * m] = orthogonal_blocks\n"
        "  (a, b) = split[2, -1](x |> linear[m] |> linear[2 * m])\n"
        "  sigmoid(a) * b + (b @ u)[..., m:]\n}\n",
    [FINAL] =
        "fn final$f[m](xs) {\n  all = lstm_states[m](xs, mask: xs[..., 0] > 0)\n"
        "  all.hs * all.h + sin(all.c)\n}\n",
    [STEPPED] =
        "fn stepped$f(x: f32[b, n]) {\n  h = gru_cell[3](x, 0.5 * ones[b, 3]())\n"
        "  next = lstm_cell[3](x, h, tanh(h))\n  next.h + next.c\n}\n",
    [ALIGNED] =
        "fn aligned$f(x: f32[b, t, n]) {\n"
        "  x + attend(additive_weights(x[:, 0], linear[3, bias: false](x)), x)[:, new]\n}\n",
    [ENCODING] =
        "fn encoding$f(x: f32[b, t, n]) {\n  y = x |> linear[4] |> learned_positions[t]\n"
        "  encoder[1, 2, 3](y + sinusoidal[t, 4](), causal[t]())\n}\n",
    [DECODING] =
        "fn decoding$f(x: f32[b, t, n]) {\n  memory = linear[2](sin(x))\n"
        "  x |> linear[4] |> decoder[1, 2, 3](memory, causal[t](), rate: 0.25)\n}\n",
    [ADAPTED] =
        "fn adapted$f(x) {\n  param slope = 0.25\n  x > 0 ? x : slope * x\n}\n"
        "if 2 > 1 { chosen$f = adapted$f } else { chosen$f = 0 }\n",
    [STEADY] =
        "fn steady$f(w, g, rate) {\n  state s: f32[shape(w)] = 1\n"
        "  s <- 0.9 * s + 0.1 * g ** 2\n  w - rate * g * rsqrt(s + 1e-3)\n}\n",
    [NAMED] = "opt$f = adam\n",
    [NUMBERS] = "const WIDE$f = 2\nconst DEEP$f = true\nconst RATE$f = 2 ** -WIDE$f\n"};

/* What an entry can name at top level; $x is the text of the layer. */
static const char *const sources[SOURCES] = {
    [W] = "param w$f: f32[$b, $c] = 0.5 * normal()\n",
    [A] = "param a$f = 0.5\n",
    [G] = "param g$f: f16[$c] = 0.25\n",
    [M] = "state m$f: f32[$a, $b] = 0.25\n",
    [C] = "state c$f: i32 = 3\n",
    [E] = "state e$f: i64[$b] = ones\n",
    [N] = "state z$f: bool[$a] = iota[$a]() % 2 == 0\n",
    [NET] =
        "fn layer$f[m](x: f32[..., n]) {\n  param w: f32[n, m] = glorot[n, m, shape]()\n"
        "  param b: f32[m] = 0.1\n  tanh(x @ w + b)\n}\nnet$f = layer$f[$c]\n",
    [PAIR] =
        "fn factors$f[V, H] {\n  param u: f32[V, H] = he[V, shape]()\n  fn up(x) { x @ u }\n"
        "  fn down(h) { h @ u.T }\n}\npair$f = factors$f[$b, $c]\n",
    [PICTURE] = "picture$f = conv2d[3, 3, pad: 1]\n",
    [CHAIN] =
        "fn chain$f[m](x) {\n  cell = linear[m]\n  fn step(h) { tanh(cell(h)) }\n"
        "  x |> step |> step\n}\nlinks$f = chain$f[$b]\n",
    [TOWERS] =
        "const SIZES$f = ($c, $b)\n"
        "towers$f = for i in 0..2 { emit linear[SIZES$f[i]] }\n"
        "copies$f = copy(towers$f)\n",
    [SLOW] = "slow$f = copy(net$f)\n",
    [METER] =
        "fn gauge$f {\n  state total: f32[2] = between[0, 1, shape]()\n"
        "  fn add(v) { total <- 0.9 * total + 0.1 * v; total }\n}\nmeter$f = gauge$f\n"};

static const char *declarations(generator *g) {
  const char *text = "";
  bool named = false;
  for (int i = 0; i < MOST_ENTRIES; i++) named = named || g->entries[i].header == NAMED_SIZE;
  if (named) text = scope_fill(g, "const ROWS$f = $a\n", NULL, NULL);
  g->declared[NET] |= g->declared[SLOW];
  for (int i = 0; i < HELPERS; i++)
    if (g->helpers[i] && helpers[i])
      text = TEXT("%s%s", text, scope_fill(g, helpers[i], NULL, NULL));
  for (int i = W; i < SOURCES; i++)
    if (g->declared[i] && sources[i])
      text = TEXT("%s%s", text, scope_fill(g, sources[i], NULL, NULL));
  for (int i = 0; i < MOST_LAYERS; i++)
    if (g->layers[i].function)
      text = TEXT("%slayer%d%s = %s\n", text, i, g->suffix, g->layers[i].function);
  return text;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What wants a size stands behind the first entry, which has none; with it most of what else there is. */
static scope *scope_of_block(generator *g, const source_block *block) {
  const uint32_t number = block->numbers[BLOCK_NUMBERS - 1];
  const bool sized = wants_size(block) || (g->entries[1].sized && number % 8);
  return &g->entries[sized ? 1 + number % (MOST_ENTRIES - 1) : number % MOST_ENTRIES];
}

/* True where the block built something. */
static bool build_block(generator *g, scope *s, const source_block *block, int *which) {
  uint32_t n[BLOCK_NUMBERS];
  memcpy(n, block->numbers, sizeof n);
  s->size_used = false;
  int before = s->count, header = s->header;
  const char *tail_before = s->tail;
  *which = choose(n[0], &n[1]);
  const construct *c = construct_of(*which);
  if (c->build)
    c->build(g, s, n);
  else
    form_build(g, s, n, &c->table[n[1]]);
  return s->count > before || s->tail != tail_before || s->header != header;
}

/* In one program of twelve an extent is long: products over it go in blocks, rows are more than a few vectors. */
static void lengthen(generator *g, uint32_t number) {
  static const int64_t long_extents[] = {300, 251, 512};
  int64_t *const extents[] = {&g->columns, &g->rows, &g->width};
  if (number % 12 == 11) *extents[number / 12 % 3] = long_extents[number / 36 % 3];
}

static generator *generator_new(arena *a, const char *suffix, const source_blocks *blocks, int size) {
  static const int64_t extents[] = {3, 2, 4, 5, 1, 8, 7, 17}, bounds[] = {7, 3, 2, 17, 5, 9, 4, 20};
  generator *g = arena_new_of(a, generator);
  const uint32_t *first =
      blocks->count ? blocks->items[0].numbers : (const uint32_t[BLOCK_NUMBERS]){0};
  *g = (generator){.arena = a,
                   .suffix = suffix,
                   .rows = extents[first[8] % 8],
                   .columns = extents[first[9] % 8],
                   .width = extents[first[10] % 6],
                   .bound = bounds[first[7] % 8]};
  lengthen(g, first[6]);
  g->size = size == SOURCE_BOUNDED ? TEXT("n <= %lld", (long long)g->bound)
                                   : TEXT("n = %lld", (long long)source_size(g->bound, size));
  for (int i = 0; i < MOST_ENTRIES; i++)
    scope_open(g, &g->entries[i], i > 0 && source_is_sized(blocks));
  return g;
}

const char *random_source(arena *a, const char *suffix, const source_blocks *blocks, int size,
                          int *built) {
  generator *g = generator_new(a, suffix, blocks, size);
  for (int i = 0; i < blocks->count; i++) {
    int which;
    scope *s = scope_of_block(g, &blocks->items[i]);
    bool something = build_block(g, s, &blocks->items[i], &which);
    if (built) built[which] += something;
    if (built) built[source_construct_count() + which] += something && s->size_used;
  }
  const char *text = "";
  for (int i = 0; i < MOST_ENTRIES; i++) {
    text = TEXT("%s%s", text, entry_text(g, &g->entries[i], i));
    for (int k = 0; k < SOURCES; k++) g->declared[k] |= g->entries[i].used[k];
  }
  return TEXT("%s\n%s", declarations(g), text);
}
