#include "reader.h"

#include <stddef.h>
#include <string.h>

static const reader_option none[] = {{0}};
static const reader_option raw[] = {
    {"record", SETTING_NUMBER}, {"offset", SETTING_NUMBER}, {"header", SETTING_NUMBER}, {0}};
static const reader_option npz[] = {{"array", SETTING_TEXT}, {0}};
static const reader_option tensors[] = {{"tensor", SETTING_TEXT}, {0}};
static const reader_option csv[] = {{"columns", SETTING_NUMBER | SETTING_TEXT | SETTING_TUPLE},
                                    {"separator", SETTING_TEXT},
                                    {"header", SETTING_TRUTH},
                                    {"ragged", SETTING_TRUTH},
                                    {"classes", SETTING_TRUTH | SETTING_TEXTS},
                                    {0}};
static const reader_option text[] = {{"vocabulary", SETTING_TRUTH | SETTING_TEXT | SETTING_TEXTS},
                                     {"words", SETTING_TRUTH},
                                     {"lines", SETTING_TRUTH},
                                     {"others", SETTING_TRUTH},
                                     {"offset", SETTING_NUMBER},
                                     {"step", SETTING_NUMBER},
                                     {0}};
static const reader_option images[] = {{"classes", SETTING_TRUTH | SETTING_TEXTS}, {0}};

const data_reader data_readers[] = {
    {"idx", none}, {"npy", none}, {"raw", raw},   {"npz", npz}, {"safetensors", tensors},
    {"csv", csv},  {"text", text}, {"images", images}, {0}};

const data_reader *reader_find(const char *name) {
  for (const data_reader *r = data_readers; r->name; r++)
    if (!strcmp(r->name, name)) return r;
  return NULL;
}

const reader_option *reader_option_find(const data_reader *r, const char *name) {
  for (const reader_option *o = r->options; o->name; o++)
    if (!strcmp(o->name, name)) return o;
  return NULL;
}
