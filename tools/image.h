/* Pictures in files, PNG and JPEG, as bytes. */
#ifndef IMAGE_H
#define IMAGE_H

#include "arena.h"

#include <stdbool.h>
#include <stdint.h>

/* What a picture must be. Colours become grey, and grey ones colours, as channels (1 or 3) says; what
 * is transparent lies over black; of 16 bits the upper 8 are taken, and no gamma is applied. */
typedef struct image_size {
  int64_t channels, height, width;
} image_size;

/* True for names of files that image_read reads. */
bool image_is(const char *name);

/* The file's picture, [height, width, channels]. NULL with a message that names the file. */
uint8_t *image_read(arena *a, const char *path, image_size size, const char **error);

#endif
