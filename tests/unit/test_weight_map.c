/* Weights as PyTorch writes them, used by names and written again: what the layers then compute, what the
 * file then holds, and every mistake in a map. The model and its map are tests/unit/tasks/foreign.*. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data.h"
#include "element.h"
#include "file.h"
#include "safetensors.h"
#include "tool_case.h"

/* ---- a file of PyTorch ----------------------------------------------------------------------- */

/* A tensor of theirs; every number is made from the seed. */
typedef struct foreign {
  const char *name;
  dtype element;
  int rank;
  int64_t extents[4];
} foreign;

static const foreign tensors[] = {
    {"dense.0.weight", DTYPE_F32, 2, {4, 3}},       {"dense.0.bias", DTYPE_F32, 1, {4}},
    {"dense.1.weight", DTYPE_F64, 2, {4, 4}},       {"dense.1.bias", DTYPE_F16, 1, {4}},
    {"rnn.weight_ih_l0", DTYPE_F32, 2, {20, 3}},    {"rnn.weight_hh_l0", DTYPE_BF16, 2, {20, 5}},
    {"rnn.bias_ih_l0", DTYPE_F32, 1, {20}},         {"rnn.bias_hh_l0", DTYPE_F32, 1, {20}},
    {"head.weight", DTYPE_F32, 2, {2, 5}},          {"head.bias", DTYPE_F32, 1, {2}},
    {"attention.in_proj_weight", DTYPE_F32, 2, {6, 6}},
    {"attention.small", DTYPE_F32, 2, {1, 6}},      {"attention.large", DTYPE_F32, 2, {3, 6}},
    {"conv.weight", DTYPE_F32, 4, {2, 1, 3, 3}},    {"conv.bias", DTYPE_F32, 1, {2}},
    {"bn.weight", DTYPE_F32, 1, {2}},               {"bn.bias", DTYPE_F32, 1, {2}},
    {"bn.running_mean", DTYPE_F32, 1, {2}},         {"bn.running_var", DTYPE_F32, 1, {2}},
    {"bn.num_batches_tracked", DTYPE_I64, 0, {0}},
};
enum { TENSORS = sizeof tensors / sizeof *tensors };

static int64_t elements_of(const foreign *t) {
  int64_t elements = 1;
  for (int i = 0; i < t->rank; i++) elements *= t->extents[i];
  return elements;
}

/* Element i of tensor k, between 0 and 1, a fraction that 8 bits hold. */
static double number_of(int k, int64_t i) { return (double)((i * 37 + k * 101) % 127 + 1) / 128; }

/* As torch's writer lays them out here: one after the other, in the order of the names given, the header
 * padded to 8 bytes. shape: of the first tensor, as text; left_out: a name, or NULL. */
static void write_theirs(const char *name, const char *shape, const char *left_out) {
  arena *a = tool_arena();
  const char *header = "{\"__metadata__\":{\"format\":\"pt\"}", *error = NULL;
  static const char *const words[] = {[DTYPE_F32] = "F32", [DTYPE_F64] = "F64", [DTYPE_F16] = "F16",
                                      [DTYPE_BF16] = "BF16", [DTYPE_I64] = "I64"};
  static char data[8192];
  size_t bytes = 0;
  for (int k = 0; k < TENSORS; k++) {
    const foreign *t = &tensors[k];
    if (left_out && !strcmp(left_out, t->name)) continue;
    size_t begin = bytes;
    const char *extents = "";
    for (int i = 0; i < t->rank; i++)
      extents = arena_printf(a, "%s%s%lld", extents, i ? "," : "", (long long)t->extents[i]);
    for (int64_t i = 0; i < elements_of(t); i++, bytes += dtype_size(t->element)) {
      double cell = 0;
      element_set_real(t->element, &cell, 0, number_of(k, i));
      memcpy(data + bytes, &cell, dtype_size(t->element));
    }
    header = arena_printf(a, "%s,\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", header,
                          t->name, words[t->element], k || !shape ? extents : shape, begin, bytes);
  }
  header = arena_printf(a, "%s}", header);
  while ((strlen(header) + 8) % 8 != 4) header = arena_printf(a, "%s ", header); /* nothing is aligned */
  uint64_t length = strlen(header);
  const file_part parts[] = {{&length, 8}, {header, length}, {data, bytes}};
  assert_true(file_replace(a, tool_path("%s", name), 3, parts, &error));
}

