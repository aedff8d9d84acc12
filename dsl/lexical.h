/* Facts about a body that depend on its text alone: its call sites, each with the ordinal among
 * the calls of one name, in the order of the text. Ordinals name anonymous instances and the
 * places of random draws; being lexical, they are not shifted by a static `if`. */
#ifndef LEXICAL_H
#define LEXICAL_H

#include "ast.h"

typedef struct call_site {
  const ast *site;     /* the CALL; the PIPE where its right side is not one; the first stage after
                          `with` where it is not one */
  const ast *callee;
  const char *name;    /* the name that is called: f of f(x), f[3](x), net.f(x); else "call" */
  int ordinal;
} call_site;

typedef struct lexical {
  const ast *root;
  call_site *by_name;  /* sorted by name, then in the order of the text */
  call_site *by_site;  /* the same, sorted for lexical_find */
  int count;
} lexical;

/* Collects the calls in root, without those in functions, entries and
 * tasks inside it. */
const lexical *lexical_new(arena *a, const ast *root);

/* The site, or NULL. */
const call_site *lexical_find(const lexical *l, const ast *site);

/* Whether a plain name is called: `f(x)` or `f[3](x)`, not `net.f(x)`. */
bool lexical_calls(const lexical *l, const char *name);

#endif
