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

/* What libpng reads from, and what it says of damage. */
typedef struct png_input {
  const char *bytes;
  size_t left;
  jmp_buf back;
  char message[128];
} png_input;

static void png_fault(png_structp png, png_const_charp message) {
  png_input *in = png_get_error_ptr(png);
  snprintf(in->message, sizeof in->message, "%s", message);
  longjmp(in->back, 1);
}

static void png_warning_unsaid(png_structp png, png_const_charp message) { (void)png, (void)message; }

static void png_take(png_structp png, png_bytep to, png_size_t count) {
  png_input *in = png_get_io_ptr(png);
  if (count > in->left) png_error(png, "it ends early");
  memcpy(to, in->bytes, count);
  in->bytes += count;
  in->left -= count;
}

/* All pixels as red, green, blue and opacity, as they stand in the file: no gamma is applied. */
static const char *decode_png(arena *a, png_structp png, png_infop info, image_size size, uint8_t **pixels) {
  png_read_info(png, info);
  const char *fault = check_size(a, size, png_get_image_height(png, info), png_get_image_width(png, info));
  if (fault) return fault;
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  *pixels = arena_alloc(a, (size_t)(4 * size.height * size.width));
  png_bytep *rows = arena_array_of(a, size.height, png_bytep);
  for (int64_t i = 0; i < size.height; i++) rows[i] = *pixels + 4 * i * size.width;
  png_read_image(png, rows);
  png_read_end(png, NULL);
  return NULL;
}

/* Over black; grey is the Y of a JPEG (Recommendation ITU-R BT.601). */
static void take_pixel(const uint8_t *rgba, int64_t channels, uint8_t *out) {
  int part[3];
  for (int i = 0; i < 3; i++) part[i] = (2 * rgba[i] * rgba[3] + 255) / 510;
  if (channels == 1) *out = (uint8_t)((299 * part[0] + 587 * part[1] + 114 * part[2] + 500) / 1000);
  else
    for (int i = 0; i < 3; i++) out[i] = (uint8_t)part[i];
}

static const char *read_png(arena *a, const char *bytes, size_t count, image_size size, uint8_t *out) {
  png_input in = {.bytes = bytes, .left = count};
  if (!is_whole_png(bytes, count)) return "the PNG ends early";
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &in, png_fault, png_warning_unsaid);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return "there is no memory to read the PNG";
  }
  if (setjmp(in.back)) {
    png_destroy_read_struct(&png, &info, NULL);
    return arena_printf(a, "the PNG is damaged (%s)", in.message);
  }
  png_set_read_fn(png, &in, png_take);
  uint8_t *pixels = NULL;
  const char *fault = decode_png(a, png, info, size, &pixels);
  for (int64_t i = 0; !fault && i < size.height * size.width; i++)
    take_pixel(pixels + 4 * i, size.channels, out + i * size.channels);
  png_destroy_read_struct(&png, &info, NULL);
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
  if (count >= 8 && !memcmp(bytes, png, 8)) fault = read_png(scratch, bytes, count, size, out);
  else if (count >= 2 && !memcmp(bytes, "\xff\xd8", 2)) fault = read_jpeg(a, bytes, count, size, out);
  else fault = "neither a PNG nor a JPEG file";
  if (fault) *error = arena_printf(a, "%s: %s", path, fault);
  arena_free(scratch);
  return fault ? NULL : out;
}
