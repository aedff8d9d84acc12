#include "target.h"

#include <string.h>

const char *const target_names[] = {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "native", NULL};

static const char *const macros_v1[] = {"__x86_64__", NULL};
static const char *const macros_v2[] = {"__SSE4_2__", NULL};
static const char *const macros_v3[] = {"__AVX2__", "__FMA__", "__F16C__", NULL};
static const char *const macros_v4[] = {"__AVX512F__", "__AVX512BW__", "__AVX512DQ__", "__AVX512VL__",
                                        "__FMA__", "__F16C__", NULL};
static const char *const flags_v1[] = {"-march=x86-64", NULL};
static const char *const flags_v2[] = {"-march=x86-64-v2", NULL};
/* With gcc's generic tuning, vectors that are used several times are loaded from memory each time. */
static const char *const flags_v3[] = {"-march=x86-64-v3", "-mtune=icelake-server", NULL};
static const char *const flags_v4[] = {"-march=x86-64-v4", "-mtune=icelake-server",
                                       "-mprefer-vector-width=512", NULL};

/* The levels of the x86-64 psABI, lowest first. Caches are those of common server cores, on the
 * small side. */
static const target levels[] = {
    {"x86-64", 16, 16, false, 32 << 10, 512 << 10, macros_v1, flags_v1, NULL, NULL},
    {"x86-64-v2", 16, 16, false, 32 << 10, 512 << 10, macros_v2, flags_v2, NULL, NULL},
    {"x86-64-v3", 32, 16, true, 32 << 10, 512 << 10, macros_v3, flags_v3, NULL, NULL},
    {"x86-64-v4", 64, 32, true, 32 << 10, 1 << 20, macros_v4, flags_v4, NULL, NULL},
};

/* The highest level that this processor, and the system's saving of registers, supports. */
static int native_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("fma"))
    return 3;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return 2;
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) return 1;
#endif
  return 0;
}

const target *target_find(arena *a, const char *cpu) {
  (void)a;
  if (strcmp(cpu, "native") == 0) return &levels[native_level()];
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    if (strcmp(cpu, levels[i].cpu) == 0) return &levels[i];
  return NULL;
}

bool target_runs_here(const target *t) {
  int level = 0;
  while (strcmp(levels[level].cpu, t->cpu) != 0) level++;
  return level <= native_level();
}
