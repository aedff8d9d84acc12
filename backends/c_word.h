/* Words that no name in generated C can be. */
#ifndef C_WORD_H
#define C_WORD_H

#include <stdbool.h>

/* A word of C or C++, `main`, or what its common headers and the generated file define. The name is not empty. */
bool c_is_word(const char *name);

#endif
