/* The syntax tree of a .dnn file: what the parser makes, the printer writes and elaboration reads.
 *
 * There is one node type. A node has a kind, a place, at most one name, up to four parts and up to
 * three lists; a union gives every part and list the name of the role it plays, so that one reads
 * n->left, n->condition, n->items, and a walk over all kinds needs no switch. The table of kinds
 * says which fields a kind uses; all others are zero. Nodes lie in the arena and do not change
 * after parsing. */
#ifndef AST_H
#define AST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "arena.h"
#include "diag.h"

/* Limits that the parser enforces with an error, so that any walk of a tree may recurse. A chain
 * such as a + b + … or x |> f |> … counts as many levels as it has operators. */
enum {
  AST_MOST_HEIGHT = 250,            /* levels of a tree */
  AST_MOST_BRACKETS = 200,          /* open brackets at one place */
  AST_MOST_BYTES = 4 * 1024 * 1024, /* of one file */
};

/* K(KIND, words for messages) — "?" marks a part that may be NULL, "…" a list that may be empty. */
#define AST_KINDS(K)                                                                             \
  /* expressions */                                                                              \
  K(INTEGER, "an integer")          /* name: the text as written; integer */                     \
  K(REAL, "a number")               /* name: the text, also "inf", "nan"; real */                \
  K(BOOL, "a truth value")          /* name: "true" or "false"; truth */                         \
  K(STRING, "a text")               /* name: the text without quotes, escapes resolved */        \
  K(NAME, "a name")                 /* name */                                                   \
  K(TUPLE, "a tuple")               /* items…: expressions or NAMED */                           \
  K(NAMED, "an argument by name")   /* name: value */                                            \
  K(CALL, "a call")                 /* base(items…): expressions or NAMED */                     \
  K(BRACKETS, "brackets")           /* base[items…]: expressions, SLICE, ELLIPSIS; the new axis  \
                                       of x[:, new] is the NAME new, where new is not in scope */\
  K(SLICE, "a slice")               /* start?:stop?:step? — see ast_as_named for `pad: 2` */     \
  K(ELLIPSIS, "`...`")              /* in brackets and in the sizes of a type */                 \
  K(MEMBER, "a member")             /* base.name */                                              \
  K(UNARY, "an operation")          /* op operand */                                             \
  K(BINARY, "an operation")         /* left op right; at has its caret on the operator */        \
  K(CHOICE, "a choice")             /* condition ? then : otherwise */                           \
  K(PIPE, "a pipe")                 /* left |> right: NAME, MEMBER, BRACKETS or CALL */          \
  K(IF, "an `if`")                  /* condition, then: BLOCK, otherwise?: BLOCK or IF */        \
  K(FOR, "a `for`")                 /* patterns in sequences, body */                            \
  K(SCAN, "a `scan`")               /* checkpoint?, patterns, sequences, condition?, body */     \
  K(REPEAT, "a `repeat`")           /* count, body */                                            \
  K(WHILE, "a `while`")             /* condition, body */                                        \
  K(RANGE, "a range")               /* start..stop, only as a sequence of FOR and SCAN */        \
  K(BLOCK, "a block")               /* items…: statements; an expression is a statement */       \
  /* statements */                                                                               \
  K(USE, "`use`")                   /* name */                                                   \
  K(CONST, "a constant")            /* name = value */                                           \
  K(FUNCTION, "a function")         /* name, statics…, has_parameters, parameters…, type? or */  \
                                    /* results…, body */                                         \
  K(ENTRY, "an entry")              /* as FUNCTION; always has_parameters */                     \
  K(TASK, "a task")                 /* name, after?: NAME, body */                               \
  K(PARAM, "a parameter")           /* name, type?, value? */                                    \
  K(STATE, "a state")               /* name, type?, value? */                                    \
  K(DEFINE, "a definition")         /* target = value; see ast_target below */                   \
  K(UPDATE, "an update")            /* target <- value; target: any postfix expression */        \
  K(EMIT, "an `emit`")              /* value: a TUPLE for `emit a, b` */                         \
  K(MINIMIZE, "a `minimize`")       /* maximize; value over over except excluded… with with */   \
  K(DERIVATIVE, "a `derivative`")   /* parameters: NAMEs in PARAMETER nodes, body */             \
  /* parts of declarations */                                                                    \
  K(TYPE, "a type")                 /* name[items…]: sizes, expressions or ELLIPSIS */           \
  K(STATIC, "a static parameter")   /* name, value? (= default), bound? (name <= bound) */       \
  K(PARAMETER, "a parameter")       /* name, type?, value? (= default) */                        \
  K(RESULT, "a result")             /* name, type? */

typedef enum ast_kind {
#define AST_ENUM(kind, words) AST_##kind,
  AST_KINDS(AST_ENUM)
#undef AST_ENUM
  AST_KIND_COUNT
} ast_kind;

