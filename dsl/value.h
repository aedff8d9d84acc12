/* What an expression of the language stands for while it is elaborated. Tensors are nodes of the
 * graph under construction; everything else exists only at compile time. */
#ifndef VALUE_H
#define VALUE_H

#include "ast.h"
#include "graph.h"
#include "number.h"

typedef enum value_kind {
  VALUE_POISON,   /* came out of a reported error; every use of it is silently poison again */
  VALUE_NONE,     /* a block or call without a value */
  VALUE_NUMBER,   /* known at compile time; adapts to the tensor it meets */
  VALUE_SIZE,     /* a bounded size, which each call gives; as an operand an i32 scalar */
  VALUE_TRUTH,    /* a truth value known at compile time */
  VALUE_TEXT,
  VALUE_TENSOR,
  VALUE_TUPLE,
  VALUE_FUNCTION, /* with or without its brackets, not called */
  VALUE_INSTANCE,
  VALUE_SLOT,     /* only bound to a name: a param or state, read when the name is used */
  VALUE_DATA,     /* only in tasks: a data set, rows of one of its splits, or of a column of it */
} value_kind;

typedef struct value value;
typedef struct tuple tuple;
typedef struct callable callable;
typedef struct instance instance;
typedef struct slot_record slot_record;
typedef struct scope scope;
struct native;

struct data_cut;

/* Rows [first, last) of a split, as of a run_source; split -1 is the whole set, column -1 all columns. */
typedef struct data_rows {
  int set, split, column;
  int64_t first, last;
  const struct data_cut *cut; /* NULL: a row is a row */
} data_rows;

struct value {
  value_kind kind;
  union {
    number number;
    dim size;
    bool truth;
    const char *text;
    struct {
      node *node;
      slot_record *slot; /* the slot whose version this is, where it was read from one */
    };
    const tuple *tuple;
    const callable *function;
    struct {
      instance *instance;
      const callable *bound; /* the instance with `training` set in brackets; else NULL */
    };
    data_rows rows;
  };
};

struct tuple {
  value *items;
  const char **keys; /* NULL, or one per item, of which each may be NULL */
  int count;
  int depth;         /* of tuples in tuples: 1 where there are none */
  int64_t leaves;    /* items that are not tuples, here and below */
};

/* An argument as it was passed, in brackets or parentheses. */
typedef struct argument {
  const char *name; /* NULL: by position */
  value value;
  const ast *source; /* for messages; NULL where it has no text of its own */
} argument;

typedef struct argument_list {
  argument *items;
  int count;
} argument_list;

/* A function of the language or of the compiler, with the static arguments given so far. */
struct callable {
  const char *name;
  const ast *function;         /* NULL: native */
  const struct native *native;
  scope *scope;                /* in which the function was defined */
  instance *home;              /* the instance of which it is a member; else NULL */
  instance *origin;            /* of copy(net): net; else NULL */
  argument_list statics;
  bool bracketed;              /* static arguments were given, be it [] */
  signed char training;        /* set by [training: …]: 0, 1; -1: the caller's */
};

value value_none(void);
value value_number(number n);
value value_integer(int64_t n);
value value_size(dim d); /* an integer where the extent is fixed */
const char *value_size_text(arena *a, dim d); /* "64", of a bounded size its name */
value value_truth(bool truth);
value value_text(const char *text);
value value_tensor(node *n); /* poison where n is NULL */
value value_tuple(arena *a, int count, const value *items, const char *const *keys);
value value_function(const callable *f);
value value_instance(instance *i);

/* A tuple of the extents of a tensor. */
value value_shape(arena *a, const tensor_type *type);

bool value_is(value v, value_kind kind);
bool value_is_poison(value v);
bool value_is_integer(value v);

/* "the number 3", "f32[64, 784]", "a tuple of 2": for messages. */
const char *value_words(arena *a, value v);

/* The index of a key, or -1. */
int tuple_find(const tuple *t, const char *key);

/* The same keys with other items, which the caller fills. */
tuple *tuple_like(arena *a, const tuple *t);

#endif
