/* The syntax tree as .dnn text that parses back to an equal tree. Parentheses stand where the
 * grammar needs them to bind as the tree does, and nowhere else. */
#include <string.h>

#include "ast.h"

typedef struct printer {
  FILE *out;
  int level;
} printer;

/* Bindings of what AST_OPERATORS does not hold. */
enum { BINDING_RANGE = -1, BINDING_ANY = 0, BINDING_PIPE = 1, BINDING_CHOICE = 2, BINDING_POSTFIX = 11 };

static void print_expression(printer *w, const ast *n, int binding);
static void print_statement(printer *w, const ast *n);

static void print_text(printer *w, const char *text) { fputs(text, w->out); }

static void new_line(printer *w) { fprintf(w->out, "\n%*s", 2 * w->level, ""); }

static void print_each(printer *w, ast_list list, void (*print)(printer *, const ast *)) {
  for (int i = 0; i < list.count; i++) {
    if (i) print_text(w, ", ");
    print(w, list.items[i]);
  }
}

static void print_any(printer *w, const ast *n) { print_expression(w, n, BINDING_ANY); }

/* Where a range needs no parentheses. */
static void print_argument(printer *w, const ast *n) { print_expression(w, n, BINDING_RANGE); }

static void print_block(printer *w, const ast *n) {
  print_text(w, "{");
  w->level++;
  for (int i = 0; i < n->items.count; i++) {
    new_line(w);
    print_statement(w, n->items.items[i]);
  }
  w->level--;
  if (n->items.count) new_line(w);
  print_text(w, "}");
}