static const safetensors *read_tensors(const char *name) {
  const char *error = NULL;
  const safetensors *file = safetensors_read(tool_arena(), tool_path("%s", name), &error);
  if (!file) fail_msg("%s", error);
  return file;
}

static int tensor_number(const char *name) {
  for (int k = 0; k < TENSORS; k++)
    if (!strcmp(tensors[k].name, name)) return k;
  fail_msg("no tensor %s", name);
  return -1;
}

static double theirs(const char *name, int64_t i) { return number_of(tensor_number(name), i); }

static void write_text(const char *name, const char *text) {
  const char *error = NULL;
  file_part part = {text, strlen(text)};
  assert_true(file_replace(tool_arena(), tool_path("%s", name), 1, &part, &error));
}

static void write_input(const char *name, int rank, const int64_t *extents) {
  const char *error = NULL;
  array x = {.element = DTYPE_F32, .rank = rank};
  memcpy(x.extents, extents, sizeof(int64_t) * (size_t)rank);
  float *numbers = arena_alloc(tool_arena(), (size_t)array_bytes(&x));
  x.data = numbers;
  for (int64_t i = 0; i < array_elements(&x); i++) numbers[i] = (float)((i * 29) % 41) / 41 - 0.5f;
  assert_true(npy_write(tool_arena(), tool_path("%s", name), &x, &error));
}

static double input(int64_t i) { return (float)((i * 29) % 41) / 41 - 0.5f; }

/* Output y of an entry under the weights of a file. */
static const float *output_of(const char *entry, const char *weights, const char *map, const char *given) {
  const char *error = NULL;
  tool_expect(0, "run foreign.so %s --weights %s %s%s %s --out result", entry, weights, map ? "--map " : "",
              map ? map : "", given);
  const array *y = npy_read(tool_arena(), tool_path("result/y.npy"), &error);
  if (!y) fail_msg("%s", error);
  return y->data;
}

static void expect_near(const char *what, int64_t i, double value, double expected) {
  if (!(fabs(value - expected) <= 1e-5 * (1 + fabs(expected))))
    fail_msg("%s, element %lld: %.9g, not %.9g", what, (long long)i, value, expected);
}

/* ---- what PyTorch computes ------------------------------------------------------------------- */

