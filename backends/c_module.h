/* Inside of the C backend: the parts of a model's files. */
#ifndef C_MODULE_H
#define C_MODULE_H

#include "c_unit.h"
#include "module.h"

/* The names of an entry's function: its inputs and outputs, then its own locals. */
typedef struct c_signature {
  const char **inputs, **outputs;
  const char *function;                             /* "lenet5_train" */
  const char *status, *regions[REGION_CONTEXT + 1]; /* locals; of INPUT and OUTPUT none */
  const char *caller;    /* local: the caller's state of arithmetic */
  const char **turns;    /* local variables of loops, by depth; NULL: there is none, and nothing moves with it */
  const char *frame, *busy; /* of tasks that share out turns: the local that tells which frame of scratch one has, and
                               the argument that tells which are taken */
  const char *size;      /* the parameter that gives the bounded size; NULL: there is none */
  const char *threads;   /* the caller's, as an expression */
  bool observed;
  const char *prototype; /* "int lenet5_train(lenet5 *m, float rate, float *loss)" */
} c_signature;

c_signature c_entry_signature(c_unit *u, const module *m, const module_entry *e);

/* The name in capitals, for macros. */
const char *c_capitals(arena *a, const char *name);

/* A string literal. */
const char *c_string(arena *a, const char *text);

void c_write_header(writer *w, c_unit *u, const module *m);  /* c_header.c */
void c_write_entries(writer *w, c_unit *u, const module *m); /* c_entry.c: init, prepare, entries */

/* c_steps.c: calls and loops, and, to be written before, the functions of tasks that share out turns. */
void c_write_code(writer *w, const c_signature *s, const graph *g, const module_code *code);
void c_write_task_functions(writer *w, c_unit *u, const c_signature *s, const graph *g, const module_code *code);

/* Whether anything that the code calls lies there. */
bool c_uses_region(const module_code *code, region r);

void c_write_table(writer *w, c_unit *u, const module *m); /* c_table.c: the model's description */

#endif
