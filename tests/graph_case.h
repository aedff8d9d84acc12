/* Graphs in tests: from text, to text, and evaluated. */
#ifndef GRAPH_CASE_H
#define GRAPH_CASE_H

#include "tensor.h"

/* Reads a graph; where the text is wrong, prints the diagnostics and fails the test. */
graph *graph_from_text(arena *a, const char *text);

const char *graph_to_text(arena *a, const graph *g);

/* Reads text that must be refused and gives the first message; fails the test if it is accepted. */
const char *graph_refusal(arena *a, const char *text);

/* Deterministic values: reals in [low, high), integers in the same range, of bool 0 and 1. */
tensor *random_tensor(arena *a, const tensor_type *type, uint64_t seed, double low, double high);

/* Random values for all inputs of a graph; equal seeds give equal values. */
const tensor **random_inputs(arena *a, const graph *g, uint64_t seed, double low, double high);

/* The outputs of a graph; slots are random by their paths, and the same in every graph. */
tensor **evaluate(arena *a, const graph *g, const tensor *const *inputs);

#endif
