/* Scopes: which value a name has at a place of the text. */
#ifndef NAMES_H
#define NAMES_H

#include "value.h"

typedef enum binding_state { BINDING_READY, BINDING_WAITING, BINDING_BUSY } binding_state;

/* What a name is bound to. A constant of a file waits for its first use to be evaluated and is
 * busy meanwhile, so that constants that define each other are found. */
typedef struct binding {
  const char *name;
  value value;
  location at;           /* where it was bound */
  binding_state state;
  const ast *expression; /* of a constant of a file, and … */
  scope *home;           /* … where it is evaluated */
  bool plain;            /* bound by `=`: `<-` may not change it */
} binding;

struct scope {
  scope *parent;         /* looked into next; NULL: the compiler's own functions follow */
  binding **bindings;    /* in the order of the first binding of each name */
  int count;
  int *table, table_size; /* by hash of the name: 1 + index in bindings, or 0 */
  bool turn;             /* of one turn of a loop: `=` binds names of the scopes around it there */
};

scope *scope_new(arena *a, scope *parent);

/* Binds a name, again if need be, and returns the binding to be changed by the caller. */
binding *scope_bind(arena *a, scope *s, const char *name, value v, location at);

/* Makes a binding of one scope known in another as well. */
void scope_share(arena *a, scope *s, binding *b);

/* The innermost binding, or NULL. The first looks into one scope only. */
binding *scope_find_here(const scope *s, const char *name);
binding *scope_find(const scope *s, const char *name);

/* Where `=` binds a name: in the scope, or, of a turn of a loop, in that around it which has the
 * name, up to the function's. */
scope *scope_home(scope *s, const char *name);

/* Appends all names that can be seen from s to a list. */
void scope_names(arena *a, const scope *s, const char ***names, int *count);

#endif