/* torch.nn.functional.linear: x W' + b with W of [out, in]. */
static void linear(const char *weight, const char *bias, const double *x, int in, int out, double *y) {
  for (int o = 0; o < out; o++) {
    y[o] = bias ? theirs(bias, o) : 0;
    for (int i = 0; i < in; i++) y[o] += theirs(weight, o * in + i) * x[i];
  }
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* torch.nn.LSTMCell: gates i, f, g, o one below the other. */
static void lstm_cell(const double *x, double *h, double *c) {
  double from_x[20], from_h[20];
  linear("rnn.weight_ih_l0", "rnn.bias_ih_l0", x, 3, 20, from_x);
  linear("rnn.weight_hh_l0", "rnn.bias_hh_l0", h, 5, 20, from_h);
  for (int k = 0; k < 5; k++) {
    double i = sigmoid(from_x[k] + from_h[k]), f = sigmoid(from_x[5 + k] + from_h[5 + k]);
    double g = tanh(from_x[10 + k] + from_h[10 + k]), o = sigmoid(from_x[15 + k] + from_h[15 + k]);
    c[k] = f * c[k] + i * g;
    h[k] = o * tanh(c[k]);
  }
}

static void dense_layers(void **state) {
  (void)state;
  const float *y = output_of("dense", "theirs.safetensors", "foreign.map", "x=x.npy");
  for (int row = 0; row < 2; row++) {
    double x[3], h[4], expected[4];
    for (int i = 0; i < 3; i++) x[i] = input(row * 3 + i);
    linear("dense.0.weight", "dense.0.bias", x, 3, 4, h);
    for (int i = 0; i < 4; i++) h[i] = fmax(0, h[i]);
    linear("dense.1.weight", "dense.1.bias", h, 4, 4, expected);
    for (int i = 0; i < 4; i++) expect_near("dense", row * 4 + i, y[row * 4 + i], expected[i]);
  }
}

static void a_recurrent_layer(void **state) {
  (void)state;
  const float *y = output_of("states", "theirs.safetensors", "foreign.map", "xs=xs.npy");
  double h[2][5] = {{0}}, c[2][5] = {{0}};
  for (int t = 0; t < 3; t++) {
    for (int row = 0; row < 2; row++) {
      double x[3], expected[2];
      for (int i = 0; i < 3; i++) x[i] = input((t * 2 + row) * 3 + i);
      lstm_cell(x, h[row], c[row]);
      linear("head.weight", "head.bias", h[row], 5, 2, expected);
      for (int i = 0; i < 2; i++)
        expect_near("states", (t * 2 + row) * 2 + i, y[(t * 2 + row) * 2 + i], expected[i]);
    }
  }
}

/* Query and key lie in one tensor, what `joint` multiplies by in two. */
static void parts_of_tensors(void **state) {
  (void)state;
  const float *y = output_of("attend", "theirs.safetensors", "foreign.map", "x=wide.npy");
  double joint = 0;
  for (int row = 0; row < 2; row++)
    for (int i = 0; i < 6; i++)
      for (int o = 0; o < 4; o++)
        joint += input(row * 6 + i) *
                 (o ? theirs("attention.large", (o - 1) * 6 + i) : theirs("attention.small", i));
  for (int row = 0; row < 2; row++)
    for (int o = 0; o < 3; o++) {
      double expected = joint;
      for (int i = 0; i < 6; i++)
        expected += input(row * 6 + i) * (theirs("attention.in_proj_weight", o * 6 + i) -
                                          theirs("attention.in_proj_weight", (o + 3) * 6 + i));
      expect_near("attend", row * 3 + o, y[row * 3 + o], expected);
    }
}

static void a_convolution_and_its_statistics(void **state) {
  (void)state;
  const float *y = output_of("image", "theirs.safetensors", "foreign.map", "x=image.npy");
  for (int channel = 0; channel < 2; channel++)
    for (int at = 0; at < 9; at++) {
      double sum = theirs("conv.bias", channel);
      for (int tap = 0; tap < 9; tap++)
        sum += theirs("conv.weight", channel * 9 + tap) * input((at / 3 + tap / 3) * 5 + at % 3 + tap % 3);
      double expected = (sum - theirs("bn.running_mean", channel)) /
                            sqrt(theirs("bn.running_var", channel) + 1e-5) * theirs("bn.weight", channel) +
                        theirs("bn.bias", channel);
      expect_near("image", channel * 9 + at, y[channel * 9 + at], expected);
    }
}

/* ---- the way back ---------------------------------------------------------------------------- */

static void expect_tensor(const safetensors *file, const char *name, int64_t rows, int64_t columns,
                          double (*value)(int64_t)) {
  const safetensor *x = safetensors_find(file, name);
  assert_non_null(x);
  assert_int_equal(x->element, DTYPE_F32);
  assert_int_equal(x->rank, columns ? 2 : 1);
  assert_int_equal(x->extents[0], rows);
  if (columns) assert_int_equal(x->extents[1], columns);
  for (int64_t i = 0; i < rows * (columns ? columns : 1); i++)
    expect_near(name, i, element_real(DTYPE_F32, x->data, i), value(i));
}

static double in_proj(int64_t i) { return theirs("attention.in_proj_weight", i); }
static double large(int64_t i) { return theirs("attention.large", i); }
static double dense_weight(int64_t i) { return theirs("dense.1.weight", i); }
static double bias_sum(int64_t i) { return theirs("rnn.bias_ih_l0", i) + theirs("rnn.bias_hh_l0", i); }
static double zero(int64_t i) { return 0 * (double)i; }

/* Ours from theirs, then a file for them from ours. */
static void weights_go_back(void **state) {
  (void)state;
  tool_expect(0, "export foreign.so ours.safetensors --weights theirs.safetensors --map foreign.map");
  tool_expect(0, "export foreign.so back.safetensors --weights ours.safetensors --as foreign.map");
  const safetensors *file = read_tensors("back.safetensors");
  assert_int_equal(file->tensor_count, TENSORS - 1); /* one is ignored */
  expect_tensor(file, "attention.in_proj_weight", 6, 6, in_proj);
  expect_tensor(file, "attention.large", 3, 6, large);
  expect_tensor(file, "dense.1.weight", 4, 4, dense_weight);
  expect_tensor(file, "rnn.bias_ih_l0", 20, 0, bias_sum);
  expect_tensor(file, "rnn.bias_hh_l0", 20, 0, zero);
  tool_expect(0, "export foreign.so again.safetensors --weights back.safetensors --map foreign.map");
  tool_expect_same("again.safetensors", "ours.safetensors");
}

/* load(…, map: …) and save(…, map: …): only the instance is read and written. */
static void a_task_uses_a_map(void **state) {
  (void)state;
  tool_points("points/x.npy", 8, 3);
  tool_expect(0, "train foreign.dnn --data . --out task");
  const safetensors *file = read_tensors("task/again.safetensors");
  assert_int_equal(file->tensor_count, 6);
  expect_tensor(file, "rnn.bias_ih_l0", 20, 0, bias_sum);
  tool_expect(1, "train foreign.dnn --data . --out other --weights task/again.safetensors --map foreign.map");
}

/* The block of a kind in docs/tool.md, as a file. */
static void write_example(const char *kind, const char *name) {
  arena *a = tool_arena();
  const char *error = NULL, *begin = NULL;
  size_t bytes;
  const char *page = file_read(a, "docs/tool.md", &bytes, &error);
  if (page) begin = strstr(page, arena_printf(a, "```%s\n", kind));
  assert_non_null(begin);
  begin = strchr(begin, '\n') + 1;
  write_text(name, arena_text_n(a, begin, (size_t)(strstr(begin, "```") - begin)));
}

static void the_example_of_the_documentation(void **state) {
  (void)state;
  static const foreign expected[] = {
      {"conv.weight", DTYPE_F32, 4, {8, 1, 5, 5}},        {"norm.running_var", DTYPE_F32, 1, {8}},
      {"rnn.weight_ih_l0", DTYPE_F32, 2, {128, 192}},     {"rnn.weight_hh_l0", DTYPE_F32, 2, {128, 32}},
      {"rnn.bias_hh_l0", DTYPE_F32, 1, {128}},            {"head.0.weight", DTYPE_F32, 2, {64, 32}},
      {"head.2.weight", DTYPE_F32, 2, {10, 64}}};
  write_example("dnn", "reader.dnn");
  write_example("map", "reader.map");
  tool_compile(0, "reader.dnn -o reader.so");
  tool_expect(0, "export reader.so ours.safetensors --seed 3");
  tool_expect(0, "export reader.so pytorch.safetensors --seed 3 --as reader.map");
  const safetensors *file = read_tensors("pytorch.safetensors");
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    const safetensor *x = safetensors_find(file, expected[i].name);
    assert_non_null(x);
    assert_int_equal(x->rank, expected[i].rank);
    assert_memory_equal(x->extents, expected[i].extents, sizeof(int64_t) * (size_t)x->rank);
  }
  tool_expect(0, "export reader.so back.safetensors --weights pytorch.safetensors --map reader.map");
  tool_expect_same("back.safetensors", "ours.safetensors");
}

