#include <math.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "check.h"
#include "element.h"
#include "grad.h"

/* A gradient agrees when it does for one of these step sizes: large ones cross kinks (of max and
 * relu), small ones drown in rounding. Where even the smallest crosses a kink, that lies on one
 * side: the difference on the other side alone still has to agree, for one of the sizes. */
static const double step_sizes[] = {1e-5, 1e-6, 1e-7};
enum { STEP_SIZES = sizeof step_sizes / sizeof *step_sizes };
static const double most_relative = 1e-5, rounding = 1e-14;

/* Parameters are moved off their first values, among which zeros may meet kinks and ties. */
static const double shake = 0.01;

/* Of so many elements each is moved by itself, to find the one that is furthest off. */
enum { SINGLE_ELEMENTS = 64 };

/* An entry at a point: what stop_gradient holds has become inputs, and in loops is held by the evaluation. */
typedef struct point {
  arena *arena;
  graph *graph;
  const tensor **inputs;
  slot_values slots;
  evaluation evaluation;
  held_values *held; /* of the output that is being checked; NULL: none */
} point;

typedef struct parameter {
  int slot;            /* in program.slots */
  node **nodes;        /* that read it */
  int node_count;
} parameter;

/* The values of some nodes of a graph. */
static tensor **values_of(arena *a, const point *p, const graph *g, const slot_values *slots,
                          int count, node *const *nodes) {
  graph view = *g;
  view.outputs = arena_array_of(a, count, graph_value);
  view.output_count = count;
  view.update_count = 0;
  for (int i = 0; i < count; i++) view.outputs[i] = (graph_value){"value", nodes[i]};
  tensor **values = arena_array_of(a, count, tensor *);
  evaluation e = p->evaluation;
  e.arena = a;
  slot_values context = *slots;
  graph_eval(&e, &view, p->inputs, check_slot, &context, values, NULL);
  return values;
}

static bool is_stop(const node *n) { return n->op == OP_MAP && n->function == SCALAR_STOP; }

static node *copy_node(graph *g, const node *n, node *const *map) {
  node **operands = arena_array_of(g->arena, n->operand_count, node *);
  for (int i = 0; i < n->operand_count; i++) operands[i] = map[n->operands[i]->id];
  return build_like(g, n, operands);
}

/* A copy of the entry in which, with hold, every stop_gradient is an input that has its value
 * here. */
static point point_new(arena *a, const graph *entry, slot_values slots,
                       const options *o, bool hold, random_numbers *r) {
  point p = {.arena = a, .slots = slots, .evaluation = {.arena = a, .seed = o->seed}};
  node **stops = NULL, **map = arena_array_of(a, entry->node_count, node *);
  int stop_count = 0;
  for (int i = 0; i < entry->node_count; i++)
    if (hold && is_stop(entry->nodes[i])) arena_push(a, stops, stop_count) = entry->nodes[i];
  p.inputs = arena_array_of(a, entry->input_count + stop_count, const tensor *);
  tensor **inputs = check_inputs(a, entry, o, r);
  for (int i = 0; i < entry->input_count; i++) p.inputs[i] = inputs[i];
  tensor **held = values_of(a, &p, entry, &slots, stop_count, stops);
  if (hold) {
    p.held = arena_new_of(a, held_values);
    p.held->arena = a;
  }

  p.graph = graph_new(a, NULL, entry->name);
  for (int i = 0; i < entry->input_count; i++) { /* in the entry's order */
    const graph_value *in = &entry->inputs[i];
    map[in->node->id] = graph_add_input(p.graph, in->name, &in->node->type);
  }
  for (int i = 0; i < stop_count; i++) {
    map[stops[i]->id] = graph_add_input(p.graph, "held", &stops[i]->type);
    p.inputs[entry->input_count + i] = held[i];
  }
  for (int i = 0; i < entry->node_count; i++)
    if (!map[i]) map[i] = copy_node(p.graph, entry->nodes[i], map);
  for (int i = 0; i < entry->output_count; i++)
    graph_add_output(p.graph, entry->outputs[i].name, map[entry->outputs[i].node->id]);
  return p;
}

