/* What a task says beside its runs: stop(…), load(…), save(…). */
#ifndef TASK_PHASE_H
#define TASK_PHASE_H

#include "elaborator.h"

/* stop(patience: 5, without_lower: "evaluate.loss") ends the phase before it early. */
value task_stop_call(elaborator *e, const ast *n);

/* load(net, "file.safetensors") and save(net, "file.safetensors"): the slots of an instance. */
value task_load_call(elaborator *e, const ast *n);
value task_save_call(elaborator *e, const ast *n);

#endif
