/* Index notation: a tensor read at places that depend on indices. */
#ifndef INDEX_READ_H
#define INDEX_READ_H

#include "index_space.h"

/* x[…] as a value over the space, n being the BRACKETS node. */
value index_read(index_space *s, const ast *n);

#endif
