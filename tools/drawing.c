#include "drawing.h"

#include <string.h>

#include "child.h"
#include "file.h"
#include "graph_dot.h"
#include "model.h"
#include "text_stream.h"

/* The format of a picture by the end of its file's name; NULL: none is known. */
static const char *format_of(const char *path) {
  static const char *const formats[] = {"png", "svg", "pdf", "dot"};
  const char *end = strrchr(path, '.');
  for (size_t i = 0; end && i < sizeof formats / sizeof *formats; i++)
    if (!strcmp(end + 1, formats[i])) return formats[i];
  return NULL;
}

/* The picture in the language of Graphviz; NULL after an error. */
static const char *drawn(arena *a, diagnostics *d, const options *o) {
  compile_options compile = {.target_cpu = "native", .renamed = true};
  const char *entry = o->entry_count ? o->entries[0] : NULL;
  program *p = model_elaborate(a, d, o, (elaborate_options){0});
  if (!p || (entry && !program_check_entry(p, d, entry))) return NULL;
  text_stream out;
  text_stream_open(&out, a);
  bool good = graph_dot(out.out, p, d, &compile, o->stage ? o->stage : "kernels", entry);
  const char *text = text_stream_close(&out);
  return good ? text : NULL;
}

/* Lays the picture out; false after an error. */
static bool lay_out(arena *a, diagnostics *d, const char *text, const char *format, child_output *picture) {
  const char *const arguments[] = {"dot", arena_printf(a, "-T%s", format), NULL};
  if (child_run(a, d, arguments, text, picture)) return true;
  diag_note(d, "    .png, .svg and .pdf are made by Graphviz's program dot (Debian package graphviz); .dot needs none");
  return false;
}

static int write_picture(arena *a, const char *path, const child_output *picture) {
  const char *error = NULL;
  file_part part = {picture->data, picture->bytes};
  return file_replace(a, path, 1, &part, &error) ? 0 : tool_error("%s", error);
}

int drawing_write(arena *a, const options *o) {
  const char *format = format_of(o->graph);
  if (!format)
    return tool_wrong_use(o, "--graph writes .png, .svg, .pdf or .dot, not '%s'", o->graph);
  if (o->stage && !graph_dot_is_stage(o->stage))
    return tool_wrong_use(o, "--stage is one of %s, not '%s'", graph_dot_stages(a), o->stage);
  diagnostics *d = diag_new(a);
  const char *text = drawn(a, d, o);
  child_output picture = {(char *)text, text ? strlen(text) : 0};
  bool laid_out = text && (!strcmp(format, "dot") || lay_out(a, d, text, format, &picture));
  return laid_out ? write_picture(a, o->graph, &picture) : tool_diagnostics(d);
}
