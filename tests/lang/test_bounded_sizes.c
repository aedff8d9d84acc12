/* Bounded sizes: an entry with `n <= 20` means at every n what the entry with that n means, in the loops
 * of its kernels; and touches nothing behind the rows of the arrays that it is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../compare.h"
#include "../graph_case.h"
#include "../model_case.h"
#include "../run_module.h"
#include "compile.h"
#include "dnn_rt.h"

enum { BOUND = 20 };

typedef struct bounded_case {
  const char *name;
  const char *above;  /* what stands above the entry e */
  const char *inputs, *body; /* which defines y and z */
} bounded_case;

static const bounded_case cases[] = {
    {"elementwise", "", "x: f32[n, 3], b: f32[3], s: f32", "y = tanh(x * s) + b\n  z = x"},
    {"vectors", "", "x: f32[n], w: f32[n]", "y = 2 * x - w\n  z = sum(x * w)"},
    {"reductions of vectors", "", "x: f32[n], w: f32[n]",
     "y = argmax(x) + 3 * argmin(w)\n  z = max(x * w) + sum(exp(x)) + mean(w)"},
    {"columns", "", "x: f32[n, 2], w: f32[n, 3]",
     "y = x[:, 1] * w[:, 2] + x[:, 0]\n  z = w * y[:, new] + sum[1](x)[:, new]"},
    {"rows", "use nn\nnet = linear[10]\n", "x: f32[n, 30]",
     "y = softmax(net(x))\n  z = argmax(net(x))"},
    {"reductions over rows", "", "x: f32[n, 7]",
     "y = mean[0](x) + max[0](x) - min[0](x)\n  z = sum((x - mean[0](x)) ** 2) / f32(n)"},
    {"reductions of all", "", "x: f32[n, 5], u: f32[n, 3]",
     "y = mean(x) * prod(cos(u)) + max(x)\n  z = i32(any(x > 0.9)) + i32(all(x > -0.9)) + sum(x > 0)"},
    {"places", "", "x: f32[n, 5]", "y = argmax[0](x)\n  z = argmin(sum[1](x))"},
    {"size as a number", "", "x: f32[n, 4]",
     "y = x / n_real(x)\n  z = 3 * len(x) + n\n", },
    {"a step of learning", "use nn\nuse optim\nnet = linear[6]\n", "x: f32[n, 9], t: f32[n, 6]",
     "y = mean((net(x) - t) ** 2)\n  minimize y over net with adam(0.1)\n  z = net.b"},
    {"two layers and their gradient", "use nn\nuse optim\nfn two(x) { x |> linear[40] |> tanh |> linear[3] }\nnet = two\n",
     "x: f32[n, 11]", "y = sum(net(x) ** 2)\n  z = grad(y, x)\n  minimize y over net with sgd(0.1)"},
    {"attention between rows", "", "x: f32[n, 12]",
     "s = x @ x.T / 3\n  p = exp(s - max[-1, keep: true](s))\n"
     "  y = (p / sum[-1, keep: true](p)) @ x\n  z = grad(sum(y ** 2), x)"},
    {"turns that carry nothing", "use nn\n", "x: f32[n, 5, 4]",
     "y = scan m in x { s = m @ m.T; emit softmax(s) @ m }\n  z = scan m, t in x, 0..n { emit t > 3 ? tanh(m.T @ m) : m.T @ m }"},
    {"convolutions", "use nn\nc = conv2d[4, 3]\n", "x: f32[n, 2, 7, 8]",
     "y = max_pool2d[2](relu(c(x)))\n  z = grad(sum(y ** 2), x)"},
    {"gradients by filters", "param w: f32[6, 2, 3, 2] = uniform()\n", "x: f32[n, 4, 7, 8]",
     "y = conv[pad: 1, stride: (2, 1), dilation: (1, 3), groups: 2](x, w)\n"
     "  z = grad(sum(y ** 2), w)"},
    {"gradients by filters without padding", "param w: f32[3, 2, 3] = uniform()\n", "x: f32[n, 2, 9]",
     "y = conv(x, w)\n  z = grad(sum(y ** 2), w)"},
    {"gradients of products and extrema", "", "x: f32[n, 3]",
     "y = grad(sum(prod[0](x) ** 2) + prod(x[:, 0:2]), x)\n"
     "  z = grad(sum(max[0](x) ** 2) + min(x) + max(x) * sum(prod[1](x)), x)"},
    {"second derivatives", "", "x: f32[n, 3]",
     "g = grad(prod(x[:, 0]) + sum(tanh(x @ x.T)), x)\n  y = grad(sum(g ** 2), x)\n  z = sum(g)"},
    {"shapes", "", "x: f32[n, 2, 6]",
     "y = reshape[n, 12](x) @ ones[12, 2]()\n  z = concat[1](transpose[0, 2, 1](x), zeros[n, 1, 2]())"},
    {"rows of a matrix with a transposed one", "", "x: f32[n, 6]",
     "y = (x.T @ x)[2:, 1:]\n  z = transpose[1, 0](2 * x.T + 1)"},
    {"a table read at rows", "param table: f32[9, 5] = uniform()\n", "k: i32[n], x: f32[n, 5]",
     "y = table[k] * x\n  z = grad(sum(y ** 2), table)"},
    {"reads within rows", "", "x: f32[n, 5], k: i32[n]",
     "y[b] = x[b, k[b]]\n  z = grad(sum(y ** 2), x)"},
    {"reads at pairs of places within rows", "", "x: f32[n, 2, 3, 4], i: i32[n, 5], j: i32[n, 5]",
     "y[b, k, p] = x[b, k, i[b, p], j[b, p]]\n  z = grad(sum(y ** 2), x)"},
    {"rows at places", "", "x: f32[n, 5], v: f32[6]",
     "k = i32(20 * v)\n  y = x[k] + x[i32(5 * v[0])]\n  z = grad(sum(y ** 2) + sum(x[k[0]] ** 3), x)"},
    {"elements at places", "", "x: f32[n], v: f32[6]",
     "k = i32(20 * v)\n  y = x[k]\n  z = grad(sum(y ** 2) + x[k[3]] ** 3 + x[n - 1], x)"},
    {"first and last rows", "", "x: f32[n, 3], v: f32[30]",
     "y = x\n  y[0] <- 2 * x[-1]\n  y[-1, 1:] <- x[0, :2] * v[n]\n  t = x.T\n  y[:, 2] <- t[1] + t[0, -1] + x[-1, -1]\n"
     "  z = grad(sum(y ** 3) + sum(t[2, 0] * x), x)"},
    {"rows that are replaced", "", "x: f32[n, 3], v: f32[6]",
     "k = i32(20 * v)\n  y = 2 * x\n  y[k] <- ones[6, 3]() * v[:, new]\n  y[k[1]] <- y[k[0]] + x[0 * k[2]]\n"
     "  d = grad(sum(y ** 3), (x, v))\n  z = d[0] * sum(d[1])"},
    {"rows replaced by as many", "", "x: f32[n, 3], v: f32[n]",
     "k = i32(20 * v)\n  y = x\n  y[k] <- sin(x)\n  d = grad(sum(y ** 3), (x, v))\n  z = d[0]"},
    {"the size beside places", "", "x: f32[n, 4], v: f32[3]",
     "k = i32(4 * v)\n  t = x.T\n  r = t[k[0]]\n  t[k[1]] <- x[:, 2] * r\n  t[k] <- sin(t[k] + t[k[2]])\n"
     "  y = t[k[2]] + r\n  z = grad(sum(t ** 2) + sum(y ** 3), x)"},
    {"columns at places of the size", "", "x: f32[n, 4], v: f32[3]",
     "k = i32(20 * v)\n  t = x.T\n  y = t[:, k[0]] + t[1, k[1]]\n  t[:, k[2]] <- y\n  t[:, k] <- t[:, k] + 1\n"
     "  z = grad(sum(t ** 2) + sum(y ** 3), x)"},
    {"places in index notation", "", "x: f32[n, 4], v: f32[n]",
     "k = i32(20 * v)\n  y[i, j] = x[k[i], j] * v[i]\n  z = grad(sum(y ** 3), x)"},
    {"running results and order", "", "x: f32[n, 9]", "y = cumsum(x)\n  z = sort(x)"},
    {"running results beside rows", "", "x: f32[n, 4, 6]", "y = cumprod[1](x)\n  z = argsort[1](x)"},
    {"draws", "", "x: f32[n, 3]", "y = x + uniform[n, 3]()\n  z = normal[n]()"},
    {"index notation", "", "x: f32[n, 4], w: f32[4, 3]",
     "d[i, j] = sum[k]((x[i, k] - x[j, k]) ** 2)\n  y[i] = mean[j](d[i, j])\n"
     "  z[i, o] = sum[k](x[i, k] * w[k, o]) + f32(i)"},
    {"a scan over rows", "", "x: f32[n, 4], w: f32[4, 4]",
     "h = zeros[4]()\n  y = scan v in x {\n    h = tanh(h @ w + v)\n    emit h\n  }\n"
     "  z = grad(sum(h ** 2) + sum(y[:, 1] ** 3), (x, w))[1]"},
    {"gradients of a scan by its rows", "", "x: f32[n, 4], w: f32[4, 4]",
     "h = zeros[4]()\n  y = scan v in x {\n    h = sin(h @ w + v)\n    emit h\n  }\n"
     "  z = grad(sum(h ** 2) + sum(y ** 3), x)"},
    {"second derivatives of a scan", "", "x: f32[n, 3], w: f32[3]",
     "h = zeros[3]()\n  scan v in x { h = tanh(h * w + v) }\n  g = grad(sum(h ** 2), w)\n"
     "  y = grad(sum(g ** 2), w)\n  z = grad(sum(g ** 2), x)"},
    {"a scan over the size", "", "x: f32[n, 2]",
     "a = 0.0\n  y = scan t in 0..n {\n    a = a + f32(t)\n    emit a\n  }\n  z = a + sum(x)"},
    {"a scan that ends early", "", "x: f32[n]",
     "a = 0.0\n  y = scan v in x while a < 2 {\n    a = a + abs(v)\n    emit a\n  }\n"
     "  z = grad(a + sum(y), x)"},
    {"second derivatives of a scan that ends early", "", "x: f32[n], s: f32",
     "h = 1.5 + abs(s)\n  k = 0\n  y = scan v in x while k < 3 {\n    h = h / (1.5 + abs(v))\n    k = k + 1\n"
     "    emit log(h) * h\n  }\n  z = grad(grad(sum(y) + h, s) ** 2, s)"},
    {"a scan in a scan", "", "x: f32[n, 3], w: f32[3, 3]",
     "h = zeros[3]()\n  y = scan v in x {\n    repeat 2 { h = tanh(h @ w + v) }\n    emit sum(h)\n  }\n"
     "  z = grad(sum(y ** 2), w)"},
    {"draws in a scan", "", "x: f32[n, 3]",
     "h = zeros[3]()\n  y = scan v in x {\n    h = h + v * normal[3]()\n    emit h\n  }\n  z = h"},
    {"a scan in blocks", "", "x: f32[n, 4], w: f32[4, 4]",
     "h = x[0 * n]\n  y = scan[checkpoint: 7] v, t in x, 0..n {\n    h = tanh(h @ w + v) + h[0] * f32(t) / 9\n"
     "    emit h\n  }\n  d = grad(sum(h ** 2) + sum(y[:, 1] ** 3), (x, w))\n  z = d[0] * sum(d[1])"},
    {"a scan in blocks that ends early", "", "x: f32[n, 2], s: f32",
     "h = 1.5 + abs(s)\n  k = 0\n  y = scan[checkpoint: 7] v in x while k < 9 {\n    h = h / (1.5 + sum(v ** 2))\n"
     "    k = k + 1\n    emit log(h) * v\n  }\n  d = grad(sum(y ** 3) + h, (x, s))\n  z = d[0] * d[1]"},
    {"second derivatives of a scan in blocks", "", "x: f32[n, 3], w: f32[3]",
     "h = zeros[3]()\n  y = scan[checkpoint: 7] v in x { h = tanh(h * w + v); emit h * v }\n"
     "  g = grad(sum(h ** 2) + sum(y ** 3), (w, x))\n  z = grad(sum(g[0] ** 2) + sum(g[1] ** 2), x)"},
    {"blocks in blocks, draws and a table", "param table: f32[5, 3] = normal()\nstate seen: f32[3] = 0.5\n", "x: f32[n, 3]",
     "h = ones[3]()\n  y = scan[checkpoint: 7] v, t in x, 0..n {\n"
     "    scan[checkpoint: 2] u in 0..3 { h = sin(h * v + table[(t + u) % 5]) + 0.1 * normal[3]() }\n"
     "    seen <- seen * h\n    emit (h, sum(h) > 1)\n  }\n"
     "  d = grad(sum(h ** 2) + sum(y[0] ** 3) + sum(seen), (x, table))\n"
     "  z = d[0] * sum(d[1])\n  y = (y[1][:, new] ? y[0] : seen)"},
    {"repeated blocks", "", "x: f32[n, 3]",
     "y = sum[0](x)\n  first = y\n  repeat n { scan[checkpoint: 3] t in 0..n { y = sin(y) + 0.1 * f32(t) } }\n"
     "  z = grad(sum(y ** 2), first)"},
    {"a loop over rows of known number", "", "x: f32[n, 4], w: f32[4, 4]",
     "h = zeros[n, 4]()\n  scan t in 0..5 { h = tanh(h @ w + x) }\n  y = h\n  z = grad(sum(h ** 2), w)"},
    {"weights packed for the rows in use", "", "x: f32[n, 37], w: f32[37, 37]",
     "h = zeros[n, 37]()\n  scan t in 0..9 { h = tanh(h @ w + x) }\n  y = h\n  z = grad(sum(h ** 2), x)"},
};

