/* One target under libFuzzer; FUZZ_TARGET is its name. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (const fuzz_target *t = fuzz_targets; t->name; t++)
    if (!strcmp(t->name, FUZZ_TARGET)) {
      t->run(data, size);
      return 0;
    }
  abort();
}
