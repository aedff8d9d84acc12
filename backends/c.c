/* Files of generated C: head, types, helpers, kernels, and what a single kernel needs around it. */
#include "c.h"

#include <string.h>

#include "c_unit.h"

void c_write_target_check(writer *w, const target *t) {
  if (!t->macros || !t->macros[0]) return;
  const char *missing = "";
  for (int i = 0; t->macros[i]; i++)
    missing = arena_printf(w->arena, "%s%s!defined(%s)", missing, i ? " || " : "", t->macros[i]);
  writer_text(w, arena_printf(w->arena, "#if %s\n", missing));
  const char *flags = "";
  for (int i = 0; t->flags[i]; i++) flags = arena_printf(w->arena, "%s %s", flags, t->flags[i]);
  writer_line(w, "#error \"compile with%s\"", flags);
  writer_line(w, "#endif");
}

/* Vectors that the target does not have in one register stay inside of this file, so that their
 * passing by value is nobody's interface. */
static const char preamble[] =
    "#define INLINE static inline __attribute__((always_inline))\n"
    "#pragma GCC diagnostic ignored \"-Wpsabi\"\n";

bool c_unit_write(const c_unit *u, FILE *out, const char *head, const char *rest) {
  fputs(head, out);
  fprintf(out, "\n%s", preamble);
  const writer *parts[] = {&u->types, &u->helpers, &u->kernels};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i]->length) fprintf(out, "%s%s", parts[i]->text[0] == '\n' ? "" : "\n", parts[i]->text);
  fprintf(out, "\n%s", rest);
  return !ferror(out);
}

bool c_emit_kernel(FILE *out, const loop_kernel *k, math_library *math, const target *t) {
  arena *a = math->arena;
  c_unit u = c_unit_new(a, t);
  c_kernel(&u, k);
  writer head = writer_new(a), rest = writer_new(a);
  c_write_target_check(&head, t);
  writer_line(&head, "#include <stddef.h>");
  writer_line(&head, "#include <stdint.h>");
  writer_gap(&head);
  writer_text(&head, dnn_abi_text);
  const char *list = c_has_tasks(k) ? "threads" : "";
  for (int i = 0; i < k->parameter_count; i++) {
    const loop_buffer *p = k->parameters[i];
    list = arena_printf(a, "%s%s(%s%s *)arguments[%d]", list, *list ? ", " : "",
                        p->access == LOOP_IN ? "const " : "", c_element(p->type.element), i);
  }
  writer_line(&rest, "#ifdef __cplusplus");
  writer_line(&rest, "extern \"C\"");
  writer_line(&rest, "#endif");
  writer_line(&rest, "__attribute__((visibility(\"default\")))");
  writer_line(&rest, "void kernel_call(const dnn_threads *threads, void *const *arguments);");
  writer_gap(&rest);
  writer_open(&rest, "void kernel_call(const dnn_threads *threads, void *const *arguments)");
  writer_line(&rest, "(void)threads;");
  writer_line(&rest, "%s(%s);", k->name, list);
  writer_close(&rest, "");
  return c_unit_write(&u, out, head.text, rest.text);
}
