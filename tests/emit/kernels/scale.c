
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-predictive-commoning")
#pragma GCC optimize("no-tree-loop-ivcanon", "no-cse-follow-jumps", "no-rerun-cse-after-loop", \
                     "no-ipa-cp", "no-ipa-sra", "no-ipa-icf", "no-ipa-pure-const")
#endif
#pragma GCC diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))

typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef uint8_t u8x8_memory __attribute__((vector_size(8), aligned(1), may_alias));
typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef float f32x8_memory __attribute__((vector_size(32), aligned(4), may_alias));

/* Subnormal numbers count as zeros, results are rounded to nearest, nothing traps. */
INLINE unsigned begin_arithmetic(void) {
  const unsigned caller = __builtin_ia32_stmxcsr();
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(0x9fff);
  return caller;
}
INLINE void end_arithmetic(unsigned caller) {
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(caller);
}
INLINE u8x8 load_u8x8(const uint8_t *from) {
  return *(const u8x8_memory *)from;
}
INLINE i32x8 i32x8_from_u8x8(u8x8 x) {
#ifdef __clang__
  return __builtin_convertvector(x, i32x8);
#else
  typedef char bytes __attribute__((vector_size(16)));
  typedef int64_t words __attribute__((vector_size(16)));
  return (i32x8)__builtin_ia32_pmovzxbd256((bytes)(words){(int64_t)x, 0});
#endif
}
INLINE f32x8 f32x8_from_i32x8(i32x8 x) {
  return __builtin_convertvector(x, f32x8);
}
INLINE f32x8 f32x8_from_u8x8(u8x8 x) {
  return f32x8_from_i32x8(i32x8_from_u8x8(x));
}
INLINE void store_f32x8(float *to, f32x8 x) {
  *(f32x8_memory *)to = x;
}

/* out y: f32[37]
 * in x: u8[37]
 * in factor: f32 */
static __attribute__((noinline)) void scale(float *__restrict y, const uint8_t *__restrict x,
    const float *__restrict factor) {
  for (int64_t i = 0; i < 32; i += 8) {
    const f32x8 v = f32x8_from_u8x8(load_u8x8(&x[i]));
    store_f32x8(&y[i], v * factor[0]);
  }
  for (int64_t i = 32; i < 37; i++) {
    y[i] = (float)x[i] * factor[0];
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
  scale((float *)arguments[0], (const uint8_t *)arguments[1], (const float *)arguments[2]);
  end_arithmetic(caller);
}
#endif
