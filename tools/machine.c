#include "machine.h"

#include <string.h>

/* ---- multiply-adds --------------------------------------------------------------------------- */

int machine_vector_bytes(void) {
#if defined __x86_64__
  return __builtin_cpu_supports("avx512f") ? 64 : __builtin_cpu_supports("fma") ? 32 : 16;
#else
  return 0;
#endif
}

#if defined __x86_64__
#define TWELVE(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define ZERO_VEX(r) "vxorps %%xmm" #r ", %%xmm" #r ", %%xmm" #r "\n"
#define ZERO_SSE(r) "xorps %%xmm" #r ", %%xmm" #r "\n"
#define FMA_512(r) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #r "\n"
#define FMA_256(r) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #r "\n"
#define MULADD_128(r) "mulps %%xmm14, %%xmm" #r "\n addps %%xmm15, %%xmm" #r "\n"

/* Sums from 0, factors 1: what happens to lie in the registers may be subnormal, and thirty times as slow. */
#define TURNS(zero, load, add, leave)                                                              \
  __asm__ volatile(TWELVE(zero) load "1:\n" TWELVE(add) "dec %0\n jnz 1b\n" leave                 \
                   : "+r"(turns)                                                                   \
                   : "m"(ones)                                                                     \
                   : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", \
                     "xmm9", "xmm10", "xmm11", "xmm14", "xmm15")
#endif

void machine_turns(int vector_bytes, int64_t turns) {
  if (turns < 1) return;
#if defined __x86_64__
  static const float ones[4] __attribute__((aligned(16))) = {1, 1, 1, 1};
  if (vector_bytes == 64)
    TURNS(ZERO_VEX, "vbroadcastss %1, %%zmm14\n vbroadcastss %1, %%zmm15\n", FMA_512, "vzeroupper");
  else if (vector_bytes == 32)
    TURNS(ZERO_VEX, "vbroadcastss %1, %%ymm14\n vbroadcastss %1, %%ymm15\n", FMA_256, "vzeroupper");
  else
    TURNS(ZERO_SSE, "movaps %1, %%xmm14\n movaps %1, %%xmm15\n", MULADD_128, "");
#else
  (void)vector_bytes;
#endif
}

static void multiply_add(void *turns, int64_t index) {
  (void)index;
  machine_turns(machine_vector_bytes(), *(int64_t *)turns);
}

void machine_multiply_add(const dnn_threads *threads, int64_t *turns) {
  threads->run(threads->pool, multiply_add, turns, dnn_threads_count(threads));
}

/* ---- memory ---------------------------------------------------------------------------------- */

typedef unsigned int words __attribute__((vector_size(64), may_alias));

static inline __attribute__((always_inline)) void update(words *x, uint64_t first, uint64_t last) {
  for (uint64_t i = first; i < last; i++) x[i] ^= 1;
}

static inline __attribute__((always_inline)) void read_all(words *x, uint64_t first, uint64_t last) {
  words a = {0}, b = a, c = a, d = a; /* independent of each other */
  for (uint64_t i = first; i + 4 <= last; i += 4) {
    a ^= x[i];
    b ^= x[i + 1];
    c ^= x[i + 2];
    d ^= x[i + 3];
  }
  a ^= b ^ c ^ d;
  __asm__ volatile("" : : "m"(a)); /* it is wanted */
}

/* The widest vectors of the processor. */
#define IN_VECTORS(name)                                                                           \
  AVX_512(name) AVX_2(name)                                                                        \
  static void name##_part(void *argument, int64_t index) {                                         \
    const machine_memory *m = argument;                                                             \
    words *x = (words *)m->to;                                                                     \
    uint64_t count = m->bytes / sizeof *x, parts = (uint64_t)m->parts, part = (uint64_t)index;     \
    uint64_t first = count * part / parts, last = count * (part + 1) / parts;                      \
    CHOOSE(name) name(x, first, last);                                                             \
  }
#if defined __x86_64__
#define FOR_TARGET(name, suffix, flag)                                                             \
  __attribute__((target(flag))) static void name##suffix(words *x, uint64_t first, uint64_t last) { \
    name(x, first, last);                                                                          \
  }
#define AVX_512(name) FOR_TARGET(name, _avx512, "avx512f")
#define AVX_2(name) FOR_TARGET(name, _avx2, "avx2")
#define CHOOSE(name)                                                                               \
  if (__builtin_cpu_supports("avx512f")) name##_avx512(x, first, last);                            \
  else if (__builtin_cpu_supports("avx2")) name##_avx2(x, first, last);                            \
  else
#else
#define AVX_512(name)
#define AVX_2(name)
#define CHOOSE(name)
#endif

IN_VECTORS(update)
IN_VECTORS(read_all)

static void copy_part(void *argument, int64_t index) {
  const machine_memory *m = argument;
  uint64_t first = m->bytes / 64 * (uint64_t)index / (uint64_t)m->parts * 64;
  uint64_t last = m->bytes / 64 * (uint64_t)(index + 1) / (uint64_t)m->parts * 64;
  if (m->from) memcpy(m->to + first, m->from + first, last - first);
  else memset(m->to + first, 1, last - first);
}

static void run(const dnn_threads *threads, machine_memory *m, void (*part)(void *, int64_t)) {
  m->parts = dnn_threads_count(threads);
  threads->run(threads->pool, part, m, m->parts);
}

void machine_copy(const dnn_threads *threads, machine_memory *m) { run(threads, m, copy_part); }
void machine_update(const dnn_threads *threads, machine_memory *m) { run(threads, m, update_part); }
void machine_read(const dnn_threads *threads, machine_memory *m) { run(threads, m, read_all_part); }
