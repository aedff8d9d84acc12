/* Calls of functions and instances. */
#ifndef CALL_H
#define CALL_H

#include "elaborator.h"

/* Calls a function or instance. label names the call in the paths of anonymous instances and of
 * draws; site, where not NULL, is quoted by messages. */
value call_value(elaborator *e, location at, const ast *site, const char *label, value callee,
                 argument_list arguments);

/* The same with a given owner of the slots that a function of the language declares. */
value call_owned(elaborator *e, location at, const char *label, const callable *f, instance *owner,
                 argument_list arguments);

/* The argument for parameter number i of this name: by name, or by position; or NULL. */
const argument *call_argument(argument_list list, const char *name, int i);

/* Whether the static arguments of a function or entry meet its static parameters one to one and
 * none without a default is missing; false with an error. */
bool call_check_statics(elaborator *e, location at, const callable *f);

/* f[…]: the function with further static arguments. */
value call_brackets(elaborator *e, location at, value base, argument_list statics);

/* What `name = v` makes of v: a function becomes an instance of this name in the current body,
 * functions in a tuple become name[0], name[1], …; anything else stays. */
value call_named(elaborator *e, const ast *define, const char *name, value v);

/* The names in the body of a bundle, a function without a parameter list, evaluated in the graph
 * under construction; of another function those of the latest call. NULL where there are none, and
 * after an error. */
scope *call_members(elaborator *e, instance *i, location at);

/* A type in a signature: sizes that are not known are patterns, bound in the current scope. False
 * with an error where the type does not fit. what: "`x`". at: where the value was given. */
bool call_match_type(elaborator *e, const ast *type, const tensor_type *given, const char *what,
                     location at);

/* Reports a local that hides a function that the same body calls. */
void call_check_hidden(elaborator *e, const char *name, value v, location at);

#endif