static const char *text_of(arena *a, const bounded_case *c, const char *size) {
  return arena_printf(a, "%sfn n_real(x) { f32(len(x)) }\nentry e[%s](%s) -> (y, z) {\n  %s\n}\n",
                      c->above, size, c->inputs, c->body);
}

/* Dense rows, behind which lies what must not be read. */
static void *array_of(arena *a, const tensor_type *bound, const tensor *t) {
  size_t bytes = (size_t)type_bytes(bound);
  void *array = arena_alloc(a, bytes);
  memset(array, 0xff, bytes);
  if (t) compare_to_array(t, array);
  return array;
}

static void expect_untouched(const unsigned char *array, size_t from, size_t bytes) {
  for (size_t i = from; i < bytes; i++) assert_int_equal(array[i], 0xff);
}

static void copy_slots(const model *m, const module *made, module_memory *memory) {
  for (int i = 0; i < made->slot_count; i++) {
    const module_slot *s = &made->slots[i];
    char *from = s->place.region == REGION_STATE ? memory->state : memory->parameters;
    compare_to_array(model_slot(m, s->slot->path), from + s->place.offset);
  }
}

static void compare_slots(arena *a, const model *m, const module *made,
                          const module_memory *memory, tolerance t) {
  for (int i = 0; i < made->slot_count; i++) {
    const module_slot *s = &made->slots[i];
    const char *from = s->place.region == REGION_STATE ? memory->state : memory->parameters;
    const char *difference =
        compare_array(a, from + s->place.offset, model_slot(m, s->slot->path), t);
    if (difference) fail_msg("slot %s: %s", s->slot->path, difference);
  }
}

