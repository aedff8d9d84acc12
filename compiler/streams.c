#include "streams.h"

#include <fcntl.h>
#include <unistd.h>

/* Descriptors are given from the lowest on. */
void streams_keep(void) {
  int file;
  do file = open("/dev/null", O_RDONLY);
  while (file >= 0 && file <= 2);
  if (file > 2) close(file);
}
