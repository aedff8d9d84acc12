/* Speed of products and convolutions: each kernel in turn with the processor's peak of fused
 * multiply-adds, in rounds, so that both see the same clock and the same neighbours.
 *
 *   make build/tests/bench/bench_contraction && build/tests/bench/bench_contraction [cpu [name]]
 *
 * Prints, per kernel: median processor time (which others on the machine disturb least),
 * GFLOP/s, share of the peak in the median round, the model's estimate, and the schedule. One
 * thread. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "build.h"
#include "compile_kernel.h"
#include "contraction_case.h"
#include "graph_case.h"
#include "op.h"
#include "machine.h"

enum { ROUNDS = 31 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the peak ------------------------------------------------------------------------------ */

/* GFLOP/s of independent multiply-adds of f32 in registers: what a kernel could reach at most. */
static double peak(int vector_bytes) {
  const int turns = 20000;
  double start = now();
  machine_turns(vector_bytes, turns);
  return 2.0 * MACHINE_VECTORS * turns * (vector_bytes / 4) / (now() - start) * 1e-9;
}

/* ---- kernels ------------------------------------------------------------------------------- */

static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, by_value);
  return values[count / 2];
}

static double operations(const contraction *c) {
  double count = 2;
  for (int i = 0; i < c->axis_count; i++) count *= (double)c->axes[i].extent;
  return count;
}

/* Seconds of one call, from as many calls as take a millisecond. */
static double time_call(const compiled_kernel *k, void *const *arguments) {
  for (int calls = 1;; calls *= 2) {
    double start = now();
    for (int i = 0; i < calls; i++) k->call(NULL, arguments);
    double seconds = now() - start;
    if (seconds > 1e-3) return seconds / calls;
  }
}

static void measure(arena *a, const char *name, const contraction_case *k, const target *t) {
  math_library math = {.arena = a};
  compiled_kernel kernel;
  if (!compile_kernel(&kernel, k->kernel, &math, t, NULL)) exit(1);
  void *arguments[3];
  for (int i = 0; i < 2; i++)
    arguments[i] = contraction_case_operand(
        k, i, random_tensor(a, &k->stored[i]->type, (uint64_t)i, -1, 1));
  arguments[2] = arena_alloc(a, (size_t)type_bytes(&k->node->type));
  double seconds[ROUNDS], shares[ROUNDS], flop = operations(&k->contraction);
  time_call(&kernel, arguments);
  for (int r = 0; r < ROUNDS; r++) {
    double best = peak(t->vector_bytes);
    seconds[r] = time_call(&kernel, arguments);
    shares[r] = flop / seconds[r] * 1e-9 / best;
  }
  double middle = median(seconds, ROUNDS);
  double model = flop / (t->vector_bytes / 4 * 4) / k->schedule.cycles;
  printf("%-10s %-20s %9.1f us %7.1f GFLOP/s %5.1f%% of peak, model %3.0f%%  %s\n", t->cpu, name,
         middle * 1e6, flop / middle * 1e-9, 100 * median(shares, ROUNDS), 100 * model,
         contraction_schedule_text(a, &k->contraction, &k->schedule));
  fflush(stdout);
  compiled_kernel_free(&kernel);
}

/* ---- the list ------------------------------------------------------------------------------ */

/* A product m x k by k x n, or a convolution (x not 0). */
typedef struct bench_shape {
  const char *name;
  int64_t m, n, k;
  int64_t x[4], w[4], pad, stride;
} bench_shape;

static const bench_shape shapes[] = {
    {.name = "64^3", .m = 64, .n = 64, .k = 64},
    {.name = "128^3", .m = 128, .n = 128, .k = 128},
    {.name = "256^3", .m = 256, .n = 256, .k = 256},
    {.name = "512^3", .m = 512, .n = 512, .k = 512},
    {.name = "64x512x784", .m = 64, .n = 512, .k = 784},
    {.name = "128x512x784", .m = 128, .n = 512, .k = 784},
    {.name = "128x512x512", .m = 128, .n = 512, .k = 512},
    {.name = "64x10x512", .m = 64, .n = 10, .k = 512},
    {.name = "64x120x400", .m = 64, .n = 120, .k = 400},
    {.name = "64x84x120", .m = 64, .n = 84, .k = 120},
    {.name = "64x10x84", .m = 64, .n = 10, .k = 84},
    {.name = "37x257x131", .m = 37, .n = 257, .k = 131},
    {.name = "1x1024x1024", .m = 1, .n = 1024, .k = 1024},
    {.name = "lenet.1", .x = {64, 1, 28, 28}, .w = {6, 1, 5, 5}, .pad = 2, .stride = 1},
    {.name = "lenet.2", .x = {64, 6, 14, 14}, .w = {16, 6, 5, 5}, .stride = 1},
    {.name = "3x3 64 at 56", .x = {1, 64, 56, 56}, .w = {64, 64, 3, 3}, .pad = 1, .stride = 1},
    {.name = "7x7 stride 2", .x = {1, 3, 224, 224}, .w = {64, 3, 7, 7}, .pad = 3, .stride = 2},
};

static node *forward(graph *g, const bench_shape *s) {
  bool conv = s->x[0] != 0;
  tensor_type x = conv ? type_of(DTYPE_F32, 4, s->x)
                       : type_of(DTYPE_F32, 2, (int64_t[]){s->m, s->k});
  tensor_type w = conv ? type_of(DTYPE_F32, 4, s->w)
                       : type_of(DTYPE_F32, 2, (int64_t[]){s->k, s->n});
  node *operands[2] = {graph_add_input(g, "x", &x), graph_add_input(g, "w", &w)};
  if (!conv) return build_matmul(g, operands[0], operands[1]);
  conv_shape shape = {.groups = 1};
  for (int i = 0; i < 2; i++) {
    shape.strides[i] = s->stride;
    shape.low[i] = shape.high[i] = s->pad;
    shape.left_dilation[i] = shape.right_dilation[i] = 1;
  }
  return build_conv(g, operands[0], operands[1], &shape);
}

/* The contraction of a gradient, which stands under views. */
static const node *contraction_under(const node *n) {
  while (!op_has(n->op, CONTRACTION)) n = n->operands[0];
  return n;
}

static void measure_shape(const bench_shape *s, const target *t) {
  static const char *const suffixes[] = {"", " by x", " by w"};
  arena *a = arena_new();
  graph *g = graph_new(a, NULL, "bench");
  node *y = forward(g, s), *cotangent = graph_add_input(g, "g", &y->type), *gradients[2];
  op_definitions[y->op]->grad(g, y, cotangent, (bool[]){true, true}, gradients);
  const node *nodes[3] = {y, contraction_under(gradients[0]), contraction_under(gradients[1])};
  for (int i = 0; i < 3; i++)
    measure(a, arena_printf(a, "%s%s", s->name, suffixes[i]),
            contraction_case_new(a, nodes[i], t, LAYOUT_ROOT, LAYOUT_ROOT), t);
  arena_free(a);
}

int main(int count, char **arguments) {
  arena *a = arena_new();
  const target *t = target_find(a, count > 1 ? arguments[1] : "native");
  if (!t) return fprintf(stderr, "unknown cpu %s\n", arguments[1]), 2;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (count < 3 || strstr(shapes[i].name, arguments[2])) measure_shape(&shapes[i], t);
  arena_free(a);
  return 0;
}