static void run_at(const bounded_case *c, int64_t n) {
  static const tolerance near = {1e-9, 1e-9};
  const elaborate_options real = {.real_f64 = true};
  arena *a = arena_new();
  model *fixed = model_new(text_of(a, c, arena_printf(a, "n = %d", (int)n)), &real);
  model *bounded = model_new(text_of(a, c, arena_printf(a, "n <= %d", BOUND)), &real);
  const graph *g = program_entry(fixed->program, "e");
  const graph *wide = program_entry(bounded->program, "e");
  const tensor **inputs = random_inputs(a, g, 7 + (uint64_t)n, -1, 1);
  void **in = arena_array_of(a, g->input_count, void *), **out = arena_array_of(a, 2, void *);
  for (int i = 0; i < g->input_count; i++)
    in[i] = array_of(a, &wide->inputs[i].node->type, inputs[i]);
  for (int i = 0; i < 2; i++) out[i] = array_of(a, &wide->outputs[i].node->type, NULL);
  size_t bytes[2];
  for (int i = 0; i < 2; i++) bytes[i] = (size_t)type_bytes(&wide->outputs[i].node->type);
  const module *made = compile_module(bounded->program, diag_new(a), &(compile_options){0});
  assert_non_null(made);
  module_memory *memory = module_memory_new(a, made);
  memory->size = n;
  memory->seed = fixed->seed;
  memory->step = fixed->step;
  copy_slots(fixed, made, memory);
  const char *fault = run_entry(a, made, &made->entries[1], memory, in, out);
  if (fault) fail_msg("%s at %d: %s", c->name, (int)n, fault);
  tensor **expected = model_run(fixed, "e", inputs);
  for (int i = 0; i < 2; i++) {
    const char *difference = compare_array(a, out[i], expected[i], near);
    if (difference) fail_msg("%s at %d, %s: %s", c->name, (int)n, i ? "z" : "y", difference);
    expect_untouched(out[i], (size_t)type_bytes(&expected[i]->type), bytes[i]);
  }
  compare_slots(a, fixed, made, memory, near);
  model_free(fixed);
  model_free(bounded);
  arena_free(a);
}

