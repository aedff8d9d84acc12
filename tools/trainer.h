/* Follows a plan with a loaded model. */
#ifndef TRAINER_H
#define TRAINER_H

#include "final_metrics.h"

/* Trains and evaluates as the plan says, writing metrics.csv, curves.png and
 * checkpoint.safetensors into the folder, and lines of progress. With o->resume it goes on from
 * the checkpoint there. The weights and their first values are in the instance. Returns the exit
 * status: 0, STATUS_ERROR with a message printed, STATUS_INTERRUPTED after a signal, when the
 * checkpoint of the step just done has been written. With 0, *finals are the metrics of all runs. */
int train_plan(arena *a, const plan *p, dnn_instance *instance, const options *o,
               const char *folder, final_metrics *finals);

/* Makes the folder and holds it for this process until it ends. False with a message printed,
 * also where another training holds it. */
bool train_hold_folder(arena *a, const char *folder);

#endif
