
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-predictive-commoning")
#pragma GCC optimize("no-tree-loop-ivcanon", "no-cse-follow-jumps", "no-rerun-cse-after-loop", \
                     "no-ipa-cp", "no-ipa-sra", "no-ipa-icf", "no-ipa-pure-const")
#endif
#pragma GCC diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))

typedef int64_t i64x8 __attribute__((vector_size(64)));
typedef uint64_t u64x8 __attribute__((vector_size(64)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef float f32x8 __attribute__((vector_size(32)));
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
INLINE int64_t shr_i64(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x >> (y & 63));
}
INLINE int64_t mul_i64(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x * (uint64_t)y);
}
INLINE int64_t add_i64(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x + (uint64_t)y);
}
INLINE int64_t shl_i64(int64_t x, int64_t y) {
  return (int64_t)((uint64_t)x << (y & 63));
}
INLINE int64_t philox_key(int64_t seed, int64_t site, int64_t step) {
  const int64_t l = shr_i64(seed, 32);
  const int64_t p = mul_i64(site & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q = mul_i64(step & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c = (shr_i64(q, 32) ^ shr_i64(site, 32)) ^ seed;
  const int64_t d = (shr_i64(p, 32) ^ shr_i64(step, 32)) ^ l;
  const int64_t k = add_i64(seed, INT64_C(2654435769));
  const int64_t l1 = add_i64(l, INT64_C(3144134277));
  const int64_t p1 = mul_i64(c & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q1 = mul_i64(d & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c1 = (shr_i64(q1, 32) ^ q) ^ k;
  const int64_t d1 = (shr_i64(p1, 32) ^ p) ^ l1;
  const int64_t k1 = add_i64(k, INT64_C(2654435769));
  const int64_t l2 = add_i64(l1, INT64_C(3144134277));
  const int64_t p2 = mul_i64(c1 & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q2 = mul_i64(d1 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c2 = (shr_i64(q2, 32) ^ q1) ^ k1;
  const int64_t d2 = (shr_i64(p2, 32) ^ p1) ^ l2;
  const int64_t k2 = add_i64(k1, INT64_C(2654435769));
  const int64_t l3 = add_i64(l2, INT64_C(3144134277));
  const int64_t p3 = mul_i64(c2 & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q3 = mul_i64(d2 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c3 = (shr_i64(q3, 32) ^ q2) ^ k2;
  const int64_t d3 = (shr_i64(p3, 32) ^ p2) ^ l3;
  const int64_t k3 = add_i64(k2, INT64_C(2654435769));
  const int64_t l4 = add_i64(l3, INT64_C(3144134277));
  const int64_t p4 = mul_i64(c3 & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q4 = mul_i64(d3 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c4 = (shr_i64(q4, 32) ^ q3) ^ k3;
  const int64_t d4 = (shr_i64(p4, 32) ^ p3) ^ l4;
  const int64_t k4 = add_i64(k3, INT64_C(2654435769));
  const int64_t l5 = add_i64(l4, INT64_C(3144134277));
  const int64_t p5 = mul_i64(c4 & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q5 = mul_i64(d4 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c5 = (shr_i64(q5, 32) ^ q4) ^ k4;
  const int64_t d5 = (shr_i64(p5, 32) ^ p4) ^ l5;
  const int64_t k5 = add_i64(k4, INT64_C(2654435769));
  const int64_t l6 = add_i64(l5, INT64_C(3144134277));
  const int64_t p6 = mul_i64(c5 & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q6 = mul_i64(d5 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c6 = (shr_i64(q6, 32) ^ q5) ^ k5;
  const int64_t d6 = (shr_i64(p6, 32) ^ p5) ^ l6;
  const int64_t k6 = add_i64(k5, INT64_C(2654435769));
  const int64_t l7 = add_i64(l6, INT64_C(3144134277));
  const int64_t p7 = mul_i64(c6 & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q7 = mul_i64(d6 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c7 = (shr_i64(q7, 32) ^ q6) ^ k6;
  const int64_t d7 = (shr_i64(p7, 32) ^ p6) ^ l7;
  const int64_t k7 = add_i64(k6, INT64_C(2654435769));
  const int64_t l8 = add_i64(l7, INT64_C(3144134277));
  const int64_t p8 = mul_i64(c7 & INT64_C(4294967295), INT64_C(3528531795));
  const int64_t q8 = mul_i64(d7 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t d8 = (shr_i64(p8, 32) ^ p7) ^ l8;
  const int64_t k8 = add_i64(k7, INT64_C(2654435769));
  const int64_t q9 = mul_i64(d8 & INT64_C(4294967295), INT64_C(3449720151));
  const int64_t c9 = (shr_i64(q9, 32) ^ q8) ^ k8;
  return (c9 & INT64_C(4294967295)) | shl_i64(q9, 32);
}
INLINE i64x8 splat_i64x8(int64_t x) {
  return (i64x8){x, x, x, x, x, x, x, x};
}
INLINE i64x8 shr_i64x8(i64x8 x, i64x8 y) {
  return (i64x8)((u64x8)x >> ((u64x8)y & 63));
}
INLINE i64x8 multiply_words_i64x8(i64x8 x, i64x8 y) {
  return (i64x8)(((u64x8)x & 4294967295) * ((u64x8)y & 4294967295));
}
INLINE i64x8 add_i64x8(i64x8 x, i64x8 y) {
  return (i64x8)((u64x8)x + (u64x8)y);
}
INLINE i64x8 select_i64x8(i64x8 mask, i64x8 x, i64x8 y) {
  return (i64x8)((mask & (i64x8)x) | (~mask & (i64x8)y));
}
INLINE i32x8 i32x8_from_i64x8(i64x8 x) {
  return __builtin_convertvector(x, i32x8);
}
INLINE i32x8 philox_i32x8(i64x8 key, i64x8 element, i64x8 turn) {
  const i64x8 block = shr_i64x8(element, splat_i64x8(2));
  const i64x8 l = shr_i64x8(key, splat_i64x8(32));
  const i64x8 p = multiply_words_i64x8(block, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q = multiply_words_i64x8(turn, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c = (shr_i64x8(q, splat_i64x8(32)) ^ shr_i64x8(block, splat_i64x8(32))) ^ key;
  const i64x8 d = (shr_i64x8(p, splat_i64x8(32)) ^ shr_i64x8(turn, splat_i64x8(32))) ^ l;
  const i64x8 k = add_i64x8(key, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l1 = add_i64x8(l, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p1 = multiply_words_i64x8(c, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q1 = multiply_words_i64x8(d, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c1 = (shr_i64x8(q1, splat_i64x8(32)) ^ q) ^ k;
  const i64x8 d1 = (shr_i64x8(p1, splat_i64x8(32)) ^ p) ^ l1;
  const i64x8 k1 = add_i64x8(k, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l2 = add_i64x8(l1, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p2 = multiply_words_i64x8(c1, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q2 = multiply_words_i64x8(d1, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c2 = (shr_i64x8(q2, splat_i64x8(32)) ^ q1) ^ k1;
  const i64x8 d2 = (shr_i64x8(p2, splat_i64x8(32)) ^ p1) ^ l2;
  const i64x8 k2 = add_i64x8(k1, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l3 = add_i64x8(l2, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p3 = multiply_words_i64x8(c2, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q3 = multiply_words_i64x8(d2, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c3 = (shr_i64x8(q3, splat_i64x8(32)) ^ q2) ^ k2;
  const i64x8 d3 = (shr_i64x8(p3, splat_i64x8(32)) ^ p2) ^ l3;
  const i64x8 k3 = add_i64x8(k2, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l4 = add_i64x8(l3, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p4 = multiply_words_i64x8(c3, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q4 = multiply_words_i64x8(d3, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c4 = (shr_i64x8(q4, splat_i64x8(32)) ^ q3) ^ k3;
  const i64x8 d4 = (shr_i64x8(p4, splat_i64x8(32)) ^ p3) ^ l4;
  const i64x8 k4 = add_i64x8(k3, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l5 = add_i64x8(l4, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p5 = multiply_words_i64x8(c4, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q5 = multiply_words_i64x8(d4, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c5 = (shr_i64x8(q5, splat_i64x8(32)) ^ q4) ^ k4;
  const i64x8 d5 = (shr_i64x8(p5, splat_i64x8(32)) ^ p4) ^ l5;
  const i64x8 k5 = add_i64x8(k4, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l6 = add_i64x8(l5, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p6 = multiply_words_i64x8(c5, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q6 = multiply_words_i64x8(d5, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c6 = (shr_i64x8(q6, splat_i64x8(32)) ^ q5) ^ k5;
  const i64x8 d6 = (shr_i64x8(p6, splat_i64x8(32)) ^ p5) ^ l6;
  const i64x8 k6 = add_i64x8(k5, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l7 = add_i64x8(l6, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p7 = multiply_words_i64x8(c6, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q7 = multiply_words_i64x8(d6, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c7 = (shr_i64x8(q7, splat_i64x8(32)) ^ q6) ^ k6;
  const i64x8 d7 = (shr_i64x8(p7, splat_i64x8(32)) ^ p6) ^ l7;
  const i64x8 k7 = add_i64x8(k6, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l8 = add_i64x8(l7, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p8 = multiply_words_i64x8(c7, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q8 = multiply_words_i64x8(d7, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c8 = (shr_i64x8(q8, splat_i64x8(32)) ^ q7) ^ k7;
  const i64x8 d8 = (shr_i64x8(p8, splat_i64x8(32)) ^ p7) ^ l8;
  const i64x8 k8 = add_i64x8(k7, splat_i64x8(INT64_C(2654435769)));
  const i64x8 l9 = add_i64x8(l8, splat_i64x8(INT64_C(3144134277)));
  const i64x8 p9 = multiply_words_i64x8(c8, splat_i64x8(INT64_C(3528531795)));
  const i64x8 q9 = multiply_words_i64x8(d8, splat_i64x8(INT64_C(3449720151)));
  const i64x8 c9 = (shr_i64x8(q9, splat_i64x8(32)) ^ q8) ^ k8;
  const i64x8 d9 = (shr_i64x8(p9, splat_i64x8(32)) ^ p8) ^ l9;
  const i64x8 word = element & splat_i64x8(3);
  return i32x8_from_i64x8(select_i64x8(word == splat_i64x8(0), c9,
      select_i64x8(word == splat_i64x8(1), q9, select_i64x8(word == splat_i64x8(2), d9, p9))));
}
INLINE i64x8 ramp_i64x8(int64_t base, int64_t step) {
  return (i64x8)((u64x8)splat_i64x8(base) + (u64x8)splat_i64x8(step) *
      (u64x8){0, 1, 2, 3, 4, 5, 6, 7});
}
INLINE i32x8 splat_i32x8(int32_t x) {
  return (i32x8){x, x, x, x, x, x, x, x};
}
INLINE i32x8 shr_i32x8(i32x8 x, i32x8 y) {
  return (i32x8)((u32x8)x >> ((u32x8)y & 31));
}
INLINE f32x8 f32x8_from_i32x8(i32x8 x) {
  return __builtin_convertvector(x, f32x8);
}
INLINE void store_f32x8(float *to, f32x8 x) {
  *(f32x8_memory *)to = x;
}

/* out y: f32[8]
 * in context: i64[2] */
static __attribute__((noinline)) void draw(float *__restrict y, const int64_t *__restrict context) {
  const int64_t key = philox_key(context[0], 7, context[1]);
  for (int64_t i = 0; i < 8; i += 8) {
    const i32x8 bits = philox_i32x8(splat_i64x8(key), ramp_i64x8(i, 1), splat_i64x8(0));
    store_f32x8(&y[i], f32x8_from_i32x8(shr_i32x8(bits, splat_i32x8(8))) * 0x1p-24f);
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
  draw((float *)arguments[0], (const int64_t *)arguments[1]);
  end_arithmetic(caller);
}
#endif
