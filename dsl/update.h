/* `<-`: the next value of a slot, or a name or slot with one part replaced. */
#ifndef UPDATE_H
#define UPDATE_H

#include "elaborator.h"

/* The statement. */
void update_run(elaborator *e, const ast *n);

/* The name at the left of a target, as `x` in x.a[0]; NULL: there is none. */
const ast *update_root(const ast *target);

/* True for a name that stands for a value by itself, not for a slot: a part of it can be replaced,
 * which binds the name again. */
bool update_is_plain(const binding *b);

#endif