/* The parameters on which a value depends. */
static parameter *parameters_of(const point *p, const node *value, int *count) {
  const program *model = p->slots.program;
  parameter *list = NULL;
  *count = 0;
  for (int i = 0; i < model->slot_count; i++) {
    parameter found = {.slot = i};
    for (int k = 0; k < p->graph->node_count; k++) {
      node *n = p->graph->nodes[k];
      if (n->op == OP_SLOT && strcmp(node_text(n, 0), model->slots[i].path) == 0 &&
          grad_depends(p->graph, value, n))
        arena_push(p->arena, found.nodes, found.node_count) = n;
    }
    if (model->slots[i].kind == SLOT_PARAM && found.node_count)
      arena_push(p->arena, list, *count) = found;
  }
  return list;
}

/* The sweep of a value for nodes; NULL where it would go back through a loop that only its condition ends. */
static gradients *sweep_of(const point *p, node *value, int count, node *const *wanted) {
  diagnostics *d = p->graph->diagnostics = diag_new(p->arena);
  gradients *sweep = grad_sweep(p->graph, value, count, wanted);
  p->graph->diagnostics = NULL;
  return diag_count(d) ? NULL : sweep;
}

/* Moves the parameters by which a value has gradients to the front of the list, names the others, and
 * returns how many have. */
static int leave_out(const point *p, const graph_value *output, parameter *list, int count) {
  int kept = 0;
  for (int i = 0; i < count; i++) {
    if (sweep_of(p, output->node, list[i].node_count, list[i].nodes)) list[kept++] = list[i];
    else
      printf("  -     %s.%s by %s: no gradient, since a loop that only its condition ends lies between\n",
             p->graph->name, output->name, p->slots.program->slots[list[i].slot].path);
  }
  return kept;
}

/* Gradients of a value by parameters, summed over the nodes that read each; NULL where a parameter has
 * none. */
static tensor **gradients_of(const point *p, node *value, const parameter *list, int count) {
  arena *a = p->arena;
  node **wanted = NULL;
  int wanted_count = 0;
  for (int i = 0; i < count; i++)
    for (int k = 0; k < list[i].node_count; k++)
      arena_push(a, wanted, wanted_count) = list[i].nodes[k];
  gradients *sweep = sweep_of(p, value, wanted_count, wanted);
  if (!sweep) return NULL;
  tensor **result = arena_array_of(a, count, tensor *);
  for (int i = 0; i < count; i++) {
    const slot *s = &p->slots.program->slots[list[i].slot];
    result[i] = tensor_new(a, &s->type);
    for (int k = 0; k < list[i].node_count; k++) {
      node *gradient = grad_of(sweep, list[i].nodes[k]);
      if (!gradient) continue;
      arena *scratch = arena_new();
      const tensor *part = values_of(scratch, p, p->graph, &p->slots, 1, &gradient)[0];
      for (int64_t e = 0; e < type_elements(&s->type); e++)
        result[i]->reals[e] += part->reals[e];
      arena_free(scratch);
    }
  }
  return result;
}

/* The value, with what is held in loops where it is known. */
static double value_of(const point *p, node *value, const slot_values *slots) {
  arena *a = arena_new();
  point held = *p;
  held.evaluation.held = p->held;
  if (p->held) p->held->next = 0;
  double result = values_of(a, &held, p->graph, slots, 1, &value)[0]->reals[0];
  arena_free(a);
  return result;
}

static void note_held(const point *p, node *value) {
  if (!p->held) return;
  p->held->known = false;
  p->held->count = 0;
  value_of(p, value, &p->slots);
  p->held->known = true;
}

/* The value with one parameter moved along a direction. */
static double value_at(const point *p, node *value, int moved, const double *direction,
                       double distance) {
  arena *a = arena_new();
  const tensor *from = p->slots.values[moved];
  tensor *to = tensor_new(a, &from->type);
  for (int64_t i = 0; i < type_elements(&to->type); i++)
    to->reals[i] = from->reals[i] + distance * direction[i];
  slot_values slots = {p->slots.program, arena_array_of(a, p->slots.program->slot_count, tensor *)};
  memcpy(slots.values, p->slots.values, sizeof(tensor *) * (size_t)slots.program->slot_count);
  slots.values[moved] = to;
  double result = value_of(p, value, &slots);
  arena_free(a);
  return result;
}

