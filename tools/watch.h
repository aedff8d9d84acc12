/* A training that can say what made a loss that is not finite. Since the same calls from the same values give
 * the same results, it keeps the values of all slots from time to time, notes the calls since, and
 * repeats these where something is not finite, with code that is looked at between its kernels. */
#ifndef WATCH_H
#define WATCH_H

#include "feed.h"
#include "model.h"

typedef struct watch watch;

/* how: as the model that the instance runs was elaborated. */
watch *watch_new(arena *a, const options *o, elaborate_options how, dnn_instance *instance);

/* To be told before each call of an entry. Keeps the slots' values, if it is time: at the first
 * call, every two seconds, and less often where that would take more than a hundredth of the time. */
void watch_call(watch *w, feed *f, const dnn_entry *entry, int64_t batch, feed_time time);

/* To be told before a feed's rows change their order. */
void watch_renew(watch *w);

/* The first trained parameter that is not finite; NULL: all are. */
const dnn_slot *watch_parameters(const watch *w);

/* Repeats the calls and prints which operation of which kernel, in which line of the model, made an
 * output of the last call, or a slot, not finite. The instance's values are then those of some call
 * before. */
void watch_explain_output(watch *w, int output);
void watch_explain_slot(watch *w, const dnn_slot *s);

#endif
