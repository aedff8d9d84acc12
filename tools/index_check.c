#include "index_check.h"

#include "element.h"

int64_t index_check(const index_use *use, dtype element, const void *data, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; i++) {
    int64_t value = element_int(element, data, i);
    if ((value < use->low || value > use->high) && !index_use_means(use, value)) return i;
  }
  return last;
}
