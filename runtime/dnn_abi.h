/* The types through which generated code and its callers meet. dnnc copies this block into every
 * generated header; the guard lets the headers of several models go into one file. */
#ifndef DNN_ABI
#define DNN_ABI 0 /* number of this interface; 0 until it is frozen */

#include <stddef.h>
#include <stdint.h>

/* What every function of a model returns. Arguments are checked before anything is written; only
 * DNN_ENDLESS comes later. */
enum dnn_status {
  DNN_OK = 0,
  DNN_NULL = 1,  /* a pointer is missing */
  DNN_ALIGN = 2, /* a region is not aligned to 64 bytes */
  DNN_STALE = 3, /* parameters changed since prepare packed the constants */
  DNN_RANGE = 4, /* a size lies outside its bounds */
  DNN_ENDLESS = 5 /* a `while` did not end within 2^24 turns; slots are partly written */
};

enum dnn_element {
  DNN_BOOL, DNN_U8, DNN_I8, DNN_I32, DNN_I64, DNN_BF16, DNN_F16, DNN_F32, DNN_F64
};

/* Threads that the caller lends: run calls task(argument, i) once for every i in 0..tasks, in any
 * order and on any thread, and returns when all have ended. */
typedef struct dnn_threads {
  void *pool;
  void (*run)(void *pool, void (*task)(void *argument, int64_t index), void *argument,
              int64_t tasks);
} dnn_threads;

/* Parameters and what prepare packs from them. Shared by any number of contexts while nobody
 * writes; whoever calls an entry that writes needs them for himself. */
typedef struct dnn_weights {
  void *parameters; /* 64-byte aligned */
  void *constants;  /* 64-byte aligned; may be NULL where its size is 0 */
  uint64_t generation, packed;
} dnn_weights;

/* One context per thread of the caller. */
typedef struct dnn_context {
  dnn_weights *weights;
  void *state, *scratch;      /* 64-byte aligned; may be NULL where the size is 0 */
  const dnn_threads *threads; /* NULL: run on the calling thread */
  uint64_t seed, step;
} dnn_context;

/* An array at an interface, dense and row-major. */
typedef struct dnn_tensor {
  const char *name;
  int32_t element; /* enum dnn_element */
  int32_t rank;
  const int64_t *extents;
  int32_t bounded; /* 1: the first extent is the largest size that a call may give */
} dnn_tensor;

/* A parameter or a state, by its path. */
typedef struct dnn_slot {
  dnn_tensor tensor;
  int32_t trained;   /* 1: param, 0: state */
  int32_t in_state;  /* 1: offset into state, 0: into parameters */
  uint64_t offset;   /* bytes */
} dnn_slot;

/* An entry, callable by any loader: one pointer per input and per output, in order. Where it has a
 * bounded size, each call gives that, from 1 to the bound, and arrays have so many rows. */
typedef struct dnn_entry {
  const char *name;
  int32_t input_count, output_count;
  const dnn_tensor *inputs, *outputs;
  int32_t writes;   /* 1: changes slots and advances step */
  int64_t bound;    /* of the size; 0: the entry has none */
  int (*call)(dnn_context *context, int64_t size, const void *const *inputs, void *const *outputs);
  const char *endless; /* the places of the loops that can end with DNN_ENDLESS; NULL: it has none */
} dnn_entry;

/* What a shared library says of its model. */
typedef struct dnn_model {
  uint32_t abi; /* DNN_ABI */
  const char *name;
  uint64_t parameter_bytes, constant_bytes, state_bytes, scratch_bytes;
  int32_t slot_count, entry_count;
  const dnn_slot *slots;
  const dnn_entry *entries;
  int (*init)(dnn_context *context);       /* draws parameters and initial states */
  int (*prepare)(dnn_weights *weights);    /* after loading or training */
} dnn_model;

#endif /* DNN_ABI */