static void print_string(printer *w, const char *text) {
  putc('"', w->out);
  for (; *text; text++) {
    if (*text == '\n') print_text(w, "\\n");
    else if (*text == '\t') print_text(w, "\\t");
    else fprintf(w->out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
  }
  putc('"', w->out);
}

static void print_tuple(printer *w, const ast *n) {
  bool needs_comma = n->items.count == 1 && n->items.items[0]->kind != AST_NAMED;
  print_text(w, "(");
  print_each(w, n->items, print_argument);
  print_text(w, needs_comma ? ",)" : ")");
}

static void print_slice(printer *w, const ast *n) {
  if (n->start) print_any(w, n->start);
  print_text(w, ast_as_named(n, &(const char *){NULL}) ? ": " : ":");
  if (n->stop) print_any(w, n->stop);
  if (n->step) {
    print_text(w, ":");
    print_any(w, n->step);
  }
}

/* Operators group to the left; comparisons do not group; a power groups to the right and takes a
 * minus there, as in a ** -b ** c. */
static void print_binary(printer *w, const ast *n) {
  int binding = ast_operator_binding(n->op);
  bool groups_left = n->op != AST_POWER && binding != ast_operator_binding(AST_EQUAL);
  print_expression(w, n->left, groups_left ? binding : binding + 1);
  fprintf(w->out, " %s ", ast_operator_text(n->op));
  print_expression(w, n->right,
                   n->op == AST_POWER ? ast_operator_binding(AST_NEGATE) : binding + 1);
}

static void print_unary(printer *w, const ast *n) {
  print_text(w, n->op == AST_NOT ? "not " : "-");
  print_expression(w, n->operand, ast_operator_binding(n->op));
}

static void print_choice(printer *w, const ast *n) {
  print_expression(w, n->condition, BINDING_CHOICE + 1);
  print_text(w, " ? ");
  print_expression(w, n->then, BINDING_CHOICE);
  print_text(w, " : ");
  print_expression(w, n->otherwise, BINDING_CHOICE);
}

static void print_if(printer *w, const ast *n) {
  print_text(w, "if ");
  print_any(w, n->condition);
  print_text(w, " ");
  print_block(w, n->then);
  if (!n->otherwise) return;
  print_text(w, " else ");
  print_any(w, n->otherwise);
}

/* The head of a loop up to its body. */
static void print_walk(printer *w, const char *word, const ast *n) {
  print_text(w, word);
  if (n->checkpoint) {
    print_text(w, "[checkpoint: ");
    print_any(w, n->checkpoint);
    print_text(w, "]");
  }
  print_text(w, " ");
  print_each(w, n->patterns, print_any);
  print_text(w, " in ");
  print_each(w, n->sequences, print_argument);
}

static void print_clause(printer *w, const char *before, const ast *n) {
  if (!n) return;
  print_text(w, before);
  print_any(w, n);
}

static void print_loop(printer *w, const ast *n) {
  switch (n->kind) {
  case AST_FOR: print_walk(w, "for", n); break;
  case AST_SCAN:
    print_walk(w, "scan", n);
    print_clause(w, " while ", n->condition);
    break;
  case AST_REPEAT: print_clause(w, "repeat ", n->count); break;
  default: print_clause(w, "while ", n->condition); break;
  }
  print_text(w, " ");
  print_block(w, n->body);
}

/* An expression that nothing around it can take apart, or a part of a declaration. */
static void print_item(printer *w, const ast *n) {
  switch (n->kind) {
  case AST_STRING: print_string(w, n->name); break;
  case AST_TUPLE: print_tuple(w, n); break;
  case AST_NAMED:
    fprintf(w->out, "%s: ", n->name);
    print_argument(w, n->value);
    break;
  case AST_CALL:
    print_expression(w, n->base, BINDING_POSTFIX);
    print_text(w, "(");
    print_each(w, n->items, print_argument);
    print_text(w, ")");
    break;
  case AST_BRACKETS:
    print_expression(w, n->base, BINDING_POSTFIX);
    print_text(w, "[");
    print_each(w, n->items, print_any);
    print_text(w, "]");
    break;
  case AST_MEMBER:
    print_expression(w, n->base, BINDING_POSTFIX);
    fprintf(w->out, ".%s", n->name);
    break;
  case AST_SLICE: print_slice(w, n); break;
  case AST_ELLIPSIS: print_text(w, "..."); break;
  case AST_RANGE:
    print_any(w, n->start);
    print_text(w, "..");
    print_any(w, n->stop);
    break;
  case AST_IF: print_if(w, n); break;
  case AST_BLOCK: print_block(w, n); break;
  case AST_FOR: case AST_SCAN: case AST_REPEAT: case AST_WHILE: print_loop(w, n); break;
  default: print_text(w, n->name); break;
  }
}

static int binding_of(const ast *n) {
  switch (n->kind) {
  case AST_RANGE: return BINDING_RANGE;
  case AST_PIPE: return BINDING_PIPE;
  case AST_CHOICE: return BINDING_CHOICE;
  case AST_UNARY: case AST_BINARY: return ast_operator_binding(n->op);
  case AST_IF: case AST_FOR: case AST_SCAN: case AST_REPEAT: case AST_WHILE:
    return BINDING_POSTFIX - 1;
  default: return BINDING_POSTFIX;
  }
}

static void print_expression(printer *w, const ast *n, int binding) {
  bool in_parentheses = binding_of(n) < binding;
  if (in_parentheses) print_text(w, "(");
  switch (n->kind) {
  case AST_PIPE:
    print_expression(w, n->left, BINDING_PIPE);
    print_text(w, " |> ");
    print_expression(w, n->right, BINDING_POSTFIX);
    break;
  case AST_CHOICE: print_choice(w, n); break;
  case AST_UNARY: print_unary(w, n); break;
  case AST_BINARY: print_binary(w, n); break;
  default: print_item(w, n); break;
  }
  if (in_parentheses) print_text(w, ")");
}

static void print_type(printer *w, const ast *n) {
  if (!n) return;
  print_text(w, n->name);
  if (!n->items.count) return;
  print_text(w, "[");
  print_each(w, n->items, print_any);
  print_text(w, "]");
}

/* name: type = value and name <= bound, as far as they are there. */
static void print_declared(printer *w, const ast *n) {
  print_text(w, n->name);
  if (n->type) print_text(w, ": ");
  print_type(w, n->type);
  print_clause(w, " = ", n->value);
  if (n->kind == AST_STATIC) print_clause(w, " <= ", n->bound);
}

static void print_listed(printer *w, const char *open, ast_list list, const char *close) {
  print_text(w, open);
  print_each(w, list, print_declared);
  print_text(w, close);
}

static void print_function(printer *w, const ast *n) {
  fprintf(w->out, "%s %s", n->kind == AST_ENTRY ? "entry" : "fn", n->name);
  if (n->statics.count) print_listed(w, "[", n->statics, "]");
  if (n->has_parameters) print_listed(w, "(", n->parameters, ")");
  if (n->type) print_text(w, " -> ");
  print_type(w, n->type);
  if (n->results.count) print_listed(w, " -> (", n->results, ")");
  print_text(w, " ");
  print_block(w, n->body);
}

static void print_minimize(printer *w, const ast *n) {
  print_text(w, n->maximize ? "maximize " : "minimize ");
  print_any(w, n->value);
  print_text(w, " over ");
  print_each(w, n->over, print_any);
  if (n->excluded.count) print_text(w, " except ");
  print_each(w, n->excluded, print_any);
  print_clause(w, " with ", n->with);
}

static void print_task(printer *w, const ast *n) {
  fprintf(w->out, "task %s", n->name);
  print_clause(w, " after ", n->after);
  print_text(w, " ");
  print_block(w, n->body);
}

/* The first node of an expression's text. */
static const ast *leftmost(const ast *n) {
  for (;;) switch (n->kind) {
    case AST_PIPE: case AST_BINARY: n = n->left; break;
    case AST_CHOICE: n = n->condition; break;
    default: return n;
    }
}

/* A statement that began with a minus would go on with the line above. */
static void print_expression_statement(printer *w, const ast *n) {
  const ast *first = leftmost(n);
  bool begins_with_minus = first->kind == AST_UNARY && first->op == AST_NEGATE;
  if (begins_with_minus) print_text(w, "(");
  print_any(w, n);
  if (begins_with_minus) print_text(w, ")");
}

static void print_statement(printer *w, const ast *n) {
  switch (n->kind) {
  case AST_USE: fprintf(w->out, "use %s", n->name); break;
  case AST_CONST:
    print_text(w, "const ");
    print_declared(w, n);
    break;
  case AST_PARAM: case AST_STATE:
    print_text(w, n->kind == AST_PARAM ? "param " : "state ");
    print_declared(w, n);
    break;
  case AST_FUNCTION: case AST_ENTRY: print_function(w, n); break;
  case AST_TASK: print_task(w, n); break;
  case AST_DEFINE: case AST_UPDATE:
    print_any(w, n->target);
    print_clause(w, n->kind == AST_DEFINE ? " = " : " <- ", n->value);
    break;
  case AST_EMIT: print_clause(w, "emit ", n->value); break;
  case AST_MINIMIZE: print_minimize(w, n); break;
  case AST_DERIVATIVE:
    print_listed(w, "derivative(", n->parameters, ") ");
    print_block(w, n->body);
    break;
  case AST_TYPE: print_type(w, n); break;
  case AST_STATIC: case AST_PARAMETER: case AST_RESULT: print_declared(w, n); break;
  default: print_expression_statement(w, n); break;
  }
}

void ast_print_node(FILE *out, const ast *n) {
  printer w = {.out = out};
  print_statement(&w, n);
}

void ast_print(FILE *out, const ast_file *file) {
  for (int i = 0; i < file->items.count; i++) {
    const ast *n = file->items.items[i];
    bool has_body = n->kind == AST_FUNCTION || n->kind == AST_ENTRY || n->kind == AST_TASK;
    if (has_body && i) putc('\n', out);
    ast_print_node(out, n);
    putc('\n', out);
  }
}
