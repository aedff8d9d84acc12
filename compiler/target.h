/* Facts about a processor that schedules and backends need. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

typedef struct schedule_choices schedule_choices; /* contraction.h */
typedef struct schedule_memory schedule_memory;

typedef struct target {
  const char *cpu;          /* as resolved: what -march gets, "x86-64-v3" */
  int vector_bytes;         /* 16, 32 or 64 */
  int registers;            /* vector registers: 16 or 32 */
  bool fma;
  int64_t l1_bytes, l2_bytes;
  const char *const *macros; /* that the compiler must define for it: "__AVX2__"; ends with NULL */
  const char *const *flags;  /* for cc: "-march=x86-64-v3"; ends with NULL */
  const schedule_choices *choices; /* of schedules, that were measured; NULL: none were */
  schedule_memory *memory;         /* of schedules that were found; NULL: each is searched for */
} target;

/* "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "native" (resolved to one of these by asking
 * the processor). NULL where the name is not known. */
const target *target_find(arena *a, const char *cpu);

/* True where this processor runs code for the target. */
bool target_runs_here(const target *t);

/* All names, for messages. */
extern const char *const target_names[];

#endif
