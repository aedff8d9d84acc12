/* The library dsl/std/ as text in the program; tools/embed.sh writes the definition. */
#ifndef STD_TEXT_H
#define STD_TEXT_H

typedef struct std_file {
  const char *name, *text; /* "nn", all of dsl/std/nn.dnn */
} std_file;

extern const std_file std_files[]; /* the last has no name */

#endif
