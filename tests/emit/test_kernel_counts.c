/* How many kernels the library's layers, losses and optimisers become. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "build.h"
#include "compile.h"
#include "model_case.h"
#include "module.h"
#include "op.h"

typedef struct count_case {
  const char *name;
  int kernels;
  const char *text; /* its last entry is counted */
} count_case;

static const count_case cases[] = {
    {"softmax", 1, "use nn\nentry f(x: f32[30, 70]) -> (y) { y = softmax(x) }"},
    {"log-softmax", 1, "use nn\nentry f(x: f32[30, 70]) -> (y) { y = log_softmax(x) }"},
    {"layer norm by hand", 1,
     "entry f(x: f32[30, 70]) -> (y) { d = x - mean[-1, keep: true](x)\n"
     "y = d / sqrt(mean[-1, keep: true](d ** 2) + 1e-5) }"},
    {"linear layer with bias and activation", 1,
     "use nn\nlayer = linear[50]\nentry f(x: f32[30, 70]) -> (y) { y = relu(layer(x)) }"},
    {"two layers of bytes, of which numbers are made in front of packed weights", 3,
     "use nn\nfirst = linear[50]\nsecond = linear[10]\nentry f(x: u8[30, 70]) -> (y) {"
     "y = tanh(second(relu(first(f32(x) / 255)))) }"},
    {"convolution with bias and activation", 1,
     "use nn\nlayer = conv2d[5, 3]\nentry f(x: f32[2, 3, 9, 9]) -> (y) { y = relu(layer(x)) }"},
    {"LSTM cell", 2,
     "use nn\nuse init\nfn lstm[m](x: f32[n, d], h: f32[n, m], c: f32[n, m]) {\n"
     "param u: f32[d, 4 * m] = glorot[d, 4 * m, shape]()\n"
     "param w: f32[m, 4 * m] = glorot[m, 4 * m, shape]()\nparam b: f32[4 * m] = 0\n"
     "z = x @ u + h @ w + b\n"
     "next = sigmoid(z[:, 0:m]) * c + sigmoid(z[:, m:2 * m]) * tanh(z[:, 2 * m:3 * m])\n"
     "(sigmoid(z[:, 3 * m:4 * m]) * tanh(next), next) }\ncell = lstm[32]\n"
     "entry f(x: f32[8, 20], h: f32[8, 32], c: f32[8, 32]) -> (y, d) { (y, d) = cell(x, h, c) }"},
    /* Forward; loss; gradient and step of w; of b; the two counters. */
    {"a step of Adam for a linear model", 5,
     "use nn\nuse loss\nuse optim\nnet = linear[50]\n"
     "entry f(x: f32[30, 70], y: f32[30, 50], rate: f32) -> (loss) {"
     "loss = mean((net(x) - y) ** 2)\nminimize loss over net with adam(rate) }"},
    {"a step of descent for a linear model", 4,
     "use nn\nuse loss\nuse optim\nnet = linear[50]\n"
     "entry f(x: f32[30, 70], y: f32[30, 50], rate: f32) -> (loss) {"
     "loss = mean((net(x) - y) ** 2)\nminimize loss over net with sgd(rate) }"},
    /* Index notation: windows are read where they lie; circular ones in two copies of a line. */
    {"a filter", 1, "entry f(x: f32[8, 100], w: f32[5]) -> (y) {"
     "y[n, t < 96] = sum[k](x[n, t + k] * w[k]) }"},
    {"a windowed sum", 1, "entry f(x: f32[8, 100]) -> (y) { y[n, t < 96] = sum[k < 5](x[n, t + k]) }"},
    {"a windowed sum of an expression", 1, "entry f(x: f32[8, 100], s: f32[5]) -> (y) {"
     "y[n, t < 96] = sum[k]((x[n, t + k] - s[k]) ** 2) }"},
    {"circular convolution", 2, "entry f(g: f32[8, 64], k: f32[8, 64]) -> (y) {"
     "y[b, i < 64] = sum[j](g[b, j] * k[b, (i - j) % 64]) }"},
    {"distances", 1, "entry f(x: f32[50, 7]) -> (y) {"
     "y[i, j] = i == j ? inf : sum[k]((x[i, k] - x[j, k]) ** 2) }"},
    {"heads, scores and a mask", 1, "entry f(q: f32[2, 6, 32], k: f32[2, 7, 32]) -> (y) {"
     "y[n, h < 4, i, j] = j > i ? -inf : sum[d < 8](q[n, i, h * 8 + d] * k[n, j, h * 8 + d]) }"},
};