/* ---- mistakes -------------------------------------------------------------------------------- */

typedef struct mistake {
  const char *map, *message;
} mistake;

/* Of a model with w: f32[2, 3] and b: f32[3], and a file with weight: f32[3, 2], bias: f32[3], n: i64. */
static const mistake mistakes[] = {
    {"w = weigth transpose\nb = bias\nignore n\n", "bad.map:1:5: error: two.safetensors has no tensor weigth, "
     "from which w comes\n    w = weigth transpose\n        ^~~~~~\n    did you mean weight?\n"},
    {"w = weight\nb = bias\nignore n\n", "1:5: error: weight: f32[3, 2] does not fit w: f32[2, 3]"},
    {"w = weight\nb = bias\nignore n\n", "it does with `transpose`"},
    {"w = bias transpose\nkeep b\nignore *\n", "does not fit w: f32[2, 3]"},
    {"v = weight\nb = bias\n", "1:1: error: the model has no parameter or state v\n"},
    {"w = weight transpose\n", "bad.map does not name parameter b: f32[3]; `keep b` leaves it as it is"},
    {"w = weight transpose\nb = bias\n", "does not name tensor n: i64 of two.safetensors; `ignore n`"},
    {"w = weight transpose\nb = bias\nw = weight transpose\n", "w: f32[2, 3] is given twice: also at bad.map:1:1"},
    {"w[:, 0:2] = weight[0:2] transpose\nb = bias\n", "1:1: error: only 4 of the 6 elements of w: f32[2, 3] are"},
    {"w[:, 0:2] = weight[0:2] transpose\nw[:, 1:3] = weight[1:3] transpose\nb = bias\n", "is given twice"},
    {"w[:, 2:4] = weight transpose\nb = bias\n", "axis 1 of w: f32[2, 3] ends before 4"},
    {"w[:, :, :] = weight\nb = bias\n", "fewer axes than the brackets"},
    {"w[0 of 4] = weight\nb = bias\n", "axis 0 of w: f32[2, 3] has no 4 equal parts"},
    {"w = weight[0 of 3] transpose\nb = bias\nignore *\n", "it is f32[1, 2] for f32[2, 3]"},
    {"b = n\nkeep w\nignore *\n", "the types of n: i64 and b: f32[3] differ"},
    {"b = bias transpose\nkeep w\n", "transpose does not fit b: f32[3]"},
    {"w = weight transpose(1, 2, 0)\nkeep b\n", "transpose does not fit"},
    {"b = bias + (1, 2)\nkeep w\n", "has not as many equal parts as constants"},
    {"keep nothing\nw = weight transpose\nb = bias\n", "no parameter or state nothing"},
    {"w weight\n", "1:3: error: a line is NAME = NAME, `keep NAME` or `ignore NAME`"},
    {"= weight\n", "1:1: error: a line is NAME = NAME"},
    {"w =\n", "1:4: error: the name of a tensor of the file is expected here"},
    {"w = # nothing\n", "the name of a tensor of the file is expected here"},
    {"w = a b\n", "1:7: error: `+`, `transpose` or the end of the line"},
    {"keep w b\n", "1:8: error: the end of the line"},
    {"keep w[0:1]\n", "only whole tensors are kept or ignored"},
    {"* = *.*\n", "`*` has 1 `*`, `*.*` has 2"},
    {"w = \"weight\n", "no quote ends this name"},
    {"w[1:1] = a\n", "this range is empty"},
    {"w[3 of 3] = a\n", "parts are counted from 0"},
    {"w[-1:2] = a\n", "an integer from 0 on"},
    {"w[1 to 2] = a\n", "a range is written as"},
    {"w[:, = a\n", "an integer from 0 on"},
    {"w[: = a\n", "`]` or `,` is expected"},
    {"w[:,:,:,:,:,:,:,:,:] = a\n", "more axes than are supported"},
    {"w = a transpose(0, 0)\n", "each once"},
    {"w = a transpose(1)\n", "each once"},
    {"w = a transpose(0, 1\n", "`)` or `,`"},
    {"w = a + (1, x)\n", "a number is expected"},
    {"w = a + inf\n", "a number is expected"},
    {"w = a + 1 + 2\n", "constants stand once"},
    {"w = a + 1 + b\n", "constants stand once"},
    {"********* = *********\n", "more than 8 `*`"},
};

