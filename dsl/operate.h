/* Operators of the language on values: promotion, broadcasting, leaf by leaf over tuples. */
#ifndef OPERATE_H
#define OPERATE_H

#include "elaborator.h"

/* left op right. site, where not NULL, is the BINARY node, whose operands messages quote. */
value operate_binary(elaborator *e, location at, ast_operator op, value left, value right,
                     const ast *site);
value operate_unary(elaborator *e, location at, ast_operator op, value operand);

/* condition ? then : otherwise, over tensors. */
value operate_select(elaborator *e, location at, value condition, value then, value otherwise);

/* The values as tensors of their common element type, each of its own shape; false after an error. */
bool operate_promote(elaborator *e, location at, int count, const value *operands, node **nodes);

/* An elementwise function of one to three operands of one element type, after promotion and
 * broadcasting; leaf by leaf over tuples. Numbers known at compile time give such a number where
 * `fold` has a rule for the function. */
value operate_map(elaborator *e, location at, scalar_function f, int count, const value *operands);

/* The value as a tensor: numbers and truth values become constants of the wanted element type
 * (DTYPE_COUNT: i32, or f32 for what is not an integer). NULL after an error. */
node *operate_tensor(elaborator *e, location at, value v, dtype wanted);

/* The value as a tensor of exactly this type: numbers adapt and spread, a tensor of the same
 * element type is broadcast where `spread` is set. what: "the initial value", for messages. */
node *operate_convert(elaborator *e, location at, value v, const tensor_type *type, bool spread,
                      const char *what);

/* A key of tuple a, where both have keys, that tuple b lacks; NULL: none. */
const char *operate_missing_key(const tuple *a, const tuple *b);
/* The leaf of a value that goes with leaf i of the tuple `shape`: by its key, else by its place; what is no tuple
 * goes with all. */
value operate_leaf(value v, const tuple *shape, int i);

/* The value with another element type, leaf by leaf. */
value operate_cast(elaborator *e, location at, value v, dtype element);

/* Checks that a node belongs to the graph under construction; false with an error. */
bool operate_reachable(elaborator *e, location at, value v);

/* Below an error: the operands' texts, types and declarations. */
void operate_note_operands(elaborator *e, const ast *left, value l, const ast *right, value r);

#endif
