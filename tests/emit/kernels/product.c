
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-predictive-commoning")
#pragma GCC optimize("no-tree-loop-ivcanon", "no-cse-follow-jumps", "no-rerun-cse-after-loop", \
                     "no-ipa-cp", "no-ipa-sra", "no-ipa-icf", "no-ipa-pure-const")
#endif
#pragma GCC diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))

typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x8_memory __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t i32x8 __attribute__((vector_size(32)));

/* Subnormal numbers count as zeros, results are rounded to nearest, nothing traps. */
INLINE unsigned begin_arithmetic(void) {
  const unsigned caller = __builtin_ia32_stmxcsr();
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(0x9fff);
  return caller;
}
INLINE void end_arithmetic(unsigned caller) {
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(caller);
}
static inline void run_tasks(const dnn_threads *threads, void (*task)(void *, int64_t),
    void *argument, int64_t count) {
  if (threads) {
    threads->run(threads->pool, task, argument, count);
  } else {
    for (int64_t i = 0; i < count; i++) task(argument, i);
  }
}
INLINE f32x8 splat_f32x8(float x) {
  return (f32x8){x, x, x, x, x, x, x, x};
}
INLINE f32x8 load_f32x8(const float *from) {
  return *(const f32x8_memory *)from;
}
INLINE f32x8 fma_f32x8(f32x8 x, f32x8 y, f32x8 z) {
#ifdef __clang__
#pragma clang fp contract(on)
  z = x * y + z;
#else
  z = __builtin_ia32_vfmaddps256(x, y, z);
#endif
  return z;
}
INLINE f32x8 select_f32x8(i32x8 mask, f32x8 x, f32x8 y) {
  return (f32x8)((mask & (i32x8)x) | (~mask & (i32x8)y));
}
INLINE f32x8 maximum_f32x8(f32x8 x, f32x8 y) {
  return select_f32x8(y != y, y, __builtin_ia32_maxps256(y, x));
}
INLINE void store_f32x8(float *to, f32x8 x) {
  *(f32x8_memory *)to = x;
}

/* out c: f32[12, 48]
 * in a: f32[12, 20]
 * in b: f32[20, 48] */
static __attribute__((noinline)) void product_part(int64_t p, float *__restrict c,
    const float *__restrict a, const float *__restrict b) {
  for (int64_t i = 0; i < 12; i += 4) {
    f32x8 acc_0_0 = splat_f32x8(0.0f), acc_0_1 = splat_f32x8(0.0f), acc_1_0 = splat_f32x8(0.0f),
        acc_1_1 = splat_f32x8(0.0f), acc_2_0 = splat_f32x8(0.0f), acc_2_1 = splat_f32x8(0.0f),
        acc_3_0 = splat_f32x8(0.0f), acc_3_1 = splat_f32x8(0.0f);
    for (int64_t k = 0; k < 20; k++) {
      /* one row of b, all rows of the tile */
      const f32x8 row_0 = load_f32x8(&b[k * 48 + p * 16]);
      acc_0_0 = fma_f32x8(splat_f32x8(a[i * 20 + k]), row_0, acc_0_0);
      acc_1_0 = fma_f32x8(splat_f32x8(a[i * 20 + k + 20]), row_0, acc_1_0);
      acc_2_0 = fma_f32x8(splat_f32x8(a[i * 20 + k + 40]), row_0, acc_2_0);
      acc_3_0 = fma_f32x8(splat_f32x8(a[i * 20 + k + 60]), row_0, acc_3_0);
      const f32x8 row_1 = load_f32x8(&b[k * 48 + p * 16 + 8]);
      acc_0_1 = fma_f32x8(splat_f32x8(a[i * 20 + k]), row_1, acc_0_1);
      acc_1_1 = fma_f32x8(splat_f32x8(a[i * 20 + k + 20]), row_1, acc_1_1);
      acc_2_1 = fma_f32x8(splat_f32x8(a[i * 20 + k + 40]), row_1, acc_2_1);
      acc_3_1 = fma_f32x8(splat_f32x8(a[i * 20 + k + 60]), row_1, acc_3_1);
    }
    store_f32x8(&c[i * 48 + p * 16], maximum_f32x8(acc_0_0, splat_f32x8(0.0f)));
    store_f32x8(&c[i * 48 + p * 16 + 8], maximum_f32x8(acc_0_1, splat_f32x8(0.0f)));
    store_f32x8(&c[i * 48 + p * 16 + 48], maximum_f32x8(acc_1_0, splat_f32x8(0.0f)));
    store_f32x8(&c[i * 48 + p * 16 + 56], maximum_f32x8(acc_1_1, splat_f32x8(0.0f)));
    store_f32x8(&c[i * 48 + p * 16 + 96], maximum_f32x8(acc_2_0, splat_f32x8(0.0f)));
    store_f32x8(&c[i * 48 + p * 16 + 104], maximum_f32x8(acc_2_1, splat_f32x8(0.0f)));
    store_f32x8(&c[i * 48 + p * 16 + 144], maximum_f32x8(acc_3_0, splat_f32x8(0.0f)));
    store_f32x8(&c[i * 48 + p * 16 + 152], maximum_f32x8(acc_3_1, splat_f32x8(0.0f)));
  }
}

struct product_arguments {
  float *c;
  const float *a;
  const float *b;
};

static void product_task(void *argument, int64_t index) {
  const struct product_arguments *arguments = (const struct product_arguments *)argument;
  const unsigned caller = begin_arithmetic();
  product_part(index, arguments->c, arguments->a, arguments->b);
  end_arithmetic(caller);
}

static void product(const dnn_threads *threads, float *__restrict c, const float *__restrict a,
    const float *__restrict b) {
  struct product_arguments arguments = {c, a, b};
  run_tasks(threads, product_task, &arguments, 3);
}

#ifdef __cplusplus
extern "C"
#endif
__attribute__((visibility("default")))
void kernel_call(const dnn_threads *threads, void *const *arguments);

void kernel_call(const dnn_threads *threads, void *const *arguments) {
  (void)threads;
  const unsigned caller = begin_arithmetic();
  product(threads, (float *)arguments[0], (const float *)arguments[1], (const float *)arguments[2]);
  end_arithmetic(caller);
}
#endif
