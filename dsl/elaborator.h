/* What the parts of elaboration share: the state of one run, frames of calls, errors with their
 * call path, and the bounds on work. */
#ifndef ELABORATOR_H
#define ELABORATOR_H

#include "lexical.h"
#include "names.h"
#include "program.h"

/* Fuzzers set a lower bound, so that they try many programs. */
#ifndef ELABORATOR_WORK
#define ELABORATOR_WORK 1000000
#endif

enum {
  MOST_CALLS_DEEP = 48,      /* calls within calls */
  MOST_TURNS = 20000,        /* of one static loop */
  MOST_WORK = ELABORATOR_WORK,       /* expressions evaluated in one run */
  MOST_NODES = 500000,       /* of a graph, derivatives included */
  MOST_NESTED = 1500,        /* expressions within expressions, through calls */
  MOST_TUPLES_DEEP = 32,     /* tuples within tuples */
  MOST_LEAVES = 100000,      /* of one tuple */
  MOST_ERRORS = 200,         /* of which DIAG_MOST are shown */
};

/* Values that the turns of a static `for` emit, or one turn of a loop at run time. */
typedef struct emission {
  value *items;
  int count;
  location at; /* of the last */
} emission;

/* The call of a function, an entry, or the evaluation of an initial value. */
typedef struct frame frame;
struct frame {
  frame *caller;
  const char *name;         /* "mlp[512]" for messages; NULL: not shown */
  location called_at;
  const location *called;   /* the same with its own callers, for nodes; NULL: the frame is of no function */
  const lexical *lexical;
  instance *self;           /* owns the slots and anonymous instances of this body */
  scope *scope;
  const char *site;         /* elaboration path, which identifies random draws */
  const char *indices;      /* turns of the static loops around: "[2][0]" */
  const tensor_type *initial; /* in an initial value: the declared type */
  emission *emission;       /* of the innermost loop */
  const ast *derivative;    /* of the function's value, see rule.h; NULL: none */
  int first_node;           /* of the graph, that the body may have made */
  bool training;
  bool body;                /* of a function or entry: locals may not hide functions it calls */
  int depth;
};

struct library;

typedef struct elaborator {
  arena *arena;
  diagnostics *diagnostics;
  const elaborate_options *options;
  program *program;
  graph *initial;           /* the initial values of all slots */
  graph *graph;             /* under construction; top-level statements build in `initial` */
  struct loop_body *loop;   /* of which `graph` may be the body, see loop.h; NULL: none */
  frame *frame;
  instance *model;          /* the root of all instances */
  slot_record **slots;
  int slot_count;
  struct library *library;
  const lexical **lexicals;
  int lexical_count;
  struct draw_site *sites;  /* of all draws: see native_check_sites */
  int site_count;
  struct sweep *sweeps;     /* gradients taken so far, see gradient.c */
  int sweep_count;
  struct written *written;  /* stable forms and what the model wrote, see written.h */
  int written_count;
  const ast *file;          /* the file's statements, as one block */
  scope *scope;             /* the file's names */
  task *task;               /* being elaborated, or NULL */
  bool training_used;       /* `training` was asked for in this entry … */
  bool param_written;       /* … and a param updated */
  struct minimized *minimized; /* what each minimize takes, see optimise.c */
  int minimized_count;
  int updates;              /* slots written so far */
  bool in_indices;          /* of index notation, in which nothing is drawn */
  bool in_arguments;        /* of a run: `step`, `steps` and `epoch` have values */
  int64_t work;
  int nested;               /* expressions around the current one */
  int noted;                /* errors that have their call path */
  bool halted;              /* a bound was passed: everything else is poison */
  dtype real;               /* of f32; with --real=f64, f64, of all floating types */
} elaborator;

/* Reports an error with the call path below it, and gives poison. */
value elaborator_error(elaborator *e, location at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for what the language has and this compiler does not have yet. */
value elaborator_refuse(elaborator *e, location at, const char *what);

/* Reports an unknown name with the nearest of those given. */
value elaborator_unknown(elaborator *e, location at, const char *kind, const char *name,
                         const char *const *names, int count);

/* Adds the call path to an error that a graph builder reported. */
void elaborator_path(elaborator *e);

/* Places the nodes built next, counts work and bounds the graph: false when the run has been
 * halted. */
bool elaborator_at(elaborator *e, location at);

/* The place with the calls that led to it, as nodes have it. */
location elaborator_place(const elaborator *e, location at);

/* Goes one expression deeper: elaborator_at, and a bound on the nesting. Where it gives true,
 * elaborator_rise follows. */
bool elaborator_sink(elaborator *e, location at);
void elaborator_rise(elaborator *e);

/* A tuple within the bounds; poison with an error otherwise, and where an item is poison. */
value elaborator_tuple(elaborator *e, location at, int count, const value *items,
                       const char *const *keys);

/* The node as a value; where a builder refused it, the error gets its call path. */
value elaborator_node(elaborator *e, node *n);

/* Enters a frame (which the caller allocates) with what it inherits from the current one; false,
 * with an error, where calls nest too deep. */
bool elaborator_enter(elaborator *e, frame *f);
void elaborator_leave(elaborator *e);

/* Facts about a body; those of functions are kept for their next call. */
const lexical *elaborator_lexical(elaborator *e, const ast *root);

/* Label of a call site: "linear_0", and with the turns of static loops "linear_0[2]". */
const char *elaborator_label(elaborator *e, const ast *site);

/* The elaboration path of a call at this place. */
const char *elaborator_site(elaborator *e, const char *label);

/* The element type of this name, with --real applied; false with an error if there is none or it
 * is not supported yet. */
bool elaborator_element(elaborator *e, location at, const char *name, dtype *out);

/* An integer for use as size, axis or count; false with an error for anything else. */
bool elaborator_integer(elaborator *e, location at, value v, const char *what, int64_t *out);

/* The same for an extent, which may be a bounded size; whether it is above 0 is not checked. */
bool elaborator_extent(elaborator *e, location at, value v, const char *what, dim *out);

#endif
