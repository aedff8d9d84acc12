/* Code that is looked at between its kernels: which values of a call are finite. */
#ifndef OBSERVE_H
#define OBSERVE_H

#include "model.h"
#include "compiler/plan.h" /* not the tool's own */
#include "tensor.h"

/* How far an array is from finite, by its worst element. */
typedef enum finiteness { FINITE, INFINITE, NOT_A_NUMBER } finiteness;

finiteness finiteness_of_memory(const tensor_type *type, const void *memory);
finiteness finiteness_of(const tensor *t);

/* The first element that is at least so far from finite; -1: there is none. */
int64_t finiteness_place(const tensor *t, finiteness least);

/* A library of an observed module. */
typedef struct observed {
  dnn_library library;
  const module *module;
} observed;

/* Compiles a program to be observed. False after an error that has been printed. */
bool observed_new(arena *a, program *p, diagnostics *d, const options *o, observed *code);
void observed_free(observed *code);

/* The inputs of one kernel, copied before it ran. */
typedef struct capture {
  int step;         /* of the entry's plan */
  tensor **values;  /* by node id: what the step reads; arena memory */
} capture;

/* One call of an entry. */
typedef struct observation {
  const dnn_entry *entry;
  const dnn_instance *instance; /* its regions are those of the observed library */
  int64_t size;                 /* of its bounded axes */
  const void *const *inputs;
  void *const *outputs;
  unsigned char *levels;        /* finiteness by value of the entry's plan: to be filled; or NULL */
  capture *captures;            /* to be filled */
  int capture_count;
} observation;

/* Sets what an observed library calls between its kernels (c.h); NULL: nothing. */
void observer_set(const dnn_library *library, void (*function)(void *context, int32_t call), void *context);

/* What the observed library plans for an entry. */
const module_entry *observed_entry(const observed *code, const dnn_entry *entry);

/* Calls the entry; false after a message. */
bool observe(arena *a, const observed *code, dnn_instance *instance, observation *o);

#endif
