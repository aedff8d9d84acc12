/* Contractions: sums of products of two operands over some axes. Products of matrices, convolutions
 * and their gradients all have this form; here they are described apart from graph operators and
 * turned into register-blocked loops (Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication", 2008; Georganas et al., "Anatomy of high-performance deep learning convolutions
 * on SIMD architectures", 2018).
 *
 *   output[Σ stride_a · i_a]  =  Σ over reduced axes  left[…] · right[…]
 */
#ifndef CONTRACTION_H
#define CONTRACTION_H

#include "index.h"
#include "loop.h"
#include "target.h"

enum { CONTRACTION_AXES = 16 };

/* One loop of the contraction. */
typedef struct contraction_axis {
  const char *name;
  int64_t extent;
  bool reduced;
  bool covered;   /* an output axis of which every tile has all indices, none of them as lanes */
  int64_t stride; /* of output axes: elements between neighbours in the output; not 0 */
  bool bounded;   /* it runs to a size that each call gives; the extent is its bound */
  double met;     /* of reduced axes: the mean share of indices that meet stored elements, not what pads them */
} contraction_axis;

/* One axis of an operand. The contraction reads it at u = Σ steps_a · i_a, steps at least 0: one
 * step of 1 for the axis of a matrix; stride and dilation for a convolved one. Around and between
 * the stored elements lie zeros: u holds stored element (u - low) / dilation where that is whole
 * and in [0, extent), else 0. */
typedef struct contraction_coordinate {
  int64_t steps[CONTRACTION_AXES];
  int64_t low; /* negative: the first elements are not read */
  int64_t dilation, extent;
  int64_t stride; /* of linear operands: distance of neighbours in the buffer, of any sign */
} contraction_coordinate;

typedef struct contraction_operand contraction_operand;
struct contraction_operand {
  int rank;
  contraction_coordinate coordinates[MAX_RANK];

  /* A linear operand, where there is no element function: stored element (v…) is
   * buffer[base + Σ stride · v]. */
  loop_buffer *buffer; /* of rank 1; not needed to find a schedule */
  int64_t base;

  /* Any other operand: `lanes` stored elements along a coordinate, the first at an index, as an
   * expression; what is needed for it may be appended to the block. */
  const loop_expr *(*element)(arena *a, const contraction_operand *operand, loop_block *block,
                              const loop_expr *const *index, int along, int lanes);
  void *context;
  bool runs[MAX_RANK];   /* by coordinate: several lanes along it cost less than one by one */
  int most_lanes;
  double element_cycles; /* estimated, for each */

  double runs_alike; /* of the kernel, one after the other, that find the same elements, so that they may be
                        packed once for all; 1: each run may find others, and packs them for itself where that
                        pays; 0: they are not packed */
};

/* Complete sums: vectors along vector_axis, or scalars. They are a box: along every axis `count`
 * positions (of the vector axis: vectors) from index `start` on; 1 along reduced axes. */
typedef struct contraction_sums {
  int vector_axis, lanes;          /* -1 and 1: scalars */
  int64_t step;                    /* from vector to vector along the vector axis */
  const loop_expr *start[CONTRACTION_AXES];
  int64_t count[CONTRACTION_AXES];
  const loop_expr *const *values;  /* in registers: by position, row-major in the axes; else NULL */
  const loop_buffer *local;        /* in local memory: at origin + Σ stride · position */
  const loop_expr *origin;
  int64_t stride[CONTRACTION_AXES];

  /* Of output axes: which of the parts that tasks share out the task has, and the index at which that begins. */
  const loop_expr *part[CONTRACTION_AXES], *first[CONTRACTION_AXES];
} contraction_sums;

typedef struct contraction {
  dtype element; /* of operands, sums and result: f32, f64 or an integer type */
  int axis_count;
  contraction_axis axes[CONTRACTION_AXES];
  contraction_operand operands[2];

  const loop_buffer *context; /* of the kernel, which has the size of bounded axes (lower_size); NULL
                                 where there are none */

  /* Of rank 1; every element is stored. With an epilogue only sums over some of the blocks that a
   * reduced axis is cut into: without blocks it may be NULL. */
  loop_buffer *output;

  /* Appends what is done with complete sums in place of storing them; NULL: nothing. */
  void (*epilogue)(void *context, const contraction_sums *sums, loop_block *block);
  /* Appends what asks for what the epilogue will read at these sums, which are not formed yet; NULL: nothing. */
  void (*epilogue_ahead)(void *context, const contraction_sums *sums, loop_block *block);
  /* Appends what the epilogue computed once for all sums of a task, when these are complete; NULL: nothing. */
  void (*epilogue_once)(void *context, loop_block *block);
  void *epilogue_context;
  int epilogue_lanes;         /* at most */
  double epilogue_elements;   /* that it reads and writes for every sum, about */
  double epilogue_operations; /* and computes, where an addition is one */
  bool epilogue_in_registers; /* it is short enough to be written out for every vector */
} contraction;

