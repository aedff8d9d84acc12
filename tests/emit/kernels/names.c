
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-predictive-commoning")
#pragma GCC optimize("no-tree-loop-ivcanon", "no-cse-follow-jumps", "no-rerun-cse-after-loop", \
                     "no-ipa-cp", "no-ipa-sra", "no-ipa-icf", "no-ipa-pure-const")
#endif
#pragma GCC diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))

/* Subnormal numbers count as zeros, results are rounded to nearest, nothing traps. */
INLINE unsigned begin_arithmetic(void) {
  const unsigned caller = __builtin_ia32_stmxcsr();
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(0x9fff);
  return caller;
}
INLINE void end_arithmetic(unsigned caller) {
  if (caller != 0x9fff) __builtin_ia32_ldmxcsr(caller);
}
INLINE int64_t add_i64(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x + (uint64_t)y);
}
INLINE int64_t mul_i64(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x * (uint64_t)y);
}
INLINE int64_t floordiv_i64(int64_t x, int64_t y) {
  return y == 0 ? 0 : y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y -
      (x % y != 0 && (x < 0) != (y < 0));
}
INLINE int64_t mod_i64(int64_t x, int64_t y) {
  return y == 0 || y == -1 ? 0 : x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0);
}

/* in and out int_value: i64[7]
 * in threads_value: i32[7]
 * out float_value: bool[7]
 * in f32x8_value: bool[7] */
static __attribute__((noinline)) void names(int64_t *__restrict int_value,
    const int32_t *__restrict threads_value, uint8_t *__restrict float_value,
    const uint8_t *__restrict f32x8_value) {
  for (int64_t index_value = 0; index_value < 7; index_value++) {
    const int64_t for_value = add_i64(int_value[index_value], (int64_t)threads_value[index_value]);
    if (for_value < 5 && f32x8_value[index_value] != 0) {
      const int64_t new_value = mul_i64(for_value, 3);
      int_value[index_value] = floordiv_i64(new_value, 2);
      float_value[index_value] = index_value % 2 == 0;
    } else {
      const int64_t new_value = index_value - 9;
      int_value[index_value] = mod_i64(new_value, 4);
      float_value[index_value] = !(f32x8_value[index_value] != 0);
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
  names((int64_t *)arguments[0], (const int32_t *)arguments[1], (uint8_t *)arguments[2],
      (const uint8_t *)arguments[3]);
  end_arithmetic(caller);
}
#endif
