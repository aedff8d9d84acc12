/* What this machine can do at most, as it is measured on it: no kernel computes faster than multiply-adds in
 * registers, none moves memory faster than a copy or a change in place. Of generated code nothing is used here, and
 * the benchmark (tests/bench) takes it too. */
#ifndef MACHINE_H
#define MACHINE_H

#include "dnn_rt.h"

/* Bytes of the processor's widest vectors with multiply-adds; 0 where there is no code for it. */
int machine_vector_bytes(void);

enum { MACHINE_VECTORS = 12 }; /* in a turn */

/* Independent multiply-adds of f32 in registers, MACHINE_VECTORS vectors of so many bytes (16, 32, 64) in each turn, on
 * the calling thread. Does nothing on other processors. */
void machine_turns(int vector_bytes, int64_t turns);

/* The same in the widest vectors on each of the threads. */
void machine_multiply_add(const dnn_threads *threads, int64_t *turns);

/* Memory that is moved, aligned to 64 bytes; of bytes only whole multiples of 64 count. */
typedef struct machine_memory {
  unsigned char *to;
  const unsigned char *from; /* of a copy; NULL: the memory is filled */
  uint64_t bytes;
  int64_t parts;             /* set by the functions */
} machine_memory;

/* Each does it once, a part on each thread: the C library's copy or filling of m->to; every byte of m->to read and
 * written in place; every byte of m->to read. */
void machine_copy(const dnn_threads *threads, machine_memory *m);
void machine_update(const dnn_threads *threads, machine_memory *m);
void machine_read(const dnn_threads *threads, machine_memory *m);

#endif