static void mistakes_are_named(void **state) {
  (void)state;
  const char *error = NULL;
  write_text("two.dnn", "param w: f32[2, 3] = 1\nparam b: f32[3] = 1\nentry e() -> (y) { y = sum(w) + sum(b) }\n");
  tool_compile(0, "two.dnn -o two.so");
  static const float numbers[6] = {1, 2, 3, 4, 5, 6};
  static const int64_t count = 7;
  safetensors two = {0};
  safetensors_add(tool_arena(), &two, (safetensor){"weight", DTYPE_F32, 2, {3, 2}, numbers, 24});
  safetensors_add(tool_arena(), &two, (safetensor){"bias", DTYPE_F32, 1, {3}, numbers, 12});
  safetensors_add(tool_arena(), &two, (safetensor){"n", DTYPE_I64, 0, {0}, &count, 8});
  assert_true(safetensors_write(tool_arena(), tool_path("two.safetensors"), &two, &error));
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    write_text("bad.map", mistakes[i].map);
    const char *text = tool_expect(1, "run two.so e --weights two.safetensors --map bad.map");
    if (!strstr(text, mistakes[i].message) || strstr(text, "y:"))
      fail_msg("%s no \"%s\" in: %s", mistakes[i].map, mistakes[i].message, text);
  }
}

