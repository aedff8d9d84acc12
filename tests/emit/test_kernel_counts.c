/* How many kernels the library's layers, losses and optimisers become. */
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "compile.h"
#include "model_case.h"
#include "module.h"

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
    {"two layers of bytes", 2,
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(kernels_are_counted)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