static void kernels_are_counted(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    model *m = model_new(cases[i].text, NULL);
    diagnostics *d = diag_new(m->arena);
    const module *compiled = compile_module(m->program, d, &(compile_options){0});
    assert_non_null(compiled);
    const module_entry *e = &compiled->entries[compiled->entry_count - 1];
    int count;
    const kernel_call **calls = module_calls(m->arena, e, &count);
    if (count != cases[i].kernels) {
      for (int k = 0; k < count; k++) print_message("  %s\n", calls[k]->kernel->name);
      fail_msg("%s: %d kernels where %d are expected", cases[i].name, count,
               cases[i].kernels);
    }
    model_free(m);
  }
}

/* Updates of parts: how many kernels change the memory that they find, and how many copy it first. */
typedef struct update_case {
  const char *name;
  int in_place, copies;
  const char *text;
} update_case;

static const update_case update_cases[] = {
    {"a row of a slot", 1, 0,
     "state m: f32[9, 70] = 0\nentry f(x: f32[70], i: i32) { m[i] <- tanh(x) + m[0] }"},
    {"a column, and one element", 3, 0,
     "state m: f32[9, 70] = 0\nentry f(x: f32[9], i: i32) { m[:, i % 70] <- x\nm[1, 3] <- 2 }"},
    {"a carry of a loop", 1, 0,
     "entry f(x: f32[9, 70]) -> (y) { y = x + 1\nscan t in 1..9 { y[t] <- y[t - 1] * x[t] }\ny = sum(y) }"},
    {"two rows, of which one is read between", 2, 0,
     "state m: f32[9, 70] = 0\nentry f(x: f32[70], i: i32) -> (y) {"
     "m[i] <- x\ny = sum(m)\nm[i + 1] <- m[3] + x }"},
    {"a version that is read after the next", 0, 2,
     "state m: f32[9, 70] = 0\nentry f(x: f32[70], i: i32) -> (y) {"
     "m[i] <- x\nold = m\nm[i + 1] <- x\ny = sum(old * m) }"},
    {"a row, turns of a loop, and a row", 3, 0,
     "state m: f32[9, 70] = 0\nentry f(x: f32[9, 70], i: i32) {"
     "m[i] <- x[0]\nscan r, t in x, 0..9 { m[t] <- r + m[t] }\nm[i + 1] <- x[1] }"},
    {"an exchange in a slot", 1, 0,
     "state m: f32[9, 70] = 0\nentry f(x: f32[5, 70]) -> (y) {"
     "y = scan r, t in x, 0..5 { old = m[t]\nm[t] <- r\nemit old } }"},
    {"a value that is read later", 0, 1,
     "entry f(x: f32[9, 70], i: i32) -> (y) { z = tanh(x @ x.T)\nw = z\nw[i] <- 1\ny = w @ z }"},
    {"an argument", 0, 1, "entry f(x: f32[9, 70], i: i32) -> (y) { y = x\ny[i] <- 1 }"},
};

/* A step of training a recurrent network: products in the turns of its loops, and around these. */
typedef struct loop_case {
  const char *name;
  int inside, outside;
  const char *text;
} loop_case;

#define TRAINING(LAYER, STEP) \
  "use nn\nuse loss\nuse optim\nuse recurrent\ncell = " LAYER "\nhead = linear[5]\n" \
  "entry f(xs: f32[9, 8, 20], y: f32[9, 8, 5], rate: f32) -> (loss) {\n" STEP \
  "  loss = mean((ys - y) ** 2)\n  minimize loss over cell, head with sgd(rate) }"

static const loop_case loop_cases[] = {
    /* Forward and back by the recurrent weights; x w, the head and its cotangent, three gradients. */
    {"LSTM layer", 2, 6, TRAINING("lstm[32]", "  ys = head(cell(xs))\n")},
    {"LSTM cell and head in a scan", 2, 6,
     TRAINING("lstm_cell[32]", "  h = zeros[8, 32]()\n  c = zeros[8, 32]()\n"
              "  ys = scan x in xs { s = cell(x, h, c)\n h = s.h\n c = s.c\n emit head(h) }\n")},
    {"GRU cell and head in a scan", 4, 7,
     TRAINING("gru_cell[32]", "  h = zeros[8, 32]()\n"
              "  ys = scan x in xs { h = cell(x, h)\n emit head(h) }\n")},
};