static void test_every_size_means_the_same(void **state) {
  (void)state;
  static const int64_t sizes[] = {1, 2, 7, BOUND - 1, BOUND};
  static const int64_t around_blocks[] = {6, 8, 14, 15};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const bool blocks = strstr(cases[i].body, "checkpoint");
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) run_at(&cases[i], sizes[k]);
    for (size_t k = 0; blocks && k < sizeof around_blocks / sizeof *around_blocks; k++)
      run_at(&cases[i], around_blocks[k]);
  }
}

/* --- compiled ------------------------------------------------------------------------------- */

static const char *const compiled_texts[] = {
    "use nn\nnet = linear[5]\n"
    "entry e[$](x: f32[n, 9]) -> (y: f32[n, 5], z, k) {\n"
    "  y = tanh(net(x))\n  z = mean[0](y)\n  k = n\n}\n",
    "param w: f32[5, 5] = 0.5 * normal()\n"
    "entry e[$](x: f32[n, 9]) -> (y: f32[n, 5], z, k) {\n"
    "  h = zeros[5]()\n"
    "  y = scan[checkpoint: 4] v in x { h = tanh(h @ w + v[2:7]) + v[:5]; emit h }\n"
    "  d = grad(sum(y ** 2) + sum(h), (w, x))\n  z = sum[0](d[0]) + sum(d[1])\n  k = n\n}\n",
};

