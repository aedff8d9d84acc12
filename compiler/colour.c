#include "colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum { AUTO, ALWAYS, NEVER } chosen = AUTO;

bool colour_choose(const char *when) {
  static const char *const words[] = {[AUTO] = "auto", [ALWAYS] = "always", [NEVER] = "never"};
  for (int i = AUTO; i <= NEVER; i++) {
    if (strcmp(when, words[i])) continue;
    chosen = i;
    return true;
  }
  return false;
}

static bool is_set(const char *variable) {
  const char *value = getenv(variable);
  return value && *value;
}

/* A stream into memory has no descriptor. */
static bool is_used(FILE *out) {
  if (chosen != AUTO) return chosen == ALWAYS;
  const char *terminal = getenv("TERM");
  int file = fileno(out);
  return !is_set("NO_COLOR") && terminal && *terminal && strcmp(terminal, "dumb") && file >= 0 &&
         isatty(file);
}

const char *colour_text(FILE *out, colour c) {
  static const char *const texts[] = {[COLOUR_PLACE] = "\033[1m",
                                      [COLOUR_ERROR] = "\033[1;31m",
                                      [COLOUR_WARNING] = "\033[1;35m",
                                      [COLOUR_PROGRESS] = "\033[36m",
                                      [COLOUR_OFF] = "\033[0m"};
  return is_used(out) ? texts[c] : "";
}

void colour_word(FILE *out, colour c, const char *word) {
  fprintf(out, "%s%s%s ", colour_text(out, c), word, colour_text(out, COLOUR_OFF));
}
