/* Expressions. */
#ifndef EXPRESSION_H
#define EXPRESSION_H

#include "elaborator.h"

value expression_value(elaborator *e, const ast *n);

/* The value of a binding: constants are evaluated when first used, slots are read. */
value expression_binding(elaborator *e, binding *b, location at);

/* Arguments of a call, or of brackets, where `name: value` has been parsed as a slice. */
argument_list expression_arguments(elaborator *e, const ast_list *items);

/* A type with known sizes: of a slot or an entry's input. False with an error. */
bool expression_type(elaborator *e, const ast *type, tensor_type *out);

#endif