/* What one direction showed: the derivative by the gradient, and by the finite difference that
 * came nearest; by a central one where none agrees. */
typedef struct finding {
  double gradient, difference;
  double error; /* relative; NaN where a value is */
  bool agrees;
  bool vanishes; /* both are zero but for rounding */
} finding;

/* A parameter's gradient of an output, to be checked. */
typedef struct subject {
  const point *point;
  const graph_value *output;
  int slot; /* in program.slots */
  const tensor *gradient;
} subject;

static double gap_of(const finding *f) {
  double gap = fabs(f->difference - f->gradient);
  return isnan(gap) ? INFINITY : gap;
}

/* Takes a finite difference over a distance into account; size is that of the values. */
static void consider(finding *f, double difference, double size, double distance) {
  if (f->agrees) return;
  double gap = fabs(difference - f->gradient);
  double error = gap > 0 ? gap / fmax(fabs(difference), fabs(f->gradient)) : gap;
  double noise = rounding * (1 + fabs(size)) / distance;
  if (isnan(f->error) || error < f->error) {
    f->difference = difference;
    f->error = error;
  }
  f->agrees = error <= most_relative || gap <= noise;
  f->vanishes = f->agrees && fmax(fabs(difference), fabs(f->gradient)) <= noise;
}

/* The derivative from what lies on one side only, within h (which may be negative) of the point. Of
 * second order like the central difference: (f(h) - f(0)) / h is off by h f'' / 2, which is too much
 * where a direction moves a hundred thousand elements. */
static double one_sided(const subject *s, const double *direction, double here, double h) {
  double near = value_at(s->point, s->output->node, s->slot, direction, h / 2);
  double far = value_at(s->point, s->output->node, s->slot, direction, h);
  return (4 * near - far - 3 * here) / h;
}

static finding compare_along(const subject *s, const double *direction) {
  finding f = {.error = NAN};
  for (int64_t i = 0; i < type_elements(&s->gradient->type); i++)
    if (direction[i] != 0) f.gradient += direction[i] * s->gradient->reals[i];
  for (int k = 0; k < STEP_SIZES && !f.agrees; k++) {
    double h = step_sizes[k];
    double above = value_at(s->point, s->output->node, s->slot, direction, h);
    double below = value_at(s->point, s->output->node, s->slot, direction, -h);
    consider(&f, (above - below) / (2 * h), above, h);
  }
  if (f.agrees) return f;
  double here = value_at(s->point, s->output->node, s->slot, direction, 0);
  for (int k = 0; k < 2 * STEP_SIZES; k++) {
    double h = step_sizes[k / 2];
    finding side = {.gradient = f.gradient, .error = NAN};
    consider(&side, one_sided(s, direction, here, k % 2 ? -h : h), here, h);
    if (side.agrees) return side;
  }
  return f;
}

/* The same with only the elements of [first, last) moved. */
static finding compare_stretch(const subject *s, const double *direction, int64_t first,
                               int64_t last) {
  arena *a = arena_new();
  double *part = arena_array_of(a, type_elements(&s->gradient->type), double);
  for (int64_t i = first; i < last; i++) part[i] = direction[i];
  finding f = compare_along(s, part);
  arena_free(a);
  return f;
}

/* The element that is furthest off, of those to which halving the direction leads. */
static int64_t furthest_element(const subject *s, const double *direction, finding *worst) {
  int64_t first = 0, last = type_elements(&s->gradient->type), element = 0;
  while (last - first > SINGLE_ELEMENTS) {
    int64_t middle = first + (last - first) / 2;
    finding left = compare_stretch(s, direction, first, middle);
    finding right = compare_stretch(s, direction, middle, last);
    if (gap_of(&left) >= gap_of(&right)) last = middle;
    else first = middle;
  }
  for (int64_t i = first; i < last; i++) {
    finding f = compare_stretch(s, direction, i, i + 1);
    if (i > first && !(gap_of(&f) > gap_of(worst))) continue;
    element = i;
    *worst = f;
    worst->gradient *= direction[i]; /* along the axis, not against it */
    worst->difference *= direction[i];
  }
  return element;
}

