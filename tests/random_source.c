#include "random_source.h"

#include "random_scope.h"
#include "tensor.h"

const char source_uses[] = "use nn\nuse loss\nuse optim\nuse init\n\n";

/* ---- programs -------------------------------------------------------------------------------- */

static const construct *construct_of(uint32_t number) {
  uint32_t tensors = 0;
  while (tensor_constructs[tensors].name) tensors++;
  return number < tensors ? &tensor_constructs[number] : &network_constructs[number - tensors];
}

int source_construct_count(void) {
  int count = 0;
  for (int i = 0; tensor_constructs[i].name; i++) count++;
  for (int i = 0; network_constructs[i].name; i++) count++;
  return count;
}

const char *source_construct_name(int number) { return construct_of((uint32_t)number)->name; }

source_blocks source_blocks_of_seed(arena *a, uint64_t seed) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  source_blocks b = {.count = 4 + (int)(philox_element(key, 0, 21) % 10)};
  b.items = arena_array_of(a, b.count, source_block);
  for (int i = 0; i < b.count; i++)
    for (int k = 0; k < BLOCK_NUMBERS; k++)
      b.items[i].numbers[k] = philox_element(key, (uint64_t)(i * BLOCK_NUMBERS + k), 22) % 4096;
  return b;
}

/* What nothing reads, or else the last. */
static const char *outputs_of(generator *g, scope *s) {
  const char *list = "";
  for (int i = SOURCES; i < s->count; i++)
    if (!s->used[i]) list = TEXT("%s%s%s", list, *list ? ", " : "", s->values[i].text);
  return *list ? list : s->values[s->count - 1].text;
}

static const char *inputs_of(generator *g, const scope *s) {
  const char *list = "";
  for (int i = 0; i < W; i++)
    if (s->used[i])
      list = TEXT("%s%s%s: %s", list, *list ? ", " : "", s->values[i].text,
                  operand_type(g, &s->values[i]));
  return list;
}

static const char *entry_text(generator *g, scope *s, int number) {
  if (s->count == SOURCES && !*s->tail) return "";
  if (s->count == SOURCES) scope_define(g, s, "0.5 * s", scope_use(s, S));
  const char *outputs = outputs_of(g, s);
  return TEXT("entry e%d%s(%s) -> (%s) {\n%s%s}\n\n", number, g->suffix, inputs_of(g, s), outputs,
              s->body, s->tail);
}

static const char *declarations(generator *g) {
  const char *f = g->suffix, *text = "";
  long long a = g->rows, b = g->columns, c = g->width;
  if (g->declared[W]) text = TEXT("param w%s: f32[%lld, %lld] = 0.5 * normal()\n", f, b, c);
  if (g->declared[M]) text = TEXT("%sstate m%s: f32[%lld, %lld] = 0.25\n", text, f, a, b);
  if (g->declared[C]) text = TEXT("%sstate c%s: i32 = 3\n", text, f);
  if (g->declared[NET])
    text = TEXT(
        "%sfn layer%s[m](x: f32[..., n]) {\n  param w: f32[n, m] = glorot[n, m, shape]()\n"
        "  param b: f32[m] = 0.1\n  tanh(x @ w + b)\n}\nnet%s = layer%s[%lld]\n",
        text, f, f, f, c);
  if (g->declared[SLOW]) text = TEXT("%sslow%s = copy(net%s)\n", text, f, f);
  if (g->declared[PAIR])
    text = TEXT(
        "%sfn factors%s[V, H] {\n  param u: f32[V, H] = glorot[V, H, shape]()\n  fn up(x) { x @ u "
        "}\n"
        "  fn down(h) { h @ u.T }\n}\npair%s = factors%s[%lld, %lld]\n",
        text, f, f, f, b, c);
  if (g->declared[PICTURE]) text = TEXT("%spicture%s = conv2d[3, 3, pad: 1]\n", text, f);
  if (g->function)
    text = TEXT(
        "%sfn helper%s[factor = 2](x, shift = 0.5) { tanh(factor * x) + shift }\n"
        "fn both%s(t) { stack[0](t[0], t[1]) }\n",
        text, f, f);
  return text;
}

const char *random_source(arena *a, const char *suffix, const source_blocks *blocks, int *built) {
  static const int64_t extents[] = {3, 2, 4, 5, 1, 8, 7, 17};
  generator *g = arena_new_of(a, generator);
  const uint32_t *first =
      blocks->count ? blocks->items[0].numbers : (const uint32_t[BLOCK_NUMBERS]){0};
  *g = (generator){.arena = a,
                   .suffix = suffix,
                   .rows = extents[first[8] % 8],
                   .columns = extents[first[9] % 8],
                   .width = extents[first[10] % 6]};
  for (int i = 0; i < MOST_ENTRIES; i++) scope_open(g, &g->entries[i]);
  for (int i = 0; i < blocks->count; i++) {
    const uint32_t *n = blocks->items[i].numbers;
    scope *s = &g->entries[n[BLOCK_NUMBERS - 1] % MOST_ENTRIES];
    int before = s->count;
    const char *tail_before = s->tail;
    uint32_t number = n[0] % (uint32_t)source_construct_count();
    construct_of(number)->build(g, s, n);
    if (built && (s->count > before || s->tail != tail_before)) built[number]++;
  }
  const char *text = "";
  for (int i = 0; i < MOST_ENTRIES; i++) {
    text = TEXT("%s%s", text, entry_text(g, &g->entries[i], i));
    for (int k = 0; k < SOURCES; k++) g->declared[k] |= g->entries[i].used[k];
  }
  return TEXT("%s\n%s", declarations(g), text);
}