static int products_of(const graph *g) {
  int count = 0;
  for (int id = 0; id < g->node_count; id++) count += op_has(g->nodes[id]->op, CONTRACTION);
  return count;
}

static void products_leave_loops(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof loop_cases / sizeof *loop_cases; i++) {
    const loop_case *c = &loop_cases[i];
    model *m = model_new(c->text, NULL);
    assert_true(compile_passes(m->program, diag_new(m->arena), &(compile_options){0}, NULL));
    const graph *g = m->program->entries[m->program->entry_count - 1];
    int inside = 0;
    for (int id = 0; id < g->node_count; id++)
      if (g->nodes[id]->op == OP_LOOP) inside += products_of(loop_shape_of(g->nodes[id]).body);
    if (inside != c->inside || products_of(g) != c->outside)
      fail_msg("%s: %d products in the turns and %d around", c->name, inside, products_of(g));
    model_free(m);
  }
}

static bool changes_memory(const loop_kernel *k) {
  for (int i = 0; i < k->parameter_count; i++)
    if (k->parameters[i]->access == LOOP_INOUT) return true;
  return false;
}

static void parts_are_updated_in_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof update_cases / sizeof *update_cases; i++) {
    const update_case *c = &update_cases[i];
    model *m = model_new(c->text, NULL);
    const module *compiled =
        compile_module(m->program, diag_new(m->arena), &(compile_options){0});
    int count, in_place = 0, copies = 0;
    const kernel_call **calls = module_calls(m->arena, &compiled->entries[compiled->entry_count - 1], &count);
    for (int k = 0; k < count; k++) {
      bool scatter = strstr(calls[k]->kernel->name, "scatter") != NULL;
      in_place += scatter && changes_memory(calls[k]->kernel);
      copies += strstr(calls[k]->kernel->name, "copy") != NULL || (scatter && !changes_memory(calls[k]->kernel));
    }
    if (in_place != c->in_place || copies != c->copies)
      fail_msg("%s: %d in place and %d copies", c->name, in_place, copies);
    model_free(m);
  }
}

/* ---- accumulators ---------------------------------------------------------------------------- */

/* The registers of a block whose names begin so, copies counted. */
static int64_t registers(const loop_block *block, const char *prefix) {
  int64_t count = 0;
  for (int i = 0; i < block->count; i++) {
    const loop_stmt *s = block->statements[i];
    if (s->kind == LOOP_ALLOC && strncmp(s->buffer->name, prefix, strlen(prefix)) == 0)
      count += s->buffer->extents[0];
    count += registers(&s->body, prefix) + registers(&s->otherwise, prefix);
  }
  return count;
}

/* Sums along long rows have as many accumulators as there is too little else to do in a turn. */
static void accumulators_hide_latency(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t sums;
  } rows[] = {
      {"entry f(x: f32[30, 512]) -> (y) { y = sum[-1](x) }", 4},
      {"entry f(x: f32[30, 512]) -> (y) { y = sum[-1](x * x + 1) }", 4},
      {"entry f(x: f32[30, 512]) -> (y) { y = sum[-1](((x * x + 1) * x - 2) * (x + 3) * x) }", 2},
      {"entry f(x: f32[30, 512]) -> (y) { y = sum[-1](exp(x)) }", 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    model *m = model_new(rows[i].text, NULL);
    const module *compiled = compile_module(m->program, diag_new(m->arena), &(compile_options){0});
    assert_non_null(compiled);
    int count;
    const kernel_call **calls = module_calls(m->arena, &compiled->entries[compiled->entry_count - 1], &count);
    assert_int_equal(count, 1);
    const int64_t sums = registers(&calls[0]->kernel->body, "sum");
    if (sums != rows[i].sums) fail_msg("%s: %d accumulators", rows[i].text, (int)sums);
    model_free(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(kernels_are_counted),
                                     cmocka_unit_test(accumulators_hide_latency),
                                     cmocka_unit_test(products_leave_loops),
                                     cmocka_unit_test(parts_are_updated_in_place)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
