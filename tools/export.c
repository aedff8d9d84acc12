#include <stdio.h>

#include "checkpoint.h"
#include "commands.h"
#include "file.h"
#include "model.h"
#include "weight_transfer.h"

static bool export_weights(arena *a, const options *o, dnn_instance *instance) {
  const char *error = NULL, *path = o->rest[0];
  if (o->map && !weight_transfer_load(a, o->map, o->weights, instance, "")) return false;
  if (!o->map && o->weights && !checkpoint_weights(a, o->weights, instance, true, &error))
    return tool_error("%s", error) == 0;
  if (o->as) return weight_transfer_save(a, o->as, path, instance, "");
  return checkpoint_save(a, path, instance, "", &error) || tool_error("%s", error) == 0;
}

int command_export(arena *a, const options *o) {
  if (!o->rest_count) return tool_wrong_use(o, "no file was given to write");
  if (!file_has_suffix(o->rest[0], ".safetensors"))
    return tool_error("the name of the file that is written ends in .safetensors, unlike %s", o->rest[0]);
  dnn_library library;
  if (!model_open(a, o, &library)) return STATUS_ERROR;
  dnn_instance instance = {0};
  bool good = model_start(a, &instance, library.model, NULL, o->seed) && export_weights(a, o, &instance);
  dnn_instance_free(&instance);
  dnn_unload(&library);
  return good ? 0 : STATUS_ERROR;
}