/* O(OPERATOR, spelling, binding): a larger binding binds tighter. */
#define AST_OPERATORS(O)                                                                         \
  O(OR, "or", 3)                                                                                 \
  O(AND, "and", 4)                                                                               \
  O(NOT, "not", 5)                                                                               \
  O(EQUAL, "==", 6)                                                                              \
  O(NOT_EQUAL, "!=", 6)                                                                          \
  O(LESS, "<", 6)                                                                                \
  O(GREATER, ">", 6)                                                                             \
  O(LESS_EQUAL, "<=", 6)                                                                         \
  O(GREATER_EQUAL, ">=", 6)                                                                      \
  O(ADD, "+", 7)                                                                                 \
  O(SUBTRACT, "-", 7)                                                                            \
  O(MULTIPLY, "*", 8)                                                                            \
  O(DIVIDE, "/", 8)                                                                              \
  O(FLOOR_DIVIDE, "//", 8)                                                                       \
  O(REMAINDER, "%", 8)                                                                           \
  O(MATRIX_PRODUCT, "@", 8)                                                                      \
  O(NEGATE, "-", 9)                                                                              \
  O(POWER, "**", 10)

typedef enum ast_operator {
#define AST_ENUM(operator, spelling, binding) AST_##operator,
  AST_OPERATORS(AST_ENUM)
#undef AST_ENUM
  AST_OPERATOR_COUNT
} ast_operator;

typedef struct ast ast;

typedef struct ast_list {
  ast **items;
  int count;
} ast_list;

enum { AST_PARTS = 4, AST_LISTS = 3 };

struct ast {
  ast_kind kind;
  ast_operator op;     /* UNARY, BINARY */
  location at;         /* all of the node; its caret is on the operator of BINARY, PIPE, CHOICE */
  const char *name;    /* NULL where the kind has none */
  short height;        /* 1 for a leaf */
  bool grouped;        /* stood in parentheses of its own; not part of equality */
  bool has_parameters; /* FUNCTION, ENTRY: a parameter list is written, be it () */
  bool maximize;       /* MINIMIZE */
  union {              /* INTEGER, REAL, BOOL */
    int64_t integer;
    double real;
    bool truth;
  };
  union {
    ast *part[AST_PARTS];
    struct {
      union { ast *left, *operand, *base, *condition, *start, *target, *after; };
      union { ast *right, *then, *stop, *value, *count; };
      union { ast *otherwise, *step, *type, *checkpoint; };
      union { ast *body, *bound, *with; };
    };
  };
  union {
    ast_list list[AST_LISTS];
    struct {
      union { ast_list items, statics, patterns, over; };
      union { ast_list parameters, sequences, excluded; };
      union { ast_list results; };
    };
  };
};

/* A file: its statements at top level, USE, ENTRY and TASK among them (only there). */
typedef struct ast_file {
  const source *source;
  ast_list items;
} ast_file;

/* Left sides. The target of a DEFINE is a pattern, NAME or TUPLE of patterns without keys (the
 * parser turns `a, b = t` into it), or BRACKETS with a NAME before the brackets: index notation,
 * its items being expressions of which NAME and BINARY LESS with a NAME at its left bind an index.
 * `patterns` of FOR and SCAN are such patterns without brackets; as many patterns as sequences
 * is elaboration's to check. */

/* Parses a whole file. Returns NULL when there was an error; all errors, several in one run, are in
 * d. The tree refers to s, which must live as long as the tree. */
ast_file *ast_parse(arena *a, diagnostics *d, const source *s);

/* Prints .dnn text that parses back to an equal tree: two spaces a level, comments are lost. */
void ast_print(FILE *out, const ast_file *file);

/* Prints one expression or statement without a final newline, for messages and dumps. */
void ast_print_node(FILE *out, const ast *n);

/* Equal up to places and redundant parentheses. Nodes may be NULL. */
bool ast_equal(const ast_file *a, const ast_file *b);
bool ast_equal_node(const ast *a, const ast *b);

/* Visits n and all below it, parents first, in the order of the fields. A visit that returns false
 * leaves out what is below. NULL is allowed for n. */
void ast_walk(const ast *n, bool (*visit)(const ast *n, void *context), void *context);

/* An item of CALL, TUPLE or BRACKETS read as an argument by name. `name: value` in brackets is
 * parsed as a SLICE, for only what stands before the brackets tells x[i:j] from conv[pad: 2].
 * Returns the value and sets *name; for an item that cannot be read so, NULL. */
ast *ast_as_named(const ast *item, const char **name);

/* The first name that a postfix expression starts with, a in a.b[0](c), or NULL. */
const char *ast_root_name(const ast *n);

/* Whether n is the NAME node of that name. */
bool ast_is_name(const ast *n, const char *name);

const char *ast_kind_words(ast_kind kind);        /* "a call" */
const char *ast_operator_text(ast_operator op);   /* "**" */
int ast_operator_binding(ast_operator op);

#endif
