/* What fuzzers feed with bytes: each reads them as one kind of input, holds what must be true of any
 * input and ends the process where it is not. make fuzzers builds one libFuzzer program for each
 * (tests/fuzz/fuzzer.c), and tests/fuzz/test_seeds.c runs the inputs kept in tests/fuzz/seeds. */
#ifndef FUZZ_TARGETS_H
#define FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

typedef struct fuzz_target {
  const char *name;
  void (*run)(const uint8_t *data, size_t size);
} fuzz_target;

/* The last has no name. */
extern const fuzz_target fuzz_targets[];

#endif
