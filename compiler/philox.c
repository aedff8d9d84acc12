#include <string.h>

#include "tensor.h"

enum { ROUNDS = 10 };

void philox(uint32_t result[4], const uint32_t counter[4], const uint32_t key[2]) {
  uint32_t c[4], k0 = key[0], k1 = key[1];
  memcpy(c, counter, sizeof c);
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53 * c[0], p1 = (uint64_t)0xCD9E8D57 * c[2];
    uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                        (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
    memcpy(c, next, sizeof c);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  memcpy(result, c, sizeof c);
}

static uint32_t low(uint64_t x) { return (uint32_t)x; }
static uint32_t high(uint64_t x) { return (uint32_t)(x >> 32); }

void philox_key(uint32_t key[2], uint64_t seed, uint64_t site, uint64_t step) {
  uint32_t words[4];
  philox(words, (uint32_t[]){low(site), high(site), low(step), high(step)},
         (uint32_t[]){low(seed), high(seed)});
  memcpy(key, words, 2 * sizeof *key);
}

uint32_t philox_element(const uint32_t key[2], uint64_t element, uint64_t turn) {
  uint32_t words[4];
  philox(words, (uint32_t[]){low(element / 4), high(element / 4), low(turn), high(turn)}, key);
  return words[element % 4];
}
