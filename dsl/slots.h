/* Instances and their slots. Instances form a tree; a slot is known by its path in it, such as
 * "net.linear_0.w", which is its name in checkpoints too. */
#ifndef SLOTS_H
#define SLOTS_H

#include "elaborator.h"

struct instance {
  const char *name, *path;    /* "linear_0", "net.linear_0"; the root's path is "" */
  instance *origin;           /* of a copy or a part of one: what it has its initial values from */
  instance *parent;
  const callable *function;   /* NULL: the root, an entry, a place without a function */
  const ast *definition;      /* the `=` or entry that named it; NULL: anonymous */
  instance **children;
  int child_count;
  slot_record **slots;        /* in the order of declaration */
  int slot_count;
  bool unnamed_in_entry;      /* here or above: it may not own params */
  scope *members;             /* its body's names, for a bundle … */
  const graph *graph;         /* … in this graph; else of the latest call */
  bool busy;                  /* the bundle's body is being evaluated */
  const location *taken[SLOT_KINDS]; /* where all slots of a kind, here and below, were taken; NULL: nowhere */
};

struct slot_record {
  slot slot;
  const char *name;           /* last part of the path */
  instance *owner;
  node *initial;              /* in the graph of initial values; NULL after an error */
  const graph *graph;         /* to which current and first belong */
  node *current, *first;      /* its value now and at the start of the entry */
  bool written;
  location written_at;
};

/* The child of this name, made if missing; its path follows from its parent's. */
instance *instance_child(elaborator *e, instance *parent, const char *name);
instance *instance_find_child(const instance *parent, const char *name);
slot_record *instance_find_slot(const instance *owner, const char *name);

/* Adds a slot to an instance that has none of this name; an error where all slots of an instance that it is of were
 * taken before, as it was not among them. */
slot_record *slot_new(elaborator *e, instance *owner, const char *name, slot_kind kind,
                      const tensor_type *type, location at);

/* The slot's value in the graph under construction: its latest version, or its initial value in
 * the graph of those. */
value slot_read(elaborator *e, slot_record *s);

/* Whether a value, or a leaf of a tuple, is a VALUE_SLOT: what a declaration binds a name to. */
bool slots_are_leaves(value v);

/* The same with such leaves read. */
value slots_read(elaborator *e, value v);

/* Gives the slot its next version, which has the slot's type. */
void slot_write(elaborator *e, slot_record *s, node *next, location at);

/* Makes an instance, which has no slots yet, a copy of another. */
void instance_copy(elaborator *e, instance *i, instance *origin);

/* The path by which the initial values of an instance's slots draw: a copy draws what its origin
 * draws. */
const char *instance_drawn_as(const instance *i);

/* The slots of one kind in an instance and below: a tuple keyed by path, relative to the
 * instance. */
value instance_slots(elaborator *e, instance *i, slot_kind kind);

/* Takes down that all slots of a kind are taken at a place of the text, so that later ones are an error. */
void instance_taken(elaborator *e, instance *i, slot_kind kind, location at);

/* instance.name: a slot, a part, or a member of a bundle. */
value instance_member(elaborator *e, instance *i, const char *name, location at);

#endif
