/* Independent multiply-adds of f32 in registers, which no kernel can be faster than. */
#ifndef PEAK_H
#define PEAK_H

#include <stdint.h>

enum { PEAK_VECTORS = 12 }; /* in a turn */

#if defined __x86_64__
#define TWELVE(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define FMA_512(r) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #r "\n"
#define FMA_256(r) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #r "\n"
#define MULADD_128(r) "mulps %%xmm14, %%xmm" #r "\n addps %%xmm15, %%xmm" #r "\n"
#define CLOBBERED                                                                                  \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11"
#endif

/* PEAK_VECTORS vectors of so many bytes (16, 32, 64) in each turn. Does nothing on other processors. */
static inline void peak_turns(int vector_bytes, int64_t turns) {
#if defined __x86_64__
  for (int64_t i = 0; i < turns; i++) {
    if (vector_bytes == 64)
      __asm__ volatile(TWELVE(FMA_512)::: CLOBBERED);
    else if (vector_bytes == 32)
      __asm__ volatile(TWELVE(FMA_256)::: CLOBBERED);
    else
      __asm__ volatile(TWELVE(MULADD_128)::: CLOBBERED);
  }
#else
  (void)vector_bytes, (void)turns;
#endif
}

#endif
