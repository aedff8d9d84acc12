#include "image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>
#include <libpng/png.h> /* not png.h of this folder */

#include "data_stream.h"

bool image_is(const char *name) {
  static const char *const ends[] = {".png", ".jpg", ".jpeg"};
  size_t length = strlen(name);
  for (int i = 0; i < 3; i++) {
    size_t end = strlen(ends[i]);
    if (length > end && !strcasecmp(name + length - end, ends[i])) return true;
  }
  return false;
}

static const char *check_size(arena *a, image_size wanted, int64_t height, int64_t width) {
  if (height == wanted.height && width == wanted.width) return NULL;
  return arena_printf(a, "the picture is %lld high and %lld wide, the input takes %lld and %lld",
                      (long long)height, (long long)width, (long long)wanted.height,
                      (long long)wanted.width);
}

/* Whether all chunks of a PNG are there, to the last one. libpng does not ask once it has the pixels. */
static bool is_whole_png(const char *bytes, size_t count) {
  enum { SIGNATURE = 8, AROUND = 12 }; /* of a chunk: length, name, and a checksum behind its data */
  for (size_t at = SIGNATURE; count - at >= AROUND;) {
    const unsigned char *length = (const unsigned char *)bytes + at;
    size_t size = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
    if (size > count - at - AROUND) return false;
    if (!memcmp(bytes + at + 4, "IEND", 4)) return true;
    at += size + AROUND;
  }
  return false;
}

static const char *read_png(arena *a, const char *bytes, size_t count, image_size size, uint8_t *out) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  const char *fault = NULL;
  if (!is_whole_png(bytes, count)) return "the PNG ends early";
  if (png_image_begin_read_from_memory(&image, bytes, count)) {
    fault = check_size(a, size, image.height, image.width);
    image.format = size.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    static const png_color black = {0, 0, 0};
    if (!fault) png_image_finish_read(&image, &black, out, 0, NULL);
  }
  /* A warning (1) is no error. */
  if (!fault && image.warning_or_error > 1)
    fault = arena_printf(a, "the PNG is damaged (%s)", image.message);
  png_image_free(&image);
  return fault;
}

typedef struct jpeg_faults {
  struct jpeg_error_mgr manager;
  jmp_buf back;
  char message[JMSG_LENGTH_MAX];
} jpeg_faults;

static void jpeg_fault(j_common_ptr jpeg) {
  jpeg_faults *f = (jpeg_faults *)jpeg->err;
  f->manager.format_message(jpeg, f->message);
  longjmp(f->back, 1);
}

/* Damaged data is reported as a warning and filled with grey: here it is a fault. */
static void jpeg_warning(j_common_ptr jpeg, int level) {
  if (level < 0) jpeg_fault(jpeg);
}

static const char *read_jpeg(arena *a, const char *bytes, size_t count, image_size size, uint8_t *out) {
  struct jpeg_decompress_struct jpeg;
  jpeg_faults faults;
  const char *volatile fault = NULL;
  jpeg.err = jpeg_std_error(&faults.manager);
  faults.manager.error_exit = jpeg_fault;
  faults.manager.emit_message = jpeg_warning;
  if (setjmp(faults.back)) {
    jpeg_destroy_decompress(&jpeg);
    return arena_printf(a, "the JPEG is damaged (%s)", faults.message);
  }
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, (const unsigned char *)bytes, count);
  jpeg_read_header(&jpeg, TRUE);
  fault = check_size(a, size, jpeg.image_height, jpeg.image_width);
  if (!fault) {
    jpeg.out_color_space = size.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&jpeg);
    while (jpeg.output_scanline < jpeg.output_height) {
      JSAMPROW row = out + (int64_t)jpeg.output_scanline * size.width * size.channels;
      jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
  }
  jpeg_destroy_decompress(&jpeg);
  return fault;
}

uint8_t *image_read(arena *a, const char *path, image_size size, const char **error) {
  static const char png[] = "\x89PNG\r\n\x1a\n";
  size_t count;
  arena *scratch = arena_new();
  const char *bytes = data_content(scratch, path, &count, error), *fault = NULL;
  if (!bytes) {
    *error = arena_text(a, *error);
    arena_free(scratch);
    return NULL;
  }
  uint8_t *out = arena_alloc(a, (size_t)(size.channels * size.height * size.width));
  if (count >= 8 && !memcmp(bytes, png, 8)) fault = read_png(a, bytes, count, size, out);
  else if (count >= 2 && !memcmp(bytes, "\xff\xd8", 2)) fault = read_jpeg(a, bytes, count, size, out);
  else fault = "neither a PNG nor a JPEG file";
  arena_free(scratch);
  if (fault) *error = arena_printf(a, "%s: %s", path, fault);
  return fault ? NULL : out;
}
