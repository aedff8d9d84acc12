
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-predictive-commoning")
#pragma GCC optimize("no-tree-loop-ivcanon", "no-cse-follow-jumps", "no-rerun-cse-after-loop", \
                     "no-ipa-cp", "no-ipa-sra", "no-ipa-icf", "no-ipa-pure-const")
#endif
#pragma GCC diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))

typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef float f32x8_memory __attribute__((vector_size(32), aligned(4), may_alias));
typedef int64_t i64x8 __attribute__((vector_size(64)));
typedef uint64_t u64x8 __attribute__((vector_size(64)));
typedef float f32x2 __attribute__((vector_size(8)));

/* Subnormal numbers count as zeros, results are rounded to nearest, nothing traps. */
INLINE unsigned begin_arithmetic(void) {
  const unsigned caller = __builtin_ia32_stmxcsr();
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(0x9fff);
  return caller;
}
INLINE void end_arithmetic(unsigned caller) {
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(caller);
}
INLINE f32x4 select_f32x4(i32x4 mask, f32x4 x, f32x4 y) {
  return (f32x4)((mask & (i32x4)x) | (~mask & (i32x4)y));
}
INLINE f32x4 maximum_f32x4(f32x4 x, f32x4 y) {
  return select_f32x4(y != y, y, __builtin_ia32_maxps(y, x));
}
INLINE float maximum_f32(float x, float y) {
  return maximum_f32x4((f32x4){x}, (f32x4){y})[0];
}
INLINE f32x8 splat_f32x8(float x) {
  return (f32x8){x, x, x, x, x, x, x, x};
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
INLINE i32x8 splat_i32x8(int32_t x) {
  return (i32x8){x, x, x, x, x, x, x, x};
}
INLINE i32x8 shl_i32x8(i32x8 x, i32x8 y) {
  return (i32x8)((u32x8)x << ((u32x8)y & 31));
}
INLINE i32x8 add_i32x8(i32x8 x, i32x8 y) {
  return (i32x8)((u32x8)x + (u32x8)y);
}
INLINE f32x8 select_f32x8(i32x8 mask, f32x8 x, f32x8 y) {
  return (f32x8)((mask & (i32x8)x) | (~mask & (i32x8)y));
}
INLINE f32x8 exp_f32x8(f32x8 a) {
  const f32x8 t = fma_f32x8(a, splat_f32x8(0x1.715476p+0f), splat_f32x8(0x1.8p+23f));
  const f32x8 n = t - 0x1.8p+23f;
  const f32x8 r = fma_f32x8(n, splat_f32x8(-0x1.7f7d1cp-20f),
      fma_f32x8(n, splat_f32x8(-0x1.62e4p-1f), a));
  const f32x8 p = fma_f32x8(r, fma_f32x8(r,
      fma_f32x8(fma_f32x8(fma_f32x8(fma_f32x8(splat_f32x8(0x1.6d58fp-10f), r,
      splat_f32x8(0x1.1227aap-7f)), r, splat_f32x8(0x1.5554dep-5f)), r, splat_f32x8(0x1.5554bp-3f)),
      r, splat_f32x8(0.5f)), splat_f32x8(1.0f)), splat_f32x8(1.0f));
  return select_f32x8(a <= splat_f32x8(0x1.62e42ep+6f),
      select_f32x8(a < splat_f32x8(-0x1.5d589ep+6f), splat_f32x8(0.0f),
      (f32x8)add_i32x8((i32x8)p, shl_i32x8((i32x8)t, splat_i32x8(23)))), a + __builtin_inff());
}
INLINE f32x8 load_f32x8(const float *from) {
  return *(const f32x8_memory *)from;
}
INLINE void store_f32x8(float *to, f32x8 x) {
  *(f32x8_memory *)to = x;
}
INLINE i64x8 splat_i64x8(int64_t x) {
  return (i64x8){x, x, x, x, x, x, x, x};
}
INLINE i64x8 ramp_i64x8(int64_t base, int64_t step) {
  return (i64x8)((u64x8)splat_i64x8(base) + (u64x8)splat_i64x8(step) *
      (u64x8){0, 1, 2, 3, 4, 5, 6, 7});
}
INLINE i32x8 i32x8_from_i64x8(i64x8 x) {
  return __builtin_convertvector(x, i32x8);
}
INLINE f32x8 load_masked_f32x8(const float *from, i32x8 mask) {
  return (f32x8)__builtin_ia32_maskloadps256((const f32x8 *)from, mask);
}
INLINE void store_masked_f32x8(float *to, f32x8 x, i32x8 mask) {
  __builtin_ia32_maskstoreps256((f32x8 *)to, mask, x);
}
INLINE float reduce_add_f32x2(f32x2 x) {
  return x[0] + x[1];
}
INLINE float reduce_add_f32x4(f32x4 x) {
  return reduce_add_f32x2(__builtin_shufflevector(x, x, 0, 1) +
      __builtin_shufflevector(x, x, 2, 3));
}
INLINE float reduce_add_f32x8(f32x8 x) {
  return reduce_add_f32x4(__builtin_shufflevector(x, x, 0, 1, 2, 3) +
      __builtin_shufflevector(x, x, 4, 5, 6, 7));
}

/* out p: f32[5, 19]
 * in x: f32[5, 19] */
static __attribute__((noinline)) void softmax(float *__restrict p, const float *__restrict x) {
  for (int64_t i = 0; i < 5; i++) {
    float e[19] __attribute__((aligned(64)));
    for (int64_t n = 0; n < 19; n++) e[n] = 0.0f;
    float most = -__builtin_inff();
    for (int64_t j = 0; j < 19; j++) {
      most = maximum_f32(most, x[i * 19 + j]);
    }
    f32x8 sum = splat_f32x8(0.0f);
    for (int64_t j = 0; j < 16; j += 8) {
      const f32x8 v = exp_f32x8(load_f32x8(&x[i * 19 + j]) - most);
      store_f32x8(&e[j], v);
      sum = sum + v;
    }
    const i64x8 rest = ramp_i64x8(16, 1) < splat_i64x8(19);
    const f32x8 w = exp_f32x8(load_masked_f32x8(&x[i * 19 + 16], i32x8_from_i64x8(rest)) - most);
    store_masked_f32x8(&e[16], w, i32x8_from_i64x8(rest));
    const float total = reduce_add_f32x8(sum + select_f32x8(i32x8_from_i64x8(rest), w,
        splat_f32x8(0.0f)));
    for (int64_t j = 0; j < 19; j++) {
      p[i * 19 + j] = e[j] / total;
    }
  }
}

#ifdef __cplusplus
extern "C"
#endif
__attribute__((visibility("default")))
void kernel_call(const dnn_threads *threads, void *const *arguments);

void kernel_call(const dnn_threads *threads, void *const *arguments) {
  (void)threads;
  const unsigned caller = begin_arithmetic();
  softmax((float *)arguments[0], (const float *)arguments[1]);
  end_arithmetic(caller);
}
#endif
