/* A model of which entries are called again and again, to be measured: with random inputs, and every time from the
 * same parameters and states. */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "model.h"
#include "snapshot.h"

typedef struct subject {
  arena *arena;
  const options *options;
  const program *program; /* as elaborated: what entries ask of their inputs */
  const module *module;
  dnn_library library;
  dnn_instance instance;
  snapshot first;
} subject;

/* Elaborates, compiles and starts the options' file; `observed` as in model.h. False after an error that has been
 * printed; entries of the options that there are none of are among these. */
bool subject_open(arena *a, const options *o, bool observed, subject *s);
void subject_close(subject *s);

/* An entry with memory for a call. */
typedef struct subject_entry {
  const dnn_entry *entry;
  const module_entry *made;
  const void *const *inputs;
  void *const *outputs;
  int64_t argument_bytes; /* of inputs and outputs */
} subject_entry;

/* Those that the options name, or all. */
subject_entry *subject_entries(subject *s, int *count);

/* Parameters, states and step as they were at first. */
void subject_restore(subject *s);

/* Calls an entry; one of bounded size at its bound. False with a message printed. */
bool subject_call(subject *s, const subject_entry *e);

#endif
