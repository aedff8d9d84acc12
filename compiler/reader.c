#include "reader.h"

#include <stddef.h>
#include <string.h>

static const reader_option none[] = {{0}};
static const reader_option raw[] = {
    {"record", SETTING_NUMBER}, {"offset", SETTING_NUMBER}, {"header", SETTING_NUMBER}, {0}};
static const reader_option npz[] = {{"array", SETTING_TEXT}, {0}};
static const reader_option tensors[] = {{"tensor", SETTING_TEXT}, {0}};

const data_reader data_readers[] = {{"idx", none}, {"npy", none},            {"raw", raw},
                                    {"npz", npz},  {"safetensors", tensors}, {0}};

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