static void report_failure(const subject *s, const double *direction, const finding *f) {
  arena *a = arena_new();
  const char *path = s->point->slots.program->slots[s->slot].path;
  finding worst = *f;
  printf("  FAIL  %s.%s by %s: along a direction the gradient gives %.9g, finite differences "
         "%.9g\n",
         s->point->graph->name, s->output->name, path, f->gradient, f->difference);
  int64_t element = furthest_element(s, direction, &worst);
  printf("        furthest off is %s%s: gradient %.9g, finite difference %.9g\n", path,
         element_place_text(a, &s->gradient->type, element), worst.gradient, worst.difference);
  arena_free(a);
}

static void report_agreement(const subject *s, const finding *worst, bool vanishes,
                             const options *o) {
  printf("  ok    %s.%s by %s: %lld directions, ", s->point->graph->name, s->output->name,
         s->point->slots.program->slots[s->slot].path, (long long)o->directions);
  if (vanishes) printf("zero but for rounding\n");
  else printf("largest difference %.1e\n", worst->error);
}

/* Compares along random directions of signs, up to the first that fails. */
static bool check_parameter(const subject *s, const options *o, random_numbers *r) {
  arena *a = arena_new();
  int64_t elements = type_elements(&s->gradient->type);
  double *direction = arena_array_of(a, elements, double);
  finding worst = {.agrees = true};
  bool vanishes = true;
  for (int64_t i = 0; i < o->directions && worst.agrees; i++) {
    for (int64_t k = 0; k < elements; k++) direction[k] = random_uniform(r) < 0.5 ? -1 : 1;
    finding f = compare_along(s, direction);
    vanishes = vanishes && f.vanishes;
    if (!f.agrees) report_failure(s, direction, &f);
    if (!f.agrees || (!f.vanishes && f.error > worst.error)) worst = f;
  }
  if (worst.agrees) report_agreement(s, &worst, vanishes, o);
  arena_free(a);
  return worst.agrees;
}

static int check_output(const point *p, const graph_value *output, const options *o,
                        random_numbers *r, check_counts *counts) {
  int count, failures = 0;
  parameter *list = parameters_of(p, output->node, &count);
  if (!count) return 0;
  tensor **slopes = gradients_of(p, output->node, list, count);
  if (!slopes) {
    count = leave_out(p, output, list, count);
    slopes = gradients_of(p, output->node, list, count);
  }
  note_held(p, output->node);
  for (int i = 0; i < count; i++) {
    subject s = {p, output, list[i].slot, slopes[i]};
    failures += !check_parameter(&s, o, r);
  }
  counts->gradients += count;
  counts->directions += count * o->directions;
  return failures;
}

static void shake_parameters(const slot_values *slots, random_numbers *r) {
  for (int i = 0; i < slots->program->slot_count; i++) {
    const slot *s = &slots->program->slots[i];
    if (s->kind != SLOT_PARAM || !dtype_is_float(s->type.element)) continue;
    for (int64_t k = 0; k < type_elements(&s->type); k++)
      slots->values[i]->reals[k] += shake * random_normal(r);
  }
}

int check_entry_gradients(const graph *entry, const slot_values *slots, const options *o,
                          random_numbers *r, bool hold, check_counts *counts) {
  arena *a = arena_new();
  point p = point_new(a, entry, *slots, o, hold, r);
  int failures = 0;
  for (int i = 0; i < p.graph->output_count; i++) {
    const tensor_type *type = &p.graph->outputs[i].node->type;
    if (type->rank == 0 && dtype_is_float(type->element))
      failures += check_output(&p, &p.graph->outputs[i], o, r, counts);
  }
  arena_free(a);
  return failures;
}

int check_gradients(arena *a, const program *p, const options *o, check_counts *counts) {
  random_numbers r = random_new(o->seed, 0);
  slot_values slots = check_initial(a, p, o->seed);
  shake_parameters(&slots, &r);
  int failures = 0;
  printf("gradients against finite differences, in double\n");
  for (int i = 0; i < p->entry_count; i++) {
    failures += check_entry_gradients(p->entries[i], &slots, o, &r, true, counts);
    fflush(stdout);
  }
  return failures;
}
