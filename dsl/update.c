#include "update.h"

#include <string.h>

#include "expression.h"
#include "loop.h"
#include "operate.h"
#include "slots.h"
#include "subscript.h"

/* --- slots ---------------------------------------------------------------------------------- */

static void update_leaves(elaborator *e, const ast *n, value target, value v) {
  if (value_is_poison(target) || value_is_poison(v)) return;
  if (value_is(target, VALUE_TUPLE)) {
    const tuple *t = target.tuple;
    if (!value_is(v, VALUE_TUPLE) || v.tuple->count != t->count) {
      elaborator_error(e, n->at, "a tuple of %d is updated with a tuple of %d, not %s", t->count,
                       t->count, value_words(e->arena, v));
      return;
    }
    for (int i = 0; i < t->count; i++) {
      int other = t->keys && t->keys[i] && v.tuple->keys ? tuple_find(v.tuple, t->keys[i]) : i;
      if (other < 0)
        elaborator_error(e, n->at, "the new value has no `%s`", t->keys[i]);
      else update_leaves(e, n, t->items[i], v.tuple->items[other]);
    }
    return;
  }
  if (!value_is(target, VALUE_TENSOR) || !target.slot) {
    elaborator_error(e, n->target->at, "`<-` gives a param or state its next value; this is %s",
                     value_words(e->arena, target));
    return;
  }
  slot_record *s = target.slot;
  node *next = operate_convert(e, n->at, v, &s->slot.type, false,
                               arena_printf(e->arena, "the new value of `%s`", s->slot.path));
  if (next) slot_write(e, s, next, n->at);
}

static void update_slots(elaborator *e, const ast *n, const ast *target, value v) {
  binding *b = target->kind == AST_NAME ? scope_find(e->frame->scope, target->name) : NULL;
  update_leaves(e, n, expression_value(e, target), v);
  if (b && value_is(b->value, VALUE_TENSOR) && b->value.slot)
    b->value = slot_read(e, b->value.slot);
}

/* --- parts ---------------------------------------------------------------------------------- */

const ast *update_root(const ast *target) {
  while (target->kind == AST_BRACKETS || target->kind == AST_MEMBER) target = target->base;
  return target->kind == AST_NAME ? target : NULL;
}

static bool holds_slots(value v) {
  if (value_is(v, VALUE_TENSOR)) return v.slot;
  if (value_is(v, VALUE_SLOT)) return true;
  for (int i = 0; value_is(v, VALUE_TUPLE) && i < v.tuple->count; i++)
    if (holds_slots(v.tuple->items[i])) return true;
  return false;
}

bool update_is_plain(const binding *b) {
  if (b->plain) return true;
  return (value_is(b->value, VALUE_TENSOR) || value_is(b->value, VALUE_TUPLE)) &&
         !holds_slots(b->value);
}

static void bind_again(elaborator *e, const ast *n, const char *name, value v) {
  scope *home = scope_home(e->frame->scope, name);
  const binding *before = scope_find_here(home, name);
  if (!before) {
    elaborator_error(e, n->at, "`%s` is bound outside of this function, where this would change nothing; "
                     "bind it here first: %s = %s", name, name, name);
    return;
  }
  bool plain = before->plain;
  scope_bind(e->arena, home, name, v, n->at)->plain = plain;
}

/* The item of a tuple that a target names; -1 with an error. */
static int item_of(elaborator *e, const ast *target, const tuple *t) {
  if (target->kind == AST_BRACKETS) return subscript_item(e, target, t);
  int i = tuple_find(t, target->name);
  if (i < 0) elaborator_unknown(e, target->at, "key", target->name, t->keys, t->keys ? t->count : 0);
  return i;
}

static value with_item(arena *a, const tuple *before, int i, value v) {
  tuple *t = tuple_like(a, before);
  memcpy(t->items, before->items, (size_t)before->count * sizeof *t->items);
  t->items[i] = v;
  return (value){.kind = VALUE_TUPLE, .tuple = t};
}

/* What `=` has bound is the name's own, also where it came from a slot; else a slot stands for itself. */
static bool stands_for_slots(const binding *root, value v) {
  return !(root && root->plain) && holds_slots(v);
}

static void assign(elaborator *e, const ast *n, const ast *target, const binding *root, value v);

/* A part of a whole: the whole gets a new value, as far as that is no slot. */
static void assign_part(elaborator *e, const ast *n, const ast *target, const binding *root, value v) {
  value whole = expression_value(e, target->base);
  if (value_is_poison(whole)) return;
  if (value_is(whole, VALUE_TENSOR) && target->kind == AST_BRACKETS) {
    if (stands_for_slots(root, whole)) whole = slot_read(e, whole.slot);
    assign(e, n, target->base, root, subscript_replaced(e, target, whole, v));
    return;
  }
  const tuple *t = value_is(whole, VALUE_TUPLE) && root ? whole.tuple : NULL;
  int item = t ? item_of(e, target, t) : -1;
  if (t && item < 0) return;
  if (!t || stands_for_slots(root, t->items[item])) update_slots(e, n, target, v);
  else assign(e, n, target->base, root, with_item(e->arena, t, item, v));
}

static void assign(elaborator *e, const ast *n, const ast *target, const binding *root, value v) {
  if (value_is_poison(v)) return;
  if (target->kind == AST_BRACKETS || target->kind == AST_MEMBER)
    assign_part(e, n, target, root, v);
  else if (root && (value_is(root->value, VALUE_TUPLE) ||
                    (value_is(root->value, VALUE_TENSOR) && !stands_for_slots(root, root->value))))
    bind_again(e, n, target->name, v);
  else update_slots(e, n, target, v);
}

/* --- the statement -------------------------------------------------------------------------- */

/* Outside of entries and of what they call. */
static void refuse_update(elaborator *e, const ast *n, const binding *root) {
  if (root && n->target->kind != AST_NAME && update_is_plain(root))
    elaborator_error(e, n->at, "a part of `%s` is replaced in an entry or in what an entry calls only; here `=` binds "
                     "the name again", root->name);
  else elaborator_error(e, n->at, "`<-` belongs into an entry or into what an entry calls");
}

void update_run(elaborator *e, const ast *n) {
  const ast *target = n->target;
  value v = expression_value(e, n->value);
  const ast *name = update_root(target);
  const binding *root = name ? scope_find(e->frame->scope, name->name) : NULL;
  if (loop_root(e) == e->initial) {
    refuse_update(e, n, root);
    return;
  }
  const binding *b = name == target ? root : NULL;
  if (b && b->plain)
    elaborator_error(e, target->at, "`%s` is a plain name, which `=` binds again; `<-` is for "
                     "param and state, and for a part: %s[i] <- …", target->name, target->name);
  else if (b) update_slots(e, n, target, v);
  else if (!value_is_poison(v)) assign(e, n, target, root, v);
}
