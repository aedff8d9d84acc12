/* Data that entries make. */
#ifndef GENERATE_H
#define GENERATE_H

#include "model.h"
#include "plan.h"

/* Fills the columns that entries make, which depend on the instance's seed only, and checks that they hold numbers
 * that the task's entries take. False with a message printed. */
bool generate_data(const plan *p, dnn_instance *instance);

#endif