/* The contraction that a dot or conv node computes, into a dense output. The operands have neither
 * buffer nor element function yet, the output has no buffer. */
void contraction_of_node(arena *a, const node *n, contraction *c);

/* The index in an operand of a dot or conv node where its coordinates stand, as functions of variables
 * 0, 1, …, one for each coordinate; returns their number. Coordinates are the operand's axes but for
 * filters of several groups, whose first axis is two: the group, and the filter in it. */
int contraction_operand_index(arena *a, const node *n, int side, const index_expr **at);

/* The operand's element (v…) is buffer[base + Σ strides · v]. */
void contraction_operand_strided(contraction_operand *o, loop_buffer *buffer, int64_t base,
                                 const int64_t *strides);

/* Cuts an output axis that by itself moves one coordinate of one operand by steps of 1 into two: the
 * axis itself, of extent / inside indices, which becomes covered, and behind it one of `inside`
 * indices, a divisor of the extent. False where the axis is of another kind. */
bool contraction_cover(contraction *c, int axis, int64_t inside);

/* How dot and conv become loops (lower.h). */
extern const struct op_lowering contraction_lowering;

/* How the loops run. One axis is that of the vectors: an output axis, so that a tile of the output
 * is held in registers as vectors, or a reduced one, whose lanes are added up at the end. Around
 * the tile lie loops over tiles; inside it those over the reduced axes. An operand that is not laid
 * out for this, or that has zeros between its elements, is first copied to local memory; or it is packed
 * by a kernel of its own, which runs before one or several runs of this one: panels that lie as such copies do, one
 * for each tile along the operand's output axes, with all of the reduced ones. Where the second operand is packed,
 * blocks of the reduced axes are outermost, so that what is read of it for one block stays in the second cache.
 *
 *   tasks
 *     shared axes, outer axes of the first operand, blocks of reduced axes
 *       copy of the first operand
 *         outer axes of the second operand
 *           copy of the second operand
 *             other axes
 *               tile: reduced axes: acc[…] += left · right */
typedef struct contraction_schedule {
  int vector_axis;                /* -1: none, lanes is 1 */
  int lanes;
  int64_t tile[CONTRACTION_AXES]; /* of output axes: indices, of the vector axis vectors, that one
                                     tile covers at most */
  bool copied[2];
  bool packed[2];                 /* not copied by the kernel, but packed before it runs */
  int first;                      /* the operand that is copied first, or whose panels come first; where one is packed
                                     for this run, the other */
  bool outer[CONTRACTION_AXES];   /* copies cover one tile along this axis, else all of it */
  int64_t block[CONTRACTION_AXES]; /* of reduced axes that are cut into blocks: indices of one at most; else 0 */
  int64_t parts[CONTRACTION_AXES]; /* into so many tasks the tiles along an output axis are split */
  double cycles;                  /* as estimated */
} contraction_schedule;

/* The schedule of least estimated time on one core of the target. It depends on nothing but its
 * arguments; where the target has a memory, equal contractions are searched for once. */
contraction_schedule contraction_schedule_find(const contraction *c, const target *t);

/* An empty memory for a target. */
schedule_memory *schedule_memory_new(arena *a);

/* What the memory has for the contraction, else what `find` returns, which it then has. */
contraction_schedule schedule_remembered(schedule_memory *m, const contraction *c, const target *t,
                                         contraction_schedule (*find)(const contraction *c, const target *t));

/* So many of the cheapest at most, cheapest first; those that differ in their tiles only are few among them. The
 * first is the above. */
int contraction_schedules(const contraction *c, const target *t, int most, contraction_schedule *found);

/* The one that the search comes upon whose vectors, tiles, ways of the operands and order of these are as given. False
 * where there is none. */
bool contraction_schedule_complete(const contraction *c, const target *t, contraction_schedule *s);

/* True where an operand is packed before each run. */
bool contraction_packs_once(const contraction *c, const contraction_schedule *s, int operand);

/* True where any reduced axis is cut into blocks: sums are then formed in several passes. */
bool contraction_in_blocks(const contraction *c, const contraction_schedule *s);

/* What takes the place of the estimate where schedules were measured. */
struct schedule_choices {
  /* False: it has none for the contraction. */
  bool (*choose)(void *context, const contraction *c, const target *t, contraction_schedule *s);
  void *context;
};

/* The target's choice, else that of least estimated time. */
contraction_schedule contraction_schedule_choose(const contraction *c, const target *t);

/* Appends the loops of a contraction to an empty kernel body. Buffers are the caller's, who has
 * made them parameters of the kernel. */
