/* Colours of messages on a terminal: used where the stream is one and NO_COLOR (https://no-color.org) is
 * not set, or as the user says. */
#ifndef COLOUR_H
#define COLOUR_H

#include <stdbool.h>
#include <stdio.h>

typedef enum colour { COLOUR_PLACE, COLOUR_ERROR, COLOUR_WARNING, COLOUR_PROGRESS, COLOUR_OFF } colour;

/* The words of --color: auto, always or never. False where it is none of them. */
bool colour_choose(const char *when);

/* What switches a colour on in a stream, or all off; "" where the stream has none. */
const char *colour_text(FILE *out, colour c);

/* Prints a word in a colour, and a blank. */
void colour_word(FILE *out, colour c, const char *word);

#endif
