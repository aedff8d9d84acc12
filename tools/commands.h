/* The commands of dnn. Each returns the exit status, having printed what went wrong. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "options.h"

int command_train(arena *a, const options *o);
int command_run(arena *a, const options *o);
int command_check(arena *a, const options *o);
int command_export(arena *a, const options *o);
int command_info(arena *a, const options *o);
int command_bench(arena *a, const options *o);
int command_profile(arena *a, const options *o);

#endif