typedef struct use {
  const char *map, *sum; /* of all elements */
} use;

/* What is not a mistake. */
static void lines_of_every_kind(void **state) {
  (void)state;
  static const use uses[] = {
      {"\n  # only a comment\nw = weight transpose + 1 # and one behind\r\nb=bias+bias+(1,-2,0.5)\nignore n", "38.5"},
      {"* = *\n", NULL},
      {"w[0 of 2] = weight[:, 0 of 2] transpose\nw[1:2, :] = weight[:, 1:2] transpose\nkeep *b\nignore *\n", "24"},
      {"w[*] = weight\n", NULL}, /* a name with an index */
      {"\"w\" = \"weight\" transpose(1, 0)\n\"b\" = \"bias\"\nignore \"n\"\n", "27"},
      {"w = weight transpose\nb = weight[:, 0:1]\nignore *\n", NULL},
      {"w[0 of 2, 0 of 1] = weight[:, 0 of 2] transpose + (3, 4, 5)\nkeep *\n", NULL},
      {"keep *\nignore *\n", "9"},
  };
  for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
    write_text("good.map", uses[i].map);
    const char *text = tool_expect(uses[i].sum ? 0 : 1, "run two.so e --weights two.safetensors --map good.map");
    if (uses[i].sum && !strstr(text, arena_printf(tool_arena(), "y: f32 %s\n", uses[i].sum)))
      fail_msg("%s not %s: %s", uses[i].map, uses[i].sum, text);
  }
}

