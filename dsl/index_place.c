#include "index_place.h"

/* Of constants and factors, so that a sum over all indices fits int64. */
enum { LARGEST = 1 << 27 };

static bool is_small(int64_t n) { return n >= -LARGEST && n <= LARGEST; }

static bool find(index_space *s, const ast *text, index_place *p);

/* p + factor · q; false where that is too large. */
static bool add(index_place *p, const index_place *q, int64_t factor) {
  int64_t constant = p->constant + factor * q->constant;
  if (!is_small(constant)) return false;
  p->constant = constant;
  for (int i = 0; i < MAX_RANK; i++) {
    p->factors[i] += factor * q->factors[i];
    if (!is_small(p->factors[i])) return false;
  }
  for (int i = 0; factor && i < q->atom_count; i++) {
    place_atom atom = q->atoms[i];
    atom.factor *= factor;
    if (p->atom_count == PLACE_ATOMS || !is_small(atom.factor)) return false;
    p->atoms[p->atom_count++] = atom;
  }
  return true;
}

static int64_t floor_divided(int64_t n, int64_t divisor) {
  return n / divisor - (n % divisor < 0);
}

static bool divide(index_space *s, const index_place *p, bool remainder, int64_t divisor,
                   index_place *out) {
  int64_t low, high;
  if (divisor < 1 || !is_small(divisor)) return false;
  if (divisor == 1) {
    *out = remainder ? (index_place){0} : *p;
    return true;
  }
  index_place_range(s, p, &low, &high);
  if (low < INT32_MIN || high > INT32_MAX) return false;
  int64_t quotient = floor_divided(low, divisor);
  if (quotient == floor_divided(high, divisor)) { /* the same everywhere */
    *out = (index_place){.constant = remainder ? 0 : quotient};
    return is_small(quotient * divisor) &&
           (!remainder || add(out, p, 1)) &&
           (!remainder || add(out, &(index_place){.constant = quotient * divisor}, -1));
  }
  index_place *operand = arena_new_of(s->e->arena, index_place);
  *operand = *p;
  *out = (index_place){.atom_count = 1, .atoms = {{1, divisor, operand, remainder}}};
  return true;
}

static bool is_constant(const index_place *p) {
  return !p->atom_count && !index_place_enters(p, ~0u);
}

static bool find_binary(index_space *s, const ast *n, index_place *p) {
  index_place l = {0}, r = {0};
  if (!find(s, n->left, &l) || !find(s, n->right, &r)) return false;
  *p = l;
  switch (n->op) {
    case AST_ADD: return add(p, &r, 1);
    case AST_SUBTRACT: return add(p, &r, -1);
    case AST_MULTIPLY: {
      bool left = is_constant(&l);
      *p = (index_place){0};
      return (left || is_constant(&r)) && add(p, left ? &r : &l, left ? l.constant : r.constant);
    }
    case AST_FLOOR_DIVIDE:
    case AST_REMAINDER:
      return is_constant(&r) && divide(s, &l, n->op == AST_REMAINDER, r.constant, p);
    default: return false;
  }
}

static bool find(index_space *s, const ast *n, index_place *p) {
  *p = (index_place){0};
  if (!index_space_enters(s, n)) {
    value v = index_space_fixed(s, n);
    if (!value_is_integer(v) || !is_small(v.number.numerator)) return false;
    p->constant = v.number.numerator;
    return true;
  }
  if (n->kind == AST_NAME) p->factors[index_space_find(s, n->name)] = 1;
  if (n->kind == AST_BINARY) return find_binary(s, n, p);
  if (n->kind != AST_UNARY || n->op != AST_NEGATE) return n->kind == AST_NAME;
  index_place operand;
  return find(s, n->operand, &operand) && add(p, &operand, -1);
}

const index_place *index_place_of(index_space *s, const ast *text) {
  index_place p;
  if (!find(s, text, &p)) return NULL;
  index_place *found = arena_new_of(s->e->arena, index_place);
  *found = p;
  return found;
}

static void widen(int64_t least, int64_t most, int64_t factor, int64_t *low, int64_t *high) {
  *low += factor * (factor < 0 ? most : least);
  *high += factor * (factor < 0 ? least : most);
}

void index_place_range(const index_space *s, const index_place *p, int64_t *low, int64_t *high) {
  *low = *high = p->constant;
  for (int i = 0; i < s->count; i++)
    widen(0, s->indices[i].extent.maximum - 1, p->factors[i], low, high);
  for (int i = 0; i < p->atom_count; i++) {
    const place_atom *atom = &p->atoms[i];
    int64_t least = 0, most = atom->divisor - 1;
    if (!atom->remainder) {
      index_place_range(s, atom->operand, &least, &most);
      least = floor_divided(least, atom->divisor);
      most = floor_divided(most, atom->divisor);
    }
    widen(least, most, atom->factor, low, high);
  }
}

bool index_place_enters(const index_place *p, unsigned indices) {
  for (int i = 0; i < MAX_RANK; i++)
    if (p->factors[i] && (indices >> i & 1)) return true;
  for (int i = 0; i < p->atom_count; i++)
    if (index_place_enters(p->atoms[i].operand, indices)) return true;
  return false;
}

bool index_place_equal(const index_place *a, const index_place *b) {
  bool equal = a->constant == b->constant && a->atom_count == b->atom_count;
  for (int i = 0; i < MAX_RANK; i++) equal = equal && a->factors[i] == b->factors[i];
  for (int i = 0; equal && i < a->atom_count; i++) {
    const place_atom *x = &a->atoms[i], *y = &b->atoms[i];
    equal = x->factor == y->factor && x->divisor == y->divisor && x->remainder == y->remainder &&
            index_place_equal(x->operand, y->operand);
  }
  return equal;
}
