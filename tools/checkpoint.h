/* Checkpoints: every slot of a model, and the place at which a training stands, in safetensors. */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "best.h"
#include "safetensors.h"

/* Where a training stands. Text fields are arena memory. */
typedef struct training_place {
  const char *task;
  const char *definitions; /* options_definitions; NULL: not known, of an old checkpoint */
  const char *data;   /* fingerprint_text of what is trained with; NULL: likewise */
  int stage;          /* of the task, from 0 */
  int64_t step;       /* steps of the stage that were done */
  int64_t epoch;      /* whole epochs of the stage that were done */
  bool closed;        /* the stage's at_end runs were made */
  const char *sums;   /* averages of the epoch under way (averages_save) */
  best_state best;    /* of the stage */
} training_place;

/* Replaces the file at path; slots in the order of their paths. */
bool checkpoint_write(const char *path, const dnn_instance *instance, const training_place *place,
                      arena *a, const char **error);

/* Sets every slot, seed and step of the instance and the place; prepare has been called. False
 * with a message where the file is not a checkpoint of this model, or holds what the model does not have. */
bool checkpoint_resume(arena *a, const char *path, dnn_instance *instance, training_place *place,
                       const char **error);

/* Sets the slots that the file has, which must be of the same types, but that floating numbers may
 * be of another floating type and are rounded to the model's; with all_trained every parameter has
 * to be there. False with a message. Warns of parameters, and of states but those of optimisers, that the file lacks,
 * and of tensors that the model lacks. */
bool checkpoint_weights(arena *a, const char *path, dnn_instance *instance, bool all_trained,
                        const char **error);

/* Sets the slots of an instance (a path, "net") from a file in which they are named within the
 * instance ("linear_0.w") or by their whole paths. Every parameter has to be there. */
bool checkpoint_load(arena *a, const char *path, dnn_instance *instance, const char *part,
                     const char **error);

/* Replaces the file by the slots of an instance, named within it. */
bool checkpoint_save(arena *a, const char *path, const dnn_instance *instance, const char *part,
                     const char **error);

#endif