/* What cannot be written, and options that make no sense. */
static void mistakes_in_writing(void **state) {
  (void)state;
  write_text("bad.map", "w = all\nb = all\n");
  assert_non_null(strstr(tool_expect(1, "export two.so out.safetensors --as bad.map"), "does not fit"));
  write_text("bad.map", "w = weight\nb = weight[0 of 2]\n");
  tool_expect(1, "export two.so out.safetensors --as bad.map");
  write_text("bad.map", "w = weight[0:2]\nb = weight[4:7]\n");
  tool_expect(1, "export two.so out.safetensors --as bad.map");
  write_text("bad.map", "w = weight[2:4]\nkeep b\n");
  assert_non_null(strstr(tool_expect(1, "export two.so out.safetensors --as bad.map"),
                         "only 6 of the 12 elements of weight: f32[4, 3] are given"));
  write_text("bad.map", "w = weight[0:2]\nb[0:2] = weight[0:2]\n");
  tool_expect(1, "export two.so out.safetensors --as bad.map");
  write_text("bad.map", "w = weight[999999998 of 999999999, 999999998 of 999999999]\nkeep b\n");
  assert_non_null(strstr(tool_expect(1, "export two.so out.safetensors --as bad.map"), "too large"));
  assert_false(file_exists(tool_path("out.safetensors")));
  write_text("good.map", "w = weight + (1, 2)\nkeep b\n");
  tool_expect(0, "export two.so out.safetensors --as good.map");
  const float expected[6] = {0, 0, 0, -1, -1, -1};
  assert_memory_equal(safetensors_find(read_tensors("out.safetensors"), "weight")->data, expected, 24);
  tool_expect(1, "export two.so /nowhere/out.safetensors --as good.map");
  tool_expect(1, "export two.so out.safetensors --as missing.map");
  tool_expect(2, "export two.so");
  tool_expect(2, "export two.so out.safetensors --map good.map");
  tool_expect(2, "run two.so e --map good.map");
}

/* Files of theirs that are damaged or lack something. */
static void damaged_files(void **state) {
  (void)state;
  const char *error = NULL;
  write_theirs("bad.safetensors", NULL, "bn.running_var");
  const char *run = "run foreign.so dense x=x.npy --map foreign.map --weights bad.safetensors";
  assert_non_null(strstr(tool_expect(1, "%s", run), "no tensor bn.running_var, from which norm.spread comes"));
  write_theirs("bad.safetensors", "2,6", NULL);
  assert_non_null(strstr(tool_expect(1, "%s", run), "dense.0.weight: f32[2, 6] does not fit net[0].w: f32[3, 4]"));
  write_theirs("bad.safetensors", "12", NULL);
  tool_expect(1, "%s", run);
  write_theirs("bad.safetensors", "4,4", NULL);
  assert_non_null(strstr(tool_expect(1, "%s", run), "disagree with its shape"));
  size_t bytes;
  const char *whole = file_read(tool_arena(), tool_path("theirs.safetensors"), &bytes, &error);
  for (size_t length = 0; length < bytes; length += 1 + bytes / 40) {
    file_part part = {whole, length};
    assert_true(file_replace(tool_arena(), tool_path("bad.safetensors"), 1, &part, &error));
    tool_expect(1, "%s", run);
  }
}

static int set_up(void **state) {
  if (tool_set_up(state)) return -1;
  tool_copy("tests/unit/tasks/foreign.dnn", "foreign.dnn");
  tool_copy("tests/unit/tasks/foreign.map", "foreign.map");
  tool_compile(0, "foreign.dnn -o foreign.so");
  write_theirs("theirs.safetensors", NULL, NULL);
  write_input("x.npy", 2, (int64_t[]){2, 3});
  write_input("wide.npy", 2, (int64_t[]){2, 6});
  write_input("xs.npy", 3, (int64_t[]){3, 2, 3});
  write_input("image.npy", 4, (int64_t[]){1, 1, 5, 5});
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dense_layers),
      cmocka_unit_test(a_recurrent_layer),
      cmocka_unit_test(parts_of_tensors),
      cmocka_unit_test(a_convolution_and_its_statistics),
      cmocka_unit_test(weights_go_back),
      cmocka_unit_test(a_task_uses_a_map),
      cmocka_unit_test(the_example_of_the_documentation),
      cmocka_unit_test(mistakes_are_named),
      cmocka_unit_test(lines_of_every_kind),
      cmocka_unit_test(mistakes_in_writing),
      cmocka_unit_test(damaged_files),
  };
  return cmocka_run_group_tests_name("weights by name", tests, set_up, tool_tear_down);
}
