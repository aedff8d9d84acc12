/* The runtime that a product may link beside a generated model (libdnnrt.a): threads to lend to
 * it, memory for its regions, and loading of models from shared libraries. Generated code itself
 * calls none of it. */
#ifndef DNN_RT_H
#define DNN_RT_H

#include <stdbool.h>

#include "dnn_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A pool of count threads, the caller's among them; 0 means one per core that the process may use.
 * Task i of calls of as many tasks goes to the same thread, unless that one is late and another has nothing else to do. A
 * call from inside a task, or while another thread uses the pool, runs on the calling thread. Waiting threads spin for at
 * most a millisecond, then sleep, and while they do their affinity lacks the core of who called last: who sets affinities
 * does so before. A forked process needs a pool of its own. NULL when the threads cannot be made (errno says why). */
dnn_threads *dnn_threads_new(int count);

/* Ends the pool's threads; no call may be under way. NULL is allowed. */
void dnn_threads_free(dnn_threads *threads);

/* Threads of the pool, the caller's among them. */
int dnn_threads_count(const dnn_threads *threads);

/* Cores that this process may use, at least 1. */
int dnn_cores(void);

/* Zeroed memory for a region, aligned to 64 bytes (large ones to huge pages, which the system is
 * asked to use). NULL when memory is out, and for 0 bytes. Freed by dnn_region_free. */
void *dnn_region_new(uint64_t bytes);
void dnn_region_free(void *region);

/* A model with one set of weights and one context over its own regions. */
typedef struct dnn_instance {
  const dnn_model *model;
  dnn_weights weights;
  dnn_context context; /* context.weights points to weights: do not copy the structure */
} dnn_instance;

/* Allocates the regions (zeroed; nothing is drawn yet). False, with everything freed, when memory
 * is out. threads may be NULL. */
bool dnn_instance_init(dnn_instance *instance, const dnn_model *model, const dnn_threads *threads,
                       uint64_t seed);
void dnn_instance_free(dnn_instance *instance);

/* The memory of a slot. */
void *dnn_slot_memory(const dnn_instance *instance, const dnn_slot *slot);

/* What a status means, as text. */
const char *dnn_status_text(int status);

/* A shared library with a model in it. */
typedef struct dnn_library {
  void *handle;
  const dnn_model *model;
} dnn_library;

/* The name by which a library gives its model. */
#define DNN_MODEL_DESCRIPTION "dnn_model_description"

enum { DNN_MESSAGE_BYTES = 512 };

/* Loads the model of a shared library, whatever the file is called. False with a message (path,
 * reason) when the file cannot be loaded, has no model, or was made for another ABI; errno is then
 * ENOMEM where memory was out. The model is valid until dnn_unload. */
bool dnn_load(dnn_library *library, const char *path, char message[DNN_MESSAGE_BYTES]);
void dnn_unload(dnn_library *library);

/* An entry by name; NULL where there is none. */
const dnn_entry *dnn_find_entry(const dnn_model *model, const char *name);

#ifdef __cplusplus
}
#endif

#endif