void contraction_emit(arena *a, const contraction *c, const contraction_schedule *s,
                      const target *t, loop_block *body);

/* Elements of an operand that is packed. */
int64_t contraction_packed_elements(const contraction *c, const contraction_schedule *s, int operand);

/* The same for a kernel that packs an operand, into a buffer of rank 1. In the kernel of the contraction
 * that is the operand's buffer, and nothing else of where its elements lie counts. */
void contraction_emit_packing(arena *a, const contraction *c, const contraction_schedule *s, const target *t,
                              int operand, loop_buffer *packed, loop_block *body);

/* One line of text for comments and measurements. */
const char *contraction_schedule_text(arena *a, const contraction *c,
                                      const contraction_schedule *s);

/* All that the search for a schedule depends on beside the target, in one line; estimates of what elements and the epilogue
 * take are rounded. */
const char *contraction_text(arena *a, const contraction *c);

/* What of a schedule the search chooses, in one line: all else follows from it (contraction_schedule_complete). */
const char *contraction_choice_text(arena *a, const contraction *c, const contraction_schedule *s);

/* Reads that. NULL, or where in the text something else was expected. */
const char *contraction_choice_parse(const contraction *c, const char *text, contraction_schedule *s);

/* A pass over graphs (pass.h), for the end of the passes: long sums with few results become
 * batches of shorter ones and a sum of their results, so that there is work for several tasks. The
 * order in which terms are added changes; it depends on shapes only. */
graph *contraction_split(const graph *g);

/* ---- what schedule and loops ask about a contraction (contraction.c) ------------------------ */

/* The number of an output axis among all of them, where the covered ones come last. */
int contraction_output_number(const contraction *c, int axis);

/* True where the operand's elements differ along the axis. */
bool contraction_depends(const contraction_operand *operand, int axis);

/* True where an axis runs to a size that each call gives. */
bool contraction_is_bounded(const contraction *c);

/* True where every read of the operand is a stored element of a linear buffer. */
bool contraction_direct(const contraction *c, const contraction_operand *operand);

/* True where all u of the coordinate are stored elements. */
bool contraction_plain(const contraction *c, const contraction_coordinate *coordinate);

/* The coordinate that a reduced axis moves by steps of 1 and in which all other axes have one index in a tile, so that one range
 * of steps meets stored elements in all of the tile, and the others, which would add zeros, are left out; NULL: there is none,
 * or, where a copy has the zeros, few steps are spared. No axis moves two such coordinates. */
const contraction_coordinate *contraction_padded(const contraction *c, const contraction_schedule *s, int axis);

/* True where a linear operand is read as it lies, since all zeros that it has lie where steps are left out; s NULL: where some
 * schedule might do so. */
bool contraction_direct_between_zeros(const contraction *c, const contraction_operand *operand, const contraction_schedule *s);

/* The distance in the buffer of a direct operand's neighbours along an axis. */
int64_t contraction_stride(const contraction_operand *operand, int axis);

/* The only coordinate that the axis moves, by steps of 1; -1 where there is none. */
int contraction_coordinate_of(const contraction_operand *operand, int axis);

/* True where no other axis moves the coordinate. */
bool contraction_pure(const contraction *c, const contraction_coordinate *coordinate, int axis);

/* An even cut of an axis into tiles: the first `larger` have size + 1 units, the others size. Where
 * the vector axis is cut into blocks, these are whole vectors but for what is left to the last. Those of
 * a bounded axis are of one size; what is left of the size at run time is done one by one. */
typedef struct contraction_cut {
  int64_t tiles, size, larger;
} contraction_cut;

/* What an axis is cut into: indices, of the vector axis vectors. */
int64_t contraction_units(const contraction *c, const contraction_schedule *s, int axis);
contraction_cut contraction_cut_of(const contraction *c, const contraction_schedule *s, int axis);
int64_t contraction_largest(contraction_cut cut);

/* Length of the local copy of an operand along a coordinate, where sizes are the units that it
 * covers along each axis. */
int64_t contraction_box(const contraction *c, const contraction_schedule *s,
                        const contraction_coordinate *coordinate, const int64_t *sizes);

/* True where a copy whose box has these lengths along the operand's coordinates takes squares of elements that lie side by
 * side along one coordinate and come to lie so along another (contraction_turn.c): contraction_turn_side elements each way. */
int contraction_turn_side(const contraction *c, const target *t);
bool contraction_may_turn(const contraction *c, const target *t, int operand, int from, int to, const int64_t *lengths);

/* The units along each axis that a copy of an operand covers at most. */
void contraction_box_sizes(const contraction *c, const contraction_schedule *s,
                           int64_t sizes[CONTRACTION_AXES]);

#endif
