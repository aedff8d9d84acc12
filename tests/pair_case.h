/* Programs that compute values in two ways. */
#ifndef PAIR_CASE_H
#define PAIR_CASE_H

/* Runs the entry `e` of a model twice on random inputs in [-1, 1), so that slots which the first run
 * updates count in the second, by the graph interpreter: outputs are equal two by two, to 1e-12. Then the
 * kernels that the model becomes, and the C made of them, on one thread and several, agree with the
 * interpreter. */
void expect_pairs(const char *text);

#endif
