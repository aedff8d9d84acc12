/* Names under which other tools have what this language writes in another way. */
#ifndef SYNONYMS_H
#define SYNONYMS_H

typedef struct synonym {
  const char *name;    /* as PyTorch, NumPy, JAX, TensorFlow or C call it */
  const char *written; /* here: an example of a condition c, tensors a, b and x, and indices k */
} synonym;

extern const synonym synonyms[]; /* up to one without a name */

/* How it is written here, or NULL. */
const char *synonym_of(const char *name);

#endif
