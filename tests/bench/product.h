/* A product of matrices as peers are asked for it: c[m, n] = a[m, k] b[k, n], all dense and row-major; a
 * transposed operand lies as [k, m] or [n, k]. */
#ifndef PRODUCT_H
#define PRODUCT_H

#include <stdint.h>

typedef struct product {
  int64_t m, n, k, transposed_a, transposed_b, f64;
  const void *a, *b;
  void *c;
} product;

/* A convolution x[n, channels, height, width] * w[filters, channels / groups, size, size], with the padding on each
 * side, to y[n, filters, …], all dense. */
typedef struct convolution {
  int64_t n, channels, height, width, filters, size, stride, pad, groups;
  const void *x, *w;
  void *y;
  void *state; /* the peer's own */
} convolution;

/* NULL, or what went wrong. */
const char *peer_product(const product *p);
const char *peer_convolution_open(convolution *c);  /* makes state, in the peer's own layout */
const char *peer_convolution(const convolution *c); /* one call on it */
const char *peer_convolution_read(convolution *c);  /* writes y */
void peer_convolution_close(convolution *c);
const char *peer_describe(void);

#endif
