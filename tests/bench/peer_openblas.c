/* Products by OpenBLAS, in the form that tests/bench/peers.py calls. */
#include <cblas.h>

#include "product.h"

const char *peer_product(const product *p) {
  enum CBLAS_TRANSPOSE of_a = p->transposed_a ? CblasTrans : CblasNoTrans;
  enum CBLAS_TRANSPOSE of_b = p->transposed_b ? CblasTrans : CblasNoTrans;
  int m = (int)p->m, n = (int)p->n, k = (int)p->k;
  int row_a = p->transposed_a ? m : k, row_b = p->transposed_b ? k : n;
  if (p->f64)
    cblas_dgemm(CblasRowMajor, of_a, of_b, m, n, k, 1, p->a, row_a, p->b, row_b, 0, p->c, n);
  else
    cblas_sgemm(CblasRowMajor, of_a, of_b, m, n, k, 1, p->a, row_a, p->b, row_b, 0, p->c, n);
  return 0;
}

const char *peer_describe(void) { return openblas_get_config(); }