typedef struct compiled {
  arena *arena;
  const char *text;
} compiled;

static model *model_of_size(arena *a, const char *text, const char *size) {
  const char *at = strchr(text, '$');
  return model_new(arena_printf(a, "%.*s%s%s", (int)(at - text), text, size, at + 1), NULL);
}

/* Calls the compiled entry with arrays of n rows and compares; arrays end where the rows do. */
static void call_at(const compiled *c, dnn_instance *instance, const dnn_entry *entry, int64_t n) {
  arena *a = c->arena;
  model *fixed = model_of_size(a, c->text, arena_printf(a, "n = %d", (int)n));
  const graph *g = program_entry(fixed->program, "e");
  const tensor **inputs = random_inputs(a, g, 3, -1, 1), **kept = inputs;
  const void *in[] = {array_of(a, &inputs[0]->type, inputs[0])};
  void *out[3];
  for (int i = 0; i < 3; i++) out[i] = array_of(a, &g->outputs[i].node->type, NULL);
  for (int i = 0; i < instance->model->slot_count; i++) {
    const dnn_slot *s = &instance->model->slots[i];
    compare_to_array(model_slot(fixed, s->tensor.name), dnn_slot_memory(instance, s));
  }
  assert_int_equal(instance->model->prepare(&instance->weights), DNN_OK);
  assert_int_equal(entry->call(&instance->context, n, in, out), DNN_OK);
  tensor **expected = model_run(fixed, "e", kept);
  for (int i = 0; i < 3; i++) {
    const char *difference = compare_array(a, out[i], expected[i], (tolerance){1e-5, 1e-5});
    if (difference) fail_msg("%d rows, %s: %s", (int)n, g->outputs[i].name, difference);
  }
  model_free(fixed);
}

static bool use_library(void *context, const char *file) {
  const compiled *c = context;
  dnn_library library;
  dnn_instance instance = {0};
  char message[DNN_MESSAGE_BYTES];
  if (!dnn_load(&library, file, message)) fail_msg("%s", message);
  assert_true(dnn_instance_init(&instance, library.model, NULL, 1));
  const dnn_entry *entry = dnn_find_entry(library.model, "e");
  assert_int_equal(entry->bound, BOUND);
  assert_true(entry->inputs[0].bounded && entry->outputs[0].bounded);
  assert_false(entry->outputs[1].bounded || entry->outputs[2].bounded);
  static const int64_t outside[] = {0, -1, BOUND + 1, INT64_MIN, INT64_MAX};
  float x[9] = {0}, y[5], z[5];
  int32_t k;
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
    assert_int_equal(entry->call(&instance.context, outside[i], (const void *[]){x},
                                 (void *[]){y, z, &k}), DNN_RANGE);
  static const int64_t sizes[] = {1, 2, 3, 4, 5, 8, 13, BOUND - 1, BOUND};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    call_at(c, &instance, entry, sizes[i]);
  dnn_instance_free(&instance);
  dnn_unload(&library);
  return true;
}

static void test_compiled_calls_give_the_size(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof compiled_texts / sizeof *compiled_texts; i++) {
    compiled c = {arena_new(), compiled_texts[i]};
    model *m = model_of_size(c.arena, c.text, "n <= 20");
    diagnostics *d = diag_new(c.arena);
    const module *made = compile_module(m->program, d, &(compile_options){0});
    assert_non_null(made);
    assert_true(compile_library(c.arena, made, d, &(compile_options){0}, "/tmp", use_library, &c));
    model_free(m);
    arena_free(c.arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_size_means_the_same),
      cmocka_unit_test(test_compiled_calls_give_the_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
